// A page that uses our own client, with several documents over one socket, or over HTTP.
import { strict as assert } from 'node:assert'
import { connect, type DocumentSession, type TransportName, type WeftConnection } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { type Random, seededRandom } from '../../core/random.js'
import { simulatedFetch } from './http-wire.js'
import type { Ledger } from './ledger.js'
import type { SimulatedNetwork } from './network.js'
import { Participant, type SimulatedClient } from './participant.js'
import type { SimulatedAwareness } from './presence.js'
import type { HostClock, SimulatedTime } from './time.js'
import { webSocketClass } from './web-socket.js'

export interface ClientOptions {
  readonly time: SimulatedTime
  readonly clock: HostClock
  readonly network: SimulatedNetwork
  readonly random: Random
  readonly url: string
  readonly ledger: Ledger
  /** Whether everything that clients are shown is on the disk. */
  readonly shownIsDurable: boolean
}

export class WeftClient implements SimulatedClient {
  readonly clock: HostClock
  readonly random: Random
  readonly participants: readonly Participant[]
  readonly #options: ClientOptions
  readonly #connection: WeftConnection
  readonly #sessions: readonly DocumentSession<SimulatedAwareness>[]

  /** `clientIds` names each document's client id. */
  constructor(options: ClientOptions, clientIds: ReadonlyMap<string, number>, transports: readonly TransportName[] = ['websocket']) {
    const { clock, network, random, url, time } = options
    this.clock = clock
    this.random = random
    this.#options = options
    this.#connection = connect(url, {
      WebSocket: webSocketClass(network, clock),
      fetch: simulatedFetch(network, clock),
      transports,
      clock,
      random: seededRandom(random.below(2 ** 31)),
      logger: silentLogger,
      backoff: { capMs: 3_000 },
    })
    this.participants = Array.from(clientIds, ([documentId, clientId]) => new Participant(documentId, clientId, clock))
    this.#sessions = this.participants.map(({ documentId, doc, awareness }) => {
      const session = this.#connection.open(documentId, doc, { awareness })
      const look = (): void => {
        try {
          this.#checkSession(session)
        } catch (error) {
          time.fail(error)
        }
      }
      session.on('status', look)
      session.on('unsaved', look)
      return session
    })
  }

  check(): void {
    for (const session of this.#sessions) this.#checkSession(session)
  }

  checkQuiet(): void {
    this.check()
    for (const { documentId, status, unsaved } of this.#sessions) {
      assert.deepEqual(status, { state: 'saved' }, `${this.clock.name} is not in step with ${documentId}`)
      assert.equal(unsaved, 0)
    }
  }

  /** Whether the user is told that everything is saved, in all documents. */
  isSaved(): boolean {
    return this.#sessions.every(({ status }) => status.state === 'saved')
  }

  async close(): Promise<void> {
    await this.#connection.close()
    for (const participant of this.participants) participant.destroy()
  }

  /** D1: what the client takes for saved is on the disk. */
  #checkSession({ documentId, doc, unsaved, status }: DocumentSession<SimulatedAwareness>): void {
    if (status.state === 'saved') assert.equal(unsaved, 0, `D1: ${this.clock.name} says "saved" with ${unsaved} unsaved edits`)
    if (unsaved > 0 || !this.#options.shownIsDurable) return
    const { ledger } = this.#options
    assert.ok(
      ledger.holdsDocument(documentId, doc),
      `D1: ${this.clock.name} says that nothing of ${documentId} is unsaved, and it is not on the disk`,
    )
  }
}
