// When the changes of a document's awareness leave: at once after a pause, and a beat apart while they keep coming.
import type { Clock, Timer } from '../../core/clock.js'

const BEAT_MS_MIN = 10
const BEAT_MS_MAX = 50
const SESSIONS_QUIET = 8
const SESSIONS_CROWDED = 30

/**
 * The least time between two frames, in milliseconds. It grows with the number of sessions, since each stock client answers a frame with an
 * echo.
 */
export function beatIntervalMs(sessionCount: number): number {
  const crowding = (sessionCount - SESSIONS_QUIET) / (SESSIONS_CROWDED - SESSIONS_QUIET)
  return BEAT_MS_MIN + (BEAT_MS_MAX - BEAT_MS_MIN) * Math.min(1, Math.max(0, crowding))
}

/** What is said in one beat: to one session, and to all of them together. What waits longest goes first, and the rest in the next beats. */
const BEAT_BYTES_MAX = 128 * 1024
const BEAT_FAN_OUT_BYTES_MAX = 16 * 1024 * 1024

/** How many bytes of states one beat may hold, so that one document with large states takes a few milliseconds of the event loop at a time (G7). */
export function beatBytesMax(sessionCount: number): number {
  return Math.min(BEAT_BYTES_MAX, BEAT_FAN_OUT_BYTES_MAX / Math.max(1, sessionCount))
}

type PacerState = { readonly kind: 'idle' } | { readonly kind: 'soon' } | { readonly kind: 'waiting'; readonly timer: Timer }

const idle: PacerState = { kind: 'idle' }

export class AwarenessPacer {
  readonly #clock: Clock
  readonly #send: () => void
  #state: PacerState = idle
  #sentAtMs = Number.NEGATIVE_INFINITY

  /** `send` is called once per beat. */
  constructor(clock: Clock, send: () => void) {
    this.#clock = clock
    this.#send = send
  }

  /** Makes sure that a beat is coming. */
  request(sessionCount: number): void {
    if (this.#state.kind !== 'idle') return
    const waitMs = this.#sentAtMs + beatIntervalMs(sessionCount) - this.#clock.monotonic()
    if (waitMs > 0) {
      this.#state = { kind: 'waiting', timer: this.#clock.after(waitMs, () => this.#run(this.#state)) }
    } else {
      // Not this instant: what arrives in the same turn of the event loop shares the frame.
      const soon: PacerState = { kind: 'soon' }
      this.#state = soon
      this.#clock.soon(() => this.#run(soon))
    }
  }

  /** Drops the beat that is coming, if any. */
  cancel(): void {
    if (this.#state.kind === 'waiting') this.#state.timer.cancel()
    this.#state = idle
  }

  #run(state: PacerState): void {
    if (this.#state !== state) return
    this.#state = idle
    this.#sentAtMs = this.#clock.monotonic()
    this.#send()
  }
}
