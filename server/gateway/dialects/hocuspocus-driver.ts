// The dialect of Hocuspocus' provider: any number of documents on one connection, each at an address of its own. Stock providers, unchanged.
import { unreachable } from '../../../core/assert.js'
import { checkDocumentId } from '../../../core/document-id.js'
import { asWeftError, closeCodes, WeftError } from '../../../core/errors.js'
import {
  decodeHocuspocus,
  documentIdOf,
  encodeHocuspocus,
  type HocuspocusClientMessage,
  heartbeatIn,
  hocuspocusPong,
} from '../../../protocol/dialects/hocuspocus.js'
import type { Authorization } from '../../access/authorize.js'
import type { Connection } from '../../transport/connection.js'
import type { Driver } from '../../transport/driver.js'
import type { Dialect, Opening } from '../dialect.js'
import { Openings } from '../openings.js'
import type { GatewayServices } from '../services.js'
import { Session } from '../session.js'
import { SessionRoom } from '../session-room.js'
import { HocuspocusQueue } from './hocuspocus-queue.js'
import { HocuspocusRefusals, OWED_MAX, type Owed } from './hocuspocus-refusals.js'
import { HocuspocusSession, type HocuspocusWrite } from './hocuspocus-session.js'
import { KeepAlive, type KeepAliveSpeaker } from './keep-alive.js'

/** An awareness update without entries: it changes nothing, and every version of the provider knows it. */
const noAwareness = Uint8Array.of(0)

/** Providers connect to the server's own address, where no document of y-websocket can be. */
export const hocuspocusDialect: Dialect = {
  name: 'hocuspocus',
  speaker: 'client',
  matches: (protocols, target) => (protocols.length === 0 && /^\/?(\?|$)/.test(target ?? '/x') ? 'none-selected' : null),
  open: (opening) => new HocuspocusDriver(opening),
}

interface OpenAddress {
  readonly channel: number
  readonly session: Session
  readonly wording: HocuspocusSession
  readonly documentId: string
}

export class HocuspocusDriver implements Driver, KeepAliveSpeaker {
  readonly #opening: Opening
  readonly #services: GatewayServices
  readonly #connection: Connection
  readonly #room: SessionRoom
  readonly #openings: Openings
  readonly #open = new Map<string, OpenAddress>()
  /** By channel, which is how openings are counted. */
  readonly #byChannel = new Map<number, OpenAddress>()
  /** Until they show another token. */
  readonly #refused = new HocuspocusRefusals()
  #lastChannel = 0
  #ignored = 0
  readonly #keepAlive: KeepAlive
  readonly #queue: HocuspocusQueue

  constructor(opening: Opening) {
    this.#opening = opening
    const { services, connection, addressUse, openingTurns } = opening
    this.#services = services
    this.#connection = connection
    this.#room = new SessionRoom(services, connection, addressUse)
    this.#queue = new HocuspocusQueue(services.clock, () => connection.pingInOrder())
    this.#keepAlive = new KeepAlive({ clock: services.clock, silenceMsMax: services.limits.silenceMsMax, connection }, this)
    this.#openings = new Openings(
      openingTurns,
      services.limits.openingsPerConnectionMax,
      (channel) => {
        const open = this.#byChannel.get(channel)
        if (open === undefined) this.#openings.ended(channel)
        else open.session.start()
      },
      (full) => (full ? connection.holdHandling() : connection.releaseHandling()),
    )
  }

  start(): void {
    this.#keepAlive.start()
  }

  message(data: Uint8Array): void {
    const heartbeat = heartbeatIn(data)
    if (heartbeat !== null) {
      // Whoever pings without reading gets no queue of answers.
      if (heartbeat === 'ping' && this.#connection.waitingBytes <= this.#services.limits.outboxBytesHigh) {
        this.#queue.speaks()
        this.#connection.send(hocuspocusPong)
      }
      return
    }
    // What a y-websocket provider begins with, of which the URL names no document.
    if (data[0] === 0) checkDocumentId('', this.#services.limits.documentIdBytesMax)
    const { address, message } = decodeHocuspocus(data)
    const open = this.#open.get(address)
    if (message.type === 'token') this.#token(address, open, message.token)
    else if (open !== undefined) this.#handle(address, open, message)
    else if (message.type === 'sync-step-1' && !this.#refused.has(address)) {
      // Version 2 shows no token where it has none.
      const opened = this.#openAddress(address, '')
      if (opened !== null) this.#handle(address, opened, message)
    } else {
      this.#refused.came(address, message.type)
      if (message.type !== 'close') this.#ignore(message.type)
    }
  }

  /** What came before was sent before the provider had heard anything, so it is not from its queue. */
  pongInOrder(): void {
    if (this.#queue.pong()) this.#decide(true)
  }

  text(): void {
    this.#ignore('text')
  }

  drain(): void {}

  gone(): null {
    return null
  }

  async settled(): Promise<void> {
    await Promise.all(Array.from(this.#open.values(), ({ session }) => session.settled()))
  }

  sendKeepAlive(): void {
    const [first] = this.#open
    if (first === undefined) return
    const [address, { session }] = first
    this.#queue.speaks()
    session.sendWhenFlowing(encodeHocuspocus(address, { type: 'awareness', update: noAwareness }))
  }

  ended(): void {
    this.#keepAlive.stop()
    this.#openings.clear()
    this.#room.clear()
    const left = [...this.#open.values()]
    this.#open.clear()
    this.#byChannel.clear()
    this.#leave(left)
  }

  /** Some in each turn of the event loop: a connection may have had a thousand documents open (G7). */
  #leave(left: OpenAddress[]): void {
    for (const { session, wording } of left.splice(0, LEFT_PER_TURN)) {
      wording.end()
      session.leave()
    }
    this.#room.left(left.length)
    if (left.length > 0) this.#services.clock.soon(() => this.#leave(left))
  }

  /** The first token of an address opens its document; a later one is another answer to who it is. */
  #token(address: string, open: OpenAddress | undefined, token: string): void {
    if (open === undefined) this.#openAddress(address, token)
    else open.session.reauthorize(() => this.#authorize(open.documentId, token))
  }

  #authorize(documentId: string, token: string): Promise<Authorization> {
    return this.#services.authorize({ ...this.#opening.visit, documentId, scope: 'document', token })
  }

  /** Null: it was refused at once, and told so. */
  #openAddress(address: string, token: string): OpenAddress | null {
    const documentId = documentIdOf(address)
    const refusal = this.#refusalOf(documentId)
    if (refusal !== null) {
      this.#refuse(address, refusal)
      return null
    }
    const owed = this.#refused.take(address)
    if (owed.counted > OWED_MAX) {
      this.#beginAnew()
      return null
    }
    this.#lastChannel += 1
    const channel = this.#lastChannel
    const wording = new HocuspocusSession({
      address,
      clock: this.#services.clock,
      send: (message) => this.#connection.send(message),
      opened: () => this.#openings.ended(channel),
      ended: (error) => this.#sessionEnded(address, error),
      queue: this.#queue,
      beginAnew: () => this.#beginAnew(),
    })
    const session = new Session({
      services: this.#services,
      connection: this.#connection,
      documentId,
      address: this.#opening.visit.address,
      dialect: wording,
      authorize: () => this.#authorize(documentId, token),
    })
    const opened = { channel, session, wording, documentId }
    this.#open.set(address, opened)
    this.#byChannel.set(channel, opened)
    this.#room.take(documentId)
    this.#openings.add(channel)
    if (owed.asked) session.sync(wording.askedBefore(owed))
    return opened
  }

  #refusalOf(documentId: string): WeftError | null {
    try {
      checkDocumentId(documentId, this.#services.limits.documentIdBytesMax)
    } catch (thrown) {
      return asWeftError(thrown)
    }
    return this.#room.refusalOf(documentId)
  }

  #handle(address: string, { session, wording }: OpenAddress, message: HocuspocusClientMessage): void {
    switch (message.type) {
      case 'sync-step-1':
        session.sync(wording.stepOne(message.stateVector))
        return
      case 'sync-step-2':
      case 'update':
        this.#written(session, wording, message)
        return
      case 'awareness':
        session.receiveAwareness(message.update)
        return
      case 'query-awareness':
        session.queryAwareness()
        return
      case 'close':
        this.#forget(address)
        session.leave()
        return
      case 'stateless':
        session.say({ kind: 'document' }, message.payload)
        return
      case 'unknown':
        this.#ignore(message.type)
        return
      case 'token':
        return
      default:
        unreachable(message)
    }
  }

  #written(session: Session, wording: HocuspocusSession, message: HocuspocusWrite): void {
    if (message.type === 'sync-step-2' && this.#queue.answered()) this.#decide(false)
    const submission = wording.nextSubmission(message)
    if (submission !== null) session.write(submission, message.update)
  }

  /** Whether what came before on any of its documents is counted. */
  #decide(counted: boolean): void {
    for (const { wording } of this.#open.values()) wording.decided(counted)
  }

  #beginAnew(): void {
    this.#connection.close(closeCodes.restart, 'Connect again, so that what is unsynced is counted anew.')
  }

  /** The address has no session any more. Null if it had none. */
  #forget(address: string): OpenAddress | null {
    const open = this.#open.get(address)
    if (open === undefined) return null
    this.#open.delete(address)
    this.#byChannel.delete(open.channel)
    open.wording.end()
    this.#room.giveBack(open.documentId)
    this.#openings.ended(open.channel)
    return open
  }

  #sessionEnded(address: string, error: WeftError): void {
    const open = this.#forget(address)
    if (open !== null) this.#refuse(address, error, open.wording.owed)
  }

  /**
   * The provider comes back after every close of its socket, so a refusal for good is said in-band, where it stays. What may be tried again is a closed socket: only then
   * does the provider begin anew by itself.
   */
  #refuse(address: string, error: WeftError, owed?: Owed): void {
    if (error.retryable) {
      this.#connection.fail(error)
      return
    }
    this.#refused.add(address, owed)
    const { logger } = this.#services
    logger[error.logLevel]({ connection: this.#connection.id, code: error.code }, error.message)
    this.#queue.speaks()
    this.#connection.send(encodeHocuspocus(address, { type: 'denied', reason: error.message }))
  }

  /** Applications send messages of their own, which their server understands. A provider's queue may come before its token, and is in its step 2 as well. */
  #ignore(type: HocuspocusClientMessage['type'] | 'text'): void {
    const { counters, limits } = this.#services
    counters.add('messages_ignored')
    if (type !== 'update' && type !== 'awareness') this.#ignored += 1
    if (this.#ignored > limits.ignoredMessagesPerConnectionMax)
      throw new WeftError('malformed', `More than ${limits.ignoredMessagesPerConnectionMax} messages had to be ignored.`)
  }
}

/** Sessions that leave in one turn of the event loop when their connection is gone. */
const LEFT_PER_TURN = 64
