// How much of one document may be on its way to its owner: past that, and while the link is full, its writers are held back. The owner's own
// bound on what is pending is the last resort: it refuses. This one holds back well before.

/** What this node has on the way to one owner for one document: enough for throughput, and little beside what the owner may hold. */
const WINDOW_SHARE = 8

export class ForwardWindow {
  readonly #bytesHigh: number
  readonly #hold: (held: boolean) => void
  #linkFull = false
  #windowFull = false

  /** `pendingBytesMax`: what the owner may hold of the document. `hold` is told each time whether writers are to wait. */
  constructor(pendingBytesMax: number, hold: (held: boolean) => void) {
    this.#bytesHigh = pendingBytesMax / WINDOW_SHARE
    this.#hold = hold
  }

  /** The link takes nothing more, or does so again. */
  setLinkFull(full: boolean): void {
    this.#linkFull = full
    this.#hold(this.#linkFull || this.#windowFull)
  }

  /** So much is on its way, and not answered. */
  setBytes(bytes: number): void {
    this.#windowFull = bytes > (this.#windowFull ? this.#bytesHigh / 2 : this.#bytesHigh)
    this.#hold(this.#linkFull || this.#windowFull)
  }
}
