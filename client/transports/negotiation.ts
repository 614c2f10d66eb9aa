// Which transport a connection tries next: the first that works stays, and is left only when it fails again and again.

export const transportNames = ['websocket', 'sse', 'poll'] as const

/** `websocket`; `sse`: server-sent events and POSTs; `poll`: long polls and POSTs. */
export type TransportName = (typeof transportNames)[number]

/** How long an attempt may take until the server's welcome, while there is another transport to try. */
const attemptMsMax: Readonly<Record<TransportName, number>> = { websocket: 5_000, sse: 10_000, poll: 30_000 }
/** The last one is waited for longest: on a slow link handshakes take their time. */
const lastAttemptMsMax = 30_000
/** A transport that has worked may fail so often in a row before others are tried. */
const failuresMax = 3

export class Negotiation {
  readonly #names: readonly TransportName[]
  #index = 0
  #works = false
  #failures = 0

  /** Throws a TypeError for an empty list, or one with a name that nobody knows. */
  constructor(names: readonly TransportName[]) {
    if (names.length === 0 || names.some((name) => !transportNames.includes(name)))
      throw new TypeError(`transports takes some of: ${transportNames.join(', ')}.`)
    this.#names = names
  }

  get current(): TransportName {
    return this.#names[this.#index] ?? 'websocket'
  }

  /** How long the attempt may take. */
  get msMax(): number {
    return this.#works || this.#index === this.#names.length - 1 ? lastAttemptMsMax : attemptMsMax[this.current]
  }

  /** Whether a WebSocket would be better than what there is. */
  get mayImprove(): boolean {
    return this.#index > 0 && this.#names[0] === 'websocket'
  }

  /** This transport got the server's welcome: it stays. */
  welcomed(name: TransportName): void {
    this.#index = Math.max(0, this.#names.indexOf(name))
    this.#works = true
    this.#failures = 0
  }

  /** The attempt failed without a word of the server. True: another transport is to be tried at once. */
  failed(): boolean {
    if (this.#works) {
      this.#failures += 1
      if (this.#failures < failuresMax) return false
      this.#works = false
      this.#index = 0
      return false
    }
    this.#index = (this.#index + 1) % this.#names.length
    return this.#index > 0
  }
}
