// What a connection needs of the dialect that is spoken over it, and where it sits in the connection.
import { asWeftError, type WeftError } from '../../core/errors.js'

/** What speaks a dialect over a connection. Its methods may throw: a WeftError closes the connection with that error, anything else with 4500. */
export interface Driver {
  /** Once, before any message. */
  start(): void
  message(data: Uint8Array): void
  /** A text message came. */
  text(): void
  /** The pong of `Connection.pingInOrder`, in its place among the messages. */
  pongInOrder?(): void
  /** The server will close this connection soon; `retryAfterMs` is when it makes sense to come back. */
  drain(retryAfterMs: number): void
  /** The socket is gone. Answers which of the messages that wait are still worth handling: what the client wrote before it went. Null: all of them. */
  gone(waiting: readonly Uint8Array[]): ((message: Uint8Array) => boolean) | null
  /** Resolves when everything that was received is committed or refused, and said to be. */
  settled(): Promise<void>
  /** The connection is over: detach everything. Called exactly once. */
  ended(): void
}

/** The connection that a driver drives. */
export interface DrivenConnection {
  /** The driver threw this. */
  fail(error: WeftError): void
  /** It threw this while it was ended. */
  endedUncleanly(thrown: unknown): void
}

/** Whoever speaks the dialect: what it throws ends the connection, and it is ended once. */
export class DriverSeat {
  readonly #connection: DrivenConnection
  #driver: Driver | null = null

  constructor(connection: DrivenConnection) {
    this.#connection = connection
  }

  /** Null before it is there, and once it was ended. */
  get driver(): Driver | null {
    return this.#driver
  }

  take(driver: Driver): void {
    this.#driver = driver
    this.run(() => driver.start())
  }

  run(handle: (driver: Driver) => void): void {
    if (this.#driver === null) return
    try {
      handle(this.#driver)
    } catch (thrown) {
      this.#connection.fail(asWeftError(thrown))
    }
  }

  /** Hands over what came; null: a text message. */
  hand(message: Uint8Array | null): void {
    if (this.#driver === null) return
    try {
      if (message === null) this.#driver.text()
      else this.#driver.message(message)
    } catch (thrown) {
      this.#connection.fail(asWeftError(thrown))
    }
  }

  /** Idempotent. */
  end(): void {
    const driver = this.#driver
    this.#driver = null
    try {
      driver?.ended()
    } catch (thrown) {
      this.#connection.endedUncleanly(thrown)
    }
  }
}
