// What Hocuspocus' provider counts as not synced, and so which edits it may be told of.
//
// A provider that comes back sets its count to 1, for all that it has, and sends step 1. Then it sends what was typed while it was away edit by edit, and
// after that its step 2, which holds all of it once more. Only the step 2 is in its count, and what is typed from step 1 on. If it were told of the others
// too, its count would reach 0 before the last edit is on disk.
import type { Clock, Timer } from '../../../core/clock.js'
import { inspectUpdate, storedBounds } from '../../../protocol/updates/inspect.js'
import { decodeStateVector } from '../../../protocol/updates/state-vector.js'

/** `late`: when nothing else is on its way, since it is not known whether it is counted. */
export type SyncAnswer = 'at-once' | 'late' | 'never'

/** More is not looked at for this: neither kept, nor read on the event loop. */
const LOOKED_AT_BYTES_MAX = 64 * 1024
/** After so long without a submission none is on its way. */
const QUIET_MS = 5_000

export class HocuspocusCount {
  readonly #clock: Clock
  readonly #answer: () => void
  /** What the provider had at its step 1, encoded; null: it was too much to look at. Undefined once it has sent its step 2. */
  #had: Uint8Array | null | undefined = undefined
  /** The same, decoded when it is first asked for. */
  #clocks: ReadonlyMap<number, number> | null = null
  #late = 0
  #timer: Timer | null = null

  /** `answer` tells the provider of one edit. */
  constructor(clock: Clock, answer: () => void) {
    this.#clock = clock
    this.#answer = answer
  }

  /** Step 1 came: the provider counts anew, from 1. */
  startsAnew(stateVector: Uint8Array): void {
    this.#had = stateVector.length > LOOKED_AT_BYTES_MAX ? null : stateVector
    this.#clocks = null
    this.#late = 0
    this.stop()
  }

  /** Step 2 came: from now on everything is counted. */
  stepTwo(): SyncAnswer {
    this.stop()
    this.#had = undefined
    this.#clocks = null
    return 'at-once'
  }

  update(update: Uint8Array): SyncAnswer {
    this.stop()
    if (this.#had === undefined) return 'at-once'
    if (this.#had === null || update.length > LOOKED_AT_BYTES_MAX) return 'late'
    try {
      this.#clocks ??= decodeStateVector(this.#had, storedBounds)
      const { blocks } = inspectUpdate(update, storedBounds)
      // Deletions do not say when they were made.
      if (blocks.length === 0) return 'late'
      return blocks.some(({ client, firstClock }) => firstClock < (this.#clocks?.get(client) ?? 0)) ? 'never' : 'at-once'
    } catch {
      // Whoever takes it will say what is wrong with it.
      return 'at-once'
    }
  }

  /** An edit whose answer is late is durable. */
  owes(): void {
    this.#late += 1
  }

  /** Everything that came was answered but what is late. Before step 2 has come, that is on its way. */
  quiet(): void {
    if (this.#late === 0 || this.#timer !== null || this.#had !== undefined) return
    this.#timer = this.#clock.after(
      QUIET_MS,
      () => {
        this.#timer = null
        for (; this.#late > 0; this.#late--) this.#answer()
      },
      { unref: true },
    )
  }

  /** Idempotent. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
  }
}
