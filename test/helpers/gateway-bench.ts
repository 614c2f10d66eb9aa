// A gateway over the real document directory and awareness, on a manual clock, with clients whose sockets lie in memory.

import { Counters } from '../../core/counters.js'
import { defaultLimits, type Limits } from '../../core/limits.js'
import { type Logger, silentLogger } from '../../core/log.js'
import { MemoryBudget } from '../../core/memory-budget.js'
import { seededRandom } from '../../core/random.js'
import { MemoryStore } from '../../persistence/index.js'
import type { DocumentStore } from '../../persistence/store.js'
import { decodeWeftServer, encodeWeftClient, type WeftClientMessage, type WeftServerMessage } from '../../protocol/dialects/weft.js'
import { decodeYWebsocket, encodeYWebsocket, type YWebsocketMessage } from '../../protocol/dialects/y-websocket.js'
import { type Authorize, allowEverybody, guardedAuthorize } from '../../server/access/authorize.js'
import { SessionRegistry } from '../../server/access/session-registry.js'
import { soloAwarenessBus } from '../../server/awareness/bus.js'
import { DocumentAwarenesses } from '../../server/awareness/hub.js'
import { SoleOwnership } from '../../server/composition/sole-ownership.js'
import { LocalDirectory } from '../../server/document/local-directory.js'
import { defaultTuning } from '../../server/document/tuning.js'
import type { Arrival } from '../../server/gateway/dialect.js'
import { weftDialect } from '../../server/gateway/dialects/weft-driver.js'
import { yWebsocketDialect } from '../../server/gateway/dialects/y-websocket-driver.js'
import { Gateway } from '../../server/gateway/gateway.js'
import type { Socket, SocketEvents } from '../../server/transport/socket.js'
import { ManualClock } from './manual-clock.js'

export interface Closing {
  readonly code: number | 'terminated'
  readonly reason: string
}

/** A client's end in memory. Takes at once what it is sent, unless it is told to stall. */
export class BenchClient implements Socket {
  readonly frames: Uint8Array[] = []
  pings = 0
  /** Whether the server reads from this client. */
  isRead = true
  closing: Closing | null = null
  /** Whether this end answers pings and close frames. */
  isResponsive = true
  isStalled = false
  #events: SocketEvents | null = null
  readonly #clock: ManualClock
  /** What the server has sent and this end has not taken. */
  readonly #waiting: { readonly frame: Uint8Array; readonly onSent: () => void }[] = []
  /** What this end has sent and the server has not read. */
  readonly #unread: (() => void)[] = []

  constructor(clock: ManualClock) {
    this.#clock = clock
  }

  attach(events: SocketEvents): void {
    this.#events = events
  }

  /** The events of the server's end, for what only a broken socket would do. */
  get events(): SocketEvents {
    if (this.#events === null) throw new Error('The gateway has not accepted this socket')
    return this.#events
  }

  // What the server does with its end.

  get bufferedBytes(): number {
    return this.#waiting.reduce((sum, { frame }) => sum + frame.length, 0)
  }

  send(parts: readonly Uint8Array[], onSent: () => void): void {
    this.#waiting.push({ frame: Buffer.concat(parts), onSent })
    if (!this.isStalled) this.#clock.soon(() => this.#take())
  }

  ping(mark = 0): void {
    this.pings++
    if (this.isResponsive) this.#arrive(() => this.events.pong(mark))
  }

  pause(): void {
    this.isRead = false
  }

  resume(): void {
    this.isRead = true
    this.#clock.soon(() => this.#read())
  }

  close(code: number, reason: string): void {
    if (this.closing !== null) return
    this.closing = { code, reason }
    if (this.isResponsive) this.#clock.soon(() => this.events.closed(code))
  }

  terminate(): void {
    this.closing ??= { code: 'terminated', reason: '' }
    this.#clock.soon(() => this.events.closed(1006))
  }

  // What the client does with its end.

  sendBytes(bytes: Uint8Array): void {
    this.#arrive(() => this.events.message(bytes))
  }

  sendText(): void {
    this.#arrive(() => this.events.text())
  }

  sendWeft(message: WeftClientMessage): void {
    this.sendBytes(Buffer.concat(encodeWeftClient(message)))
  }

  sendY(message: YWebsocketMessage): void {
    this.sendBytes(Buffer.concat(encodeYWebsocket(message)))
  }

  open(channel: number, documentId: string, token = ''): void {
    this.sendWeft({ type: 'open', channel, documentId, token, known: { kind: 'nothing' } })
  }

  /** Takes what waits, as a reader that comes back. */
  unstall(): void {
    this.isStalled = false
    this.#clock.soon(() => this.#take())
  }

  /** The client is gone, properly. */
  leave(): void {
    this.events.closed(1000)
  }

  get weft(): WeftServerMessage[] {
    return this.frames.map(decodeWeftServer)
  }

  get y(): YWebsocketMessage[] {
    return this.frames.map(decodeYWebsocket)
  }

  weftOf<Type extends WeftServerMessage['type']>(type: Type): Extract<WeftServerMessage, { type: Type }>[] {
    return this.weft.filter((message): message is Extract<WeftServerMessage, { type: Type }> => message.type === type)
  }

  yOf<Type extends YWebsocketMessage['type']>(type: Type): Extract<YWebsocketMessage, { type: Type }>[] {
    return this.y.filter((message): message is Extract<YWebsocketMessage, { type: Type }> => message.type === type)
  }

  #arrive(event: () => void): void {
    this.#unread.push(event)
    this.#read()
  }

  #read(): void {
    while (this.isRead) {
      const event = this.#unread.shift()
      if (event === undefined) return
      event()
    }
  }

  #take(): void {
    if (this.isStalled) return
    for (const { frame, onSent } of this.#waiting.splice(0)) {
      this.frames.push(frame)
      onSent()
    }
  }
}

export interface GatewayBenchOptions {
  readonly limits?: Partial<Limits>
  readonly authorize?: Authorize
  readonly logger?: Logger
  readonly store?: (clock: ManualClock) => DocumentStore
}

export async function gatewayBench(options: GatewayBenchOptions = {}) {
  const clock = new ManualClock()
  const random = seededRandom(1)
  const counters = new Counters()
  const limits = { ...defaultLimits, ...options.limits }
  const budget = new MemoryBudget(limits.memoryBytesMax)
  const logger = options.logger ?? silentLogger
  const store = options.store?.(clock) ?? new MemoryStore({ clock })
  const common = { clock, random, counters, limits, budget, logger }
  const directory: LocalDirectory = new LocalDirectory({
    ...common,
    store,
    fenceOf: (documentId) => ownership.fenceOf(documentId),
    compactor: { compact: () => Promise.reject(new Error('not expected')), close: () => Promise.resolve() },
    broadcast: 'after-commit',
    onFenced: () => {},
    onFatal: () => {},
    tuning: defaultTuning,
    busyness: () => 1,
    keepDeleted: () => false,
  })
  const ownership = new SoleOwnership({ store, random, local: directory })
  await ownership.start()
  const awareness = new DocumentAwarenesses({ ...common, bus: soloAwarenessBus })
  const authorize = guardedAuthorize(options.authorize ?? allowEverybody, { clock, logger, limits })
  const gateway = new Gateway({ ...common, directory, awareness, authorize, sessions: new SessionRegistry(), serverId: 'here' })
  const connect = (arrival: Partial<Arrival> = {}): BenchClient => {
    const client = new BenchClient(clock)
    client.attach(
      gateway.accept(client, {
        dialect: yWebsocketDialect,
        target: '/notes',
        origin: null,
        address: null,
        protocols: [],
        headers: {},
        ...arrival,
      }),
    )
    return client
  }
  /** A weft client that has said hello. */
  const connectWeft = (arrival: Partial<Arrival> = {}): BenchClient => {
    const client = connect({ ...arrival, dialect: weftDialect })
    client.sendWeft({ type: 'hello', agent: 'test', token: '' })
    return client
  }
  /** Ends everything; no timer may be left then. */
  const stop = async (): Promise<void> => {
    gateway.close()
    await directory.close()
    awareness.close()
    await clock.settle()
  }
  return { clock, counters, budget, gateway, directory, awareness, connect, connectWeft, stop }
}
