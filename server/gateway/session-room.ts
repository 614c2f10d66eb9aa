// How many sessions one connection may have: in all, on one document, with the others of its client's address, and in the memory of the
// process.
import { WeftError } from '../../core/errors.js'
import { MemoryCharge } from '../../core/memory-budget.js'
import type { AddressUse } from '../access/addresses.js'
import type { Connection } from '../transport/connection.js'
import type { GatewayServices } from './services.js'

/** What a session and its place in the document take, about. */
const SESSION_BYTES = 8 * 1024

export class SessionRoom {
  readonly #services: Pick<GatewayServices, 'limits' | 'budget'>
  readonly #connection: Connection
  readonly #addressUse: AddressUse | null
  /** How many sessions each document has. */
  readonly #on = new Map<string, number>()
  readonly #charge: MemoryCharge
  #count = 0

  /** `addressUse`: what the client's address has; null without bounds. */
  constructor(services: Pick<GatewayServices, 'limits' | 'budget'>, connection: Connection, addressUse: AddressUse | null) {
    this.#services = services
    this.#connection = connection
    this.#addressUse = addressUse
    this.#charge = new MemoryCharge(services.budget.account('received'))
  }

  /** Why a further session on the document is refused; null if there is room. */
  refusalOf(documentId: string): WeftError | null {
    this.#connection.rates.asked('opens')
    const { limits, budget } = this.#services
    const { sessionsPerConnectionMax, sessionsPerAddressMax, sessionsPerConnectionAndDocumentMax } = limits
    const refuse = (reason: string): WeftError => new WeftError('too-many-sessions', reason)
    if (this.#count >= sessionsPerConnectionMax)
      return refuse(`This connection has ${sessionsPerConnectionMax} documents open, which is the most it may.`)
    if (this.#addressUse !== null && this.#addressUse.sessions >= sessionsPerAddressMax)
      return refuse(`Your address has ${sessionsPerAddressMax} documents open here, which is the most it may; try again later.`)
    if ((this.#on.get(documentId) ?? 0) >= sessionsPerConnectionAndDocumentMax)
      return refuse(`This connection has the document open ${sessionsPerConnectionAndDocumentMax} times, which is the most it may.`)
    if (!this.#connection.isLink && !budget.hasRoomFor(SESSION_BYTES))
      return new WeftError('overloaded', 'The server has as many sessions as its memory permits; try again later.')
    return null
  }

  take(documentId: string): void {
    this.#on.set(documentId, (this.#on.get(documentId) ?? 0) + 1)
    this.#add(1)
  }

  giveBack(documentId: string): void {
    const others = (this.#on.get(documentId) ?? 1) - 1
    if (others === 0) this.#on.delete(documentId)
    else this.#on.set(documentId, others)
    this.#add(-1)
  }

  /** The connection is gone. Its sessions hold memory until they have left, see `left`. */
  clear(): void {
    if (this.#addressUse !== null) this.#addressUse.sessions -= this.#count
    this.#count = 0
    this.#on.clear()
  }

  /** After `clear`: so many have not left yet. */
  left(sessions: number): void {
    this.#charge.set(sessions * SESSION_BYTES)
  }

  #add(sessions: number): void {
    this.#count += sessions
    if (this.#addressUse !== null) this.#addressUse.sessions += sessions
    this.#charge.set(this.#count * SESSION_BYTES)
  }
}
