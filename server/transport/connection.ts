// One socket: its heartbeat, its reading (which may be held), what waits to be sent, and how it ends. Knows no dialect and no document.
import { unreachable } from '../../core/assert.js'
import type { Clock, Timer } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import { asWeftError, closeCodes, WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import type { Logger } from '../../core/log.js'
import { FairInbox, type LoopShare } from './fair-inbox.js'
import { Heartbeat } from './heartbeat.js'
import type { Message, OutboxCarrier } from './outbox.js'
import type { OutboxMemory } from './outbox-memory.js'
import { connectionRates, type RateName, RatePause, Rates, sessionRates } from './rates.js'
import type { SharedTurns } from './shared-turns.js'
import type { Socket, SocketEvents } from './socket.js'
import { TransferWindows } from './transfer-windows.js'

/** What speaks a dialect over a connection. Its methods may throw: a WeftError closes the connection with that error, anything else with 4500. */
export interface Driver {
  /** Once, before any message. */
  start(): void
  message(data: Uint8Array): void
  /** A text message came. */
  text(): void
  /** The server will close this connection soon; `retryAfterMs` is when it makes sense to come back. */
  drain(retryAfterMs: number): void
  /** The socket is gone. Answers which of the messages that wait are still worth handling: what the client wrote before it went. Null: all of them. */
  gone(waiting: readonly Uint8Array[]): ((message: Uint8Array) => boolean) | null
  /** Resolves when everything that was received is committed or refused, and said to be. */
  settled(): Promise<void>
  /** The connection is over: detach everything. Called exactly once. */
  ended(): void
}

export interface ConnectionOptions {
  readonly id: number
  readonly socket: Socket
  readonly clock: Clock
  readonly limits: Limits
  readonly outboxMemory: OutboxMemory
  readonly counters: Counters
  readonly logger: Logger
  /** False when others depend on what is read here too, so that no session may stop it: a link between nodes bounds what it holds at its other end. */
  readonly mayHoldReading: boolean
  /** What the connections of the process share the event loop by. */
  readonly share: LoopShare
  /** The socket is closed. Called exactly once. */
  closed(connection: Connection): void
}

interface HeldMessage {
  readonly message: Message
}

type ConnectionState =
  | { readonly kind: 'open' }
  /** Our close frame is out for a drain; what still arrives is taken in, so that nothing received is lost. */
  | { readonly kind: 'leaving'; readonly timer: Timer }
  /** Our close frame is out; what still arrives is ignored. */
  | { readonly kind: 'closing'; readonly timer: Timer }
  | { readonly kind: 'closed' }

/** How long the other side has to answer our close frame before the connection is dropped. */
const CLOSE_HANDSHAKE_MS_MAX = 5_000

export class Connection implements SocketEvents, OutboxCarrier {
  readonly id: number
  readonly #options: ConnectionOptions
  readonly #heartbeat: Heartbeat
  readonly #inbox: FairInbox
  /** What it may send in a second. */
  readonly rates: Rates
  readonly #ratePause: RatePause
  /** What is under way of large transfers. */
  readonly windows: TransferWindows
  #driver: Driver | null = null
  #state: ConnectionState = { kind: 'open' }
  #readHolds = 0
  /** Whether the driver has as much under way as it wants. */
  #handlingHeld = false
  #sentBytes = 0
  /** Messages that the network has not taken. */
  readonly #held = new Set<HeldMessage>()
  #lastSentAt: number
  /** A drain has begun here: what was received is to be committed, however much the documents have. */
  #isLeaving = false
  /** The socket is gone, and something that it brought is not handled yet. */
  #closedWith: number | null = null
  #inboxWaiters: (() => void)[] = []
  #waitingForRoom: { readonly bytes: number; readonly run: () => void }[] = []

  constructor(options: ConnectionOptions) {
    const { socket, clock, limits } = options
    this.id = options.id
    this.#options = options
    this.#lastSentAt = clock.monotonic()
    this.#inbox = new FairInbox(options.share, { full: () => this.#updateReading(), emptied: () => this.#inboxEmptied() })
    this.#ratePause = new RatePause({
      clock,
      counters: options.counters,
      exceededMsMax: limits.rateExceededMsMax,
      hold: (held) => (held ? this.holdReading() : this.releaseReading()),
      began: (rate) => options.logger.info({ connection: this.id, rate }, 'a client sends faster than it may; it is read in pauses'),
      goesOn: (error) => this.fail(error),
    })
    this.rates = new Rates(clock, connectionRates(limits), (name, waitMs) => this.#tooFast(name, waitMs))
    this.windows = new TransferWindows({
      clock,
      stalledMsMax: limits.laggingMsMax,
      pingPeriodMs: limits.pingPeriodMs,
      ping: (mark) => socket.ping(mark),
      mayHear: () => this.#readHolds === 0,
      stalled: () => this.#stalled(),
    })
    this.#heartbeat = new Heartbeat({
      clock,
      pingPeriodMs: limits.pingPeriodMs,
      pongMsMax: limits.pongMsMax,
      ping: () => socket.ping(),
      traffic: () => ({ waiting: socket.bufferedBytes, taken: this.takenBytes }),
      silent: () => this.#timedOut(),
    })
  }

  /** What one of its sessions may send in a second. */
  ratesOfSession(): Rates {
    return new Rates(this.#options.clock, sessionRates(this.#options.limits), (name, waitMs) => this.#tooFast(name, waitMs))
  }

  /** Gives the connection its driver and starts it. */
  start(driver: Driver): void {
    this.#driver = driver
    this.#guard(() => driver.start())
  }

  get isOpen(): boolean {
    return this.#state.kind === 'open'
  }

  /** Whether another node is at its other end. */
  get isLink(): boolean {
    return !this.#options.mayHoldReading
  }

  /** Whose turn it is to send pieces, of all connections. */
  get sending(): SharedTurns {
    return this.#options.share.sending
  }

  /** The same for sessions that leave. */
  get leaving(): SharedTurns {
    return this.#options.share.leaving
  }

  get waitingBytes(): number {
    return this.#options.socket.bufferedBytes
  }

  get takenBytes(): number {
    return this.#sentBytes - this.#options.socket.bufferedBytes
  }

  /** Monotonic time of the last message that was sent. */
  get lastSentAt(): number {
    return this.#lastSentAt
  }

  send(message: Message, onSent: () => void = () => {}): void {
    switch (this.#state.kind) {
      case 'open':
        break
      case 'leaving':
      case 'closing':
      case 'closed':
        return
      default:
        unreachable(this.#state)
    }
    let length = 0
    for (const part of message) length += part.length
    this.#sentBytes += length
    this.#options.counters.add('bytes_sent', length)
    this.#lastSentAt = this.#options.clock.monotonic()
    const { socket, outboxMemory } = this.#options
    // An object of its own: one message may be under way several times.
    const held = { message }
    this.#held.add(held)
    outboxMemory.hold(message)
    socket.send(message, () => {
      this.#letGo(held)
      onSent()
      if (this.#waitingForRoom.length > 0) this.#tellRoom()
    })
  }

  #letGo(held: HeldMessage): void {
    if (this.#held.delete(held)) this.#options.outboxMemory.release(held.message)
  }

  whenWaitingAtMost(bytes: number, run: () => void): void {
    this.#waitingForRoom.push({ bytes, run })
    // The last bytes may have been taken already, and then nothing else would tell.
    if (this.waitingBytes <= bytes) this.#options.clock.soon(() => this.#tellRoom())
  }

  /**
   * Stops reading until as many `releaseReading` have followed; what the socket had delivered already waits, too. The heartbeat is suspended meanwhile, since pongs
   * are not read either.
   */
  holdReading(): void {
    this.#readHolds++
    if (this.#readHolds > 1 || this.#state.kind !== 'open' || !this.#options.mayHoldReading) return
    this.#options.counters.add('reads_held')
    this.#updateHandling()
    this.#updateReading()
    this.#heartbeat.suspend()
  }

  releaseReading(): void {
    this.#readHolds--
    if (this.#readHolds > 0 || !this.#options.mayHoldReading) return
    this.#updateHandling()
    if (this.#state.kind !== 'open') return
    this.#updateReading()
    this.#heartbeat.resume()
  }

  /** Whether the other side answers a ping within `pongMsMax`. */
  probe(): Promise<boolean> {
    return this.#heartbeat.probe()
  }

  /** Ends the connection because of an error: the client gets its close code and its words (G5). */
  fail(error: WeftError): void {
    if (this.#state.kind !== 'open') return
    const { counters, logger } = this.#options
    if (error.closeCode === closeCodes.malformed) counters.add('messages_malformed')
    logger[error.logLevel](
      { connection: this.id, code: error.code, closeCode: error.closeCode, ...(error.cause === undefined ? {} : { err: error.cause }) },
      error.message,
    )
    this.close(error.closeCode, error.message)
  }

  /** Ends the connection because of an error without waiting for what the client has not taken. */
  giveUp(error: WeftError): void {
    this.fail(error)
    this.terminate()
  }

  close(code: number, reason: string): void {
    if (this.#state.kind !== 'open') return
    this.#state = { kind: 'closing', timer: this.#closeTimer() }
    this.#heartbeat.stop()
    this.#ratePause.stop()
    this.windows.stop()
    this.#inbox.clear()
    this.#options.socket.close(code, reason)
    this.#endDriver()
    this.#inboxCleared()
  }

  /** Tells the client that the server is about to close the connection. */
  hintDrain(retryAfterMs: number): void {
    const driver = this.#driver
    if (this.#state.kind === 'open' && driver !== null) this.#guard(() => driver.drain(retryAfterMs))
  }

  /** The polite end of a drain (G4): stops reading, waits until what was received is committed and acknowledged, and closes with 1012. */
  async leave(settleMsMax: number): Promise<void> {
    const driver = this.#driver
    if (this.#state.kind !== 'open') return
    if (driver === null) {
      // Nobody knows yet whether it may come; nothing was read of it.
      this.close(closeCodes.restart, 'The server is restarting; connect again.')
      return
    }
    this.#isLeaving = true
    this.holdReading()
    this.#updateHandling()
    const { clock, socket } = this.#options
    await new Promise<void>((resolve) => {
      const tooLong = clock.after(settleMsMax, resolve, { unref: true })
      const settled = (): void => {
        tooLong.cancel()
        resolve()
      }
      this.#whenInboxEmpty(() => void driver.settled().then(settled, settled))
    })
    if (this.#state.kind !== 'open') return
    this.#state = { kind: 'leaving', timer: this.#closeTimer() }
    this.#heartbeat.stop()
    this.#ratePause.stop()
    this.windows.stop()
    socket.close(closeCodes.restart, 'The server is restarting; connect again.')
  }

  terminate(): void {
    this.#options.socket.terminate()
  }

  received(): void {
    if (this.#state.kind === 'open') this.#heartbeat.heard()
  }

  message(data: Uint8Array): void {
    this.#options.counters.add('bytes_received', data.length)
    this.#inbox.receive(data, () => this.#receive(data.length, (driver) => driver.message(data)))
  }

  tooLarge(): void {
    this.#options.counters.add('messages_too_large')
    this.fail(
      new WeftError('message-too-large', `The message is larger than this server accepts, ${this.#options.limits.messageBytesMax} bytes.`),
    )
  }

  text(): void {
    this.#inbox.receive(null, () => this.#receive(0, (driver) => driver.text()))
  }

  pong(mark: number): void {
    if (this.#state.kind !== 'open') return
    this.#heartbeat.heard()
    if (mark > 0) this.windows.confirmed(mark)
  }

  closed(code: number): void {
    if (this.#state.kind === 'closed') return
    if (this.#closedWith === null) this.#dropWhatServesNobody()
    if (!this.#inbox.isEmpty) {
      // What came before the end counts: somebody types and closes the page.
      this.#heartbeat.stop()
      this.#ratePause.stop()
      this.windows.stop()
      this.#closedWith = code
      // Nothing more comes, and whoever sees this client has to hear that it is gone.
      this.#updateHandling()
      return
    }
    const wasOpen = this.#state.kind
    if (this.#state.kind === 'closing' || this.#state.kind === 'leaving') this.#state.timer.cancel()
    this.#state = { kind: 'closed' }
    this.#heartbeat.stop()
    this.#ratePause.stop()
    this.windows.stop()
    this.#waitingForRoom = []
    for (const held of this.#held) this.#letGo(held)
    if (wasOpen !== 'closing') this.#endDriver()
    this.#options.logger.debug({ connection: this.id, closeCode: code }, 'connection closed')
    this.#options.closed(this)
  }

  /** Handles nothing more of what the client sends until `releaseHandling`; then what came meanwhile is handled, in order. */
  holdHandling(): void {
    this.#handlingHeld = true
    this.#updateHandling()
  }

  releaseHandling(): void {
    this.#handlingHeld = false
    this.#updateHandling()
  }

  #updateHandling(): void {
    const waitsForDocument = this.#readHolds > 0 && this.#options.mayHoldReading && !this.#isLeaving && this.#closedWith === null
    if (this.#handlingHeld || waitsForDocument) this.#inbox.hold()
    else this.#inbox.release()
  }

  #dropWhatServesNobody(): void {
    if (this.#inbox.isEmpty || this.#driver === null) return
    const counts = this.#driver.gone(this.#inbox.waiting)
    if (counts !== null) this.#inbox.keep(counts)
  }

  #updateReading(): void {
    const { socket, mayHoldReading } = this.#options
    if (this.#state.kind !== 'open' || !mayHoldReading) return
    if (this.#readHolds > 0 || !this.#inbox.isEmpty) socket.pause()
    else socket.resume()
  }

  #whenInboxEmpty(run: () => void): void {
    if (this.#inbox.isEmpty) run()
    else this.#inboxWaiters.push(run)
  }

  #inboxEmptied(): void {
    this.#updateReading()
    this.#inboxCleared()
  }

  #inboxCleared(): void {
    const waiters = this.#inboxWaiters
    this.#inboxWaiters = []
    for (const run of waiters) run()
    if (this.#closedWith !== null) this.closed(this.#closedWith)
  }

  /** What the socket had delivered already waits, so this paces what is handled. */
  #tooFast(name: RateName, waitMs: number): void {
    if (this.#state.kind === 'open' && !this.#isLeaving && this.#closedWith === null) this.#ratePause.exceeded(name, waitMs)
  }

  #receive(bytes: number, handle: (driver: Driver) => void): void {
    const driver = this.#driver
    if (driver === null) return
    switch (this.#state.kind) {
      case 'open':
        this.#options.counters.add('messages_received')
        this.#heartbeat.heard()
        this.rates.message(bytes)
        this.#guard(() => handle(driver))
        return
      case 'leaving':
        this.#guard(() => handle(driver))
        return
      case 'closing':
      case 'closed':
        return
      default:
        unreachable(this.#state)
    }
  }

  #guard(run: () => void): void {
    try {
      run()
    } catch (thrown) {
      this.fail(asWeftError(thrown))
    }
  }

  #endDriver(): void {
    const driver = this.#driver
    this.#driver = null
    try {
      driver?.ended()
    } catch (thrown) {
      this.#options.logger.error({ connection: this.id, err: thrown }, 'a connection could not be ended cleanly')
    }
  }

  #closeTimer(): Timer {
    return this.#options.clock.after(CLOSE_HANDSHAKE_MS_MAX, () => this.#options.socket.terminate(), { unref: true })
  }

  #stalled(): void {
    this.#options.counters.add('sessions_too_slow')
    this.fail(new WeftError('too-slow', 'The connection takes nothing of what was asked for; connect again to go on.'))
  }

  #timedOut(): void {
    const { counters, logger, socket } = this.#options
    counters.add('connections_timed_out')
    logger.info({ connection: this.id }, 'the client no longer answers pings; dropping the connection')
    socket.terminate()
  }

  #tellRoom(): void {
    const waiting = this.#waitingForRoom
    const bytes = this.waitingBytes
    this.#waitingForRoom = waiting.filter((one) => one.bytes < bytes)
    for (const one of waiting) if (one.bytes >= bytes) one.run()
  }
}
