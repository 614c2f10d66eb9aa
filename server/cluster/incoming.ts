// What one inner attachment says to the moving attachment that made it: nothing before it is started, and nothing once it is over.
import type { WeftError } from '../../core/errors.js'
import type { CatchUp, DocumentBroadcast, SessionSink } from '../document/port.js'

export class Incoming implements SessionSink {
  readonly #to: SessionSink
  #started = false
  #over: WeftError | null = null
  #paused = false

  constructor(to: SessionSink) {
    this.#to = to
  }

  /** Why the attachment ended, or null. */
  get over(): WeftError | null {
    return this.#over
  }

  get paused(): boolean {
    return this.#paused
  }

  /** From now on the attachment is the one that counts. */
  start(): void {
    this.#started = true
  }

  catchUp(state: CatchUp): void {
    if (this.#listening) this.#to.catchUp(state)
  }

  beat(beat: DocumentBroadcast): void {
    if (this.#listening) this.#to.beat(beat)
  }

  acknowledged(through: number, seq: number): void {
    if (this.#listening) this.#to.acknowledged(through, seq)
  }

  refused(submission: number, error: WeftError): void {
    if (this.#listening) this.#to.refused(submission, error)
  }

  pause(): void {
    this.#paused = true
    if (this.#listening) this.#to.pause()
  }

  resume(): void {
    this.#paused = false
    if (this.#listening) this.#to.resume()
  }

  detached(error: WeftError): void {
    if (this.#over !== null) return
    const listening = this.#listening
    this.#over = error
    if (listening) this.#to.detached(error)
  }

  get #listening(): boolean {
    return this.#started && this.#over === null
  }
}
