// One socket: its heartbeat, its reading (which may be held), what waits to be sent, and how it ends. Knows no dialect and no document.
import { unreachable } from '../../core/assert.js'
import { settlesWithin, type Timer } from '../../core/clock.js'
import { closeCodes, WeftError } from '../../core/errors.js'
import type { SharedTurns } from '../../core/shared-turns.js'
import { ConnectionWatch, type ConnectionWatchOptions, type WatchedConnection } from './connection-watch.js'
import { type DrivenConnection, type Driver, DriverSeat } from './driver.js'
import type { LoopShare } from './fair-inbox.js'
import type { Message, OutboxCarrier } from './outbox.js'
import type { OutboxMemory } from './outbox-memory.js'
import { Outgoing } from './outgoing.js'
import type { Rates } from './rates.js'
import { Reading, type ReadingConnection } from './reading.js'
import type { SocketEvents } from './socket.js'
import type { TransferWindows } from './transfer-windows.js'

export interface ConnectionOptions extends Pick<ConnectionWatchOptions, 'id' | 'socket' | 'clock' | 'limits' | 'counters' | 'logger'> {
  readonly outboxMemory: OutboxMemory
  /** False when others depend on what is read here too, so that no session may stop it: a link between nodes bounds what it holds at its other end. */
  readonly mayHoldReading: boolean
  /** What the connections of the process share the event loop by. */
  readonly share: LoopShare
  /** The socket is closed. Called exactly once. */
  closed(connection: Connection): void
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
/** Stands among what was received for the pong of `pingInOrder`. */
const pongInOrder = new Uint8Array(0)

export class Connection implements SocketEvents, OutboxCarrier, WatchedConnection, ReadingConnection, DrivenConnection {
  readonly id: number
  readonly #options: ConnectionOptions
  readonly #outgoing: Outgoing
  readonly #reading: Reading
  readonly #watch: ConnectionWatch
  readonly #seat: DriverSeat
  #state: ConnectionState = { kind: 'open' }
  /** The socket is gone, and something that it brought is not handled yet. */
  #closedWith: number | null = null

  constructor(options: ConnectionOptions) {
    this.id = options.id
    this.#options = options
    this.#seat = new DriverSeat(this)
    this.#outgoing = new Outgoing(options)
    this.#reading = new Reading(options, this)
    this.#watch = new ConnectionWatch(options, this)
  }

  /** What it may send in a second. */
  get rates(): Rates {
    return this.#watch.rates
  }

  /** What is under way of large transfers. */
  get windows(): TransferWindows {
    return this.#watch.windows
  }

  /** What one of its sessions may send in a second. */
  ratesOfSession(): Rates {
    return this.#watch.ratesOfSession()
  }

  /** Gives the connection its driver and starts it. */
  start(driver: Driver): void {
    this.#seat.take(driver)
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
    return this.#outgoing.waitingBytes
  }

  get takenBytes(): number {
    return this.#outgoing.takenBytes
  }

  /** Monotonic time of the last message that was sent. */
  get lastSentAt(): number {
    return this.#outgoing.lastSentAt
  }

  send(message: Message, onSent: () => void = () => {}): void {
    if (this.#state.kind === 'open') this.#outgoing.send(message, onSent)
  }

  whenWaitingAtMost(bytes: number, run: () => void): void {
    this.#outgoing.whenWaitingAtMost(bytes, run)
  }

  /**
   * Stops reading until as many `releaseReading` have followed; what the socket had delivered already waits, too. The heartbeat is suspended meanwhile, since pongs
   * are not read either.
   */
  holdReading(): void {
    this.#reading.hold()
  }

  releaseReading(): void {
    this.#reading.release()
  }

  /** Whether the other side answers a ping within `pongMsMax`. */
  probe(): Promise<boolean> {
    return this.#watch.heartbeat.probe()
  }

  /** A ping in front of what is sent from now on; its pong is handled in the order of the messages. */
  pingInOrder(): void {
    if (this.#state.kind === 'open') this.#watch.pingInOrder()
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
    this.#watch.stop()
    this.#reading.clear()
    this.#options.socket.close(code, reason)
    this.#seat.end()
    this.#reading.tellEmpty()
  }

  /** Tells the client that the server is about to close the connection. */
  hintDrain(retryAfterMs: number): void {
    if (this.#state.kind === 'open') this.#seat.run((driver) => driver.drain(retryAfterMs))
  }

  /** The polite end of a drain (G4): stops reading, waits until what was received is committed and acknowledged, and closes with 1012. */
  async leave(settleMsMax: number): Promise<void> {
    if (this.#state.kind !== 'open') return
    const { driver } = this.#seat
    // Nobody knows yet whether it may come; nothing was read of it.
    if (driver === null) {
      this.close(closeCodes.restart, 'The server is restarting; connect again.')
      return
    }
    this.#reading.end()
    this.#reading.hold()
    const { clock, socket } = this.#options
    const handled = new Promise<void>((resolve) => this.#reading.whenEmpty(resolve))
    const settled = handled.then(() => driver.settled())
    await settlesWithin(clock, settleMsMax, settled)
    if (this.#state.kind !== 'open') return
    this.#state = { kind: 'leaving', timer: this.#closeTimer() }
    this.#watch.stop()
    socket.close(closeCodes.restart, 'The server is restarting; connect again.')
  }

  terminate(): void {
    this.#options.socket.terminate()
  }

  received(bytes: number): void {
    if (this.#state.kind !== 'open') return
    this.#watch.heartbeat.heard()
    this.#reading.received(bytes)
  }

  requested(): boolean {
    return this.#state.kind !== 'open' || this.rates.requested()
  }

  message(data: Uint8Array): void {
    this.#options.counters.add('bytes_received', data.length)
    this.#reading.receive(data)
  }

  tooLarge(): void {
    this.#options.counters.add('messages_too_large')
    this.fail(
      new WeftError('message-too-large', `The message is larger than this server accepts, ${this.#options.limits.messageBytesMax} bytes.`),
    )
  }

  text(): void {
    this.#reading.receive(null)
  }

  pong(mark: number): void {
    if (this.#state.kind !== 'open') return
    if (this.#watch.pong(mark) === 'in-order') this.#reading.receive(pongInOrder)
  }

  closed(code: number): void {
    if (this.#state.kind === 'closed') return
    if (this.#closedWith === null) this.#reading.keep((waiting) => this.#seat.driver?.gone(waiting) ?? null)
    if (!this.#reading.isEmpty) {
      // What came before the end counts: somebody types and closes the page.
      this.#watch.stop()
      this.#closedWith = code
      // Nothing more comes, and whoever sees this client has to hear that it is gone.
      this.#reading.end()
      return
    }
    const wasOpen = this.#state.kind
    if (this.#state.kind === 'closing' || this.#state.kind === 'leaving') this.#state.timer.cancel()
    this.#state = { kind: 'closed' }
    this.#watch.stop()
    this.#outgoing.stop()
    if (wasOpen !== 'closing') this.#seat.end()
    this.#options.logger.debug({ connection: this.id, closeCode: code }, 'connection closed')
    this.#options.closed(this)
  }

  /** Handles nothing more of what the client sends until `releaseHandling`; then what came meanwhile is handled, in order. */
  holdHandling(): void {
    this.#reading.holdHandling()
  }

  releaseHandling(): void {
    this.#reading.releaseHandling()
  }

  // For its parts.

  get isReadingHeld(): boolean {
    return this.#reading.isHeld
  }

  get isPaced(): boolean {
    return this.isOpen && !this.#reading.isEnding
  }

  readingHeld(held: boolean): void {
    if (held) this.#watch.heartbeat.suspend()
    else this.#watch.heartbeat.resume()
  }

  readingEmptied(): void {
    if (this.#closedWith !== null) this.closed(this.#closedWith)
  }

  endedUncleanly(thrown: unknown): void {
    this.#options.logger.error({ connection: this.id, err: thrown }, 'a connection could not be ended cleanly')
  }

  /** In its turn. */
  handle(message: Uint8Array | null): void {
    if (this.#seat.driver === null) return
    switch (this.#state.kind) {
      case 'open':
        if (message === pongInOrder) {
          this.#seat.run((driver) => driver.pongInOrder?.())
          return
        }
        this.#options.counters.add('messages_received')
        this.#watch.heartbeat.heard()
        this.rates.message(message?.length ?? 0)
        this.#seat.hand(message)
        return
      case 'leaving':
        if (message !== pongInOrder) this.#seat.hand(message)
        return
      case 'closing':
      case 'closed':
        return
      default:
        unreachable(this.#state)
    }
  }

  #closeTimer(): Timer {
    return this.#options.clock.after(CLOSE_HANDSHAKE_MS_MAX, () => this.#options.socket.terminate(), { unref: true })
  }
}
