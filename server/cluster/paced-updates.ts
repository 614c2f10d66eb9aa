// Updates of another node's document on their way to the sessions of this node: sent together, at the pace of a document with so many.
import type { Clock, Timer } from '../../core/clock.js'
import { mergeUpdateTree } from '../../protocol/updates/merge.js'
import { type Busyness, DocumentPace, type Pace } from '../document/view/pace.js'

export interface PacedUpdatesOptions {
  readonly clock: Clock
  readonly pace: Pace
  readonly busyness: Busyness
  /** Of the document, on this node. */
  readonly sessionCount: () => number
  /** What was collected, merged. */
  readonly send: (update: Uint8Array) => void
}

export class PacedUpdates {
  readonly #options: PacedUpdatesOptions
  readonly #pace = new DocumentPace()
  #collected: Uint8Array[] = []
  #timer: Timer | null = null

  constructor(options: PacedUpdatesOptions) {
    this.#options = options
  }

  /** Without sessions they are dropped: whoever comes is brought up to date. */
  add(updates: readonly Uint8Array[]): void {
    const { clock, pace, sessionCount } = this.#options
    if (updates.length === 0 || sessionCount() === 0) return
    this.#collected.push(...updates)
    if (this.#timer !== null) return
    const now = clock.monotonic()
    const delayMs = this.#pace.dueAt(now, sessionCount(), pace) - now
    if (delayMs <= 0) this.#send()
    else this.#timer = clock.after(delayMs, () => this.#send())
  }

  /** What was collected is not sent any more. Idempotent. */
  cancel(): void {
    this.#timer?.cancel()
  }

  #send(): void {
    this.#timer?.cancel()
    this.#timer = null
    const collected = this.#collected
    this.#collected = []
    if (collected.length === 0) return
    const { clock, pace, busyness, sessionCount, send } = this.#options
    this.#pace.broadcast(clock.monotonic(), sessionCount(), pace, busyness())
    send(mergeUpdateTree(collected))
  }
}
