// What Hocuspocus' provider counts as not synced, and so which edits it may be told of.
//
// A provider that comes back sets its count to 1, for all that it has, and sends step 1. Then it sends what was typed while it was away edit by edit, and
// after that its step 2, which holds all of it once more. Only the step 2 is in its count, and what is typed from step 1 on. If it were told of the others
// too, its count would reach 0 before the last edit is on disk; if it were told of too few, never.
//
// What has content says when it was made: the step 1 names all content that there was. A deletion does not; that is told by where it stands (`hocuspocus-queue.ts`).
import type { Clock, Timer } from '../../../core/clock.js'
import { inspectUpdate, storedBounds } from '../../../protocol/updates/inspect.js'
import { decodeStateVector } from '../../../protocol/updates/state-vector.js'
import type { HocuspocusQueue } from './hocuspocus-queue.js'

/** `open`: it is not known yet whether it is counted. */
export type SyncAnswer = 'at-once' | 'open' | 'never'

export interface HocuspocusCountOptions {
  readonly clock: Clock
  /** Of the connection. */
  readonly queue: HocuspocusQueue
  /** Whether everything that came was answered. */
  readonly isQuiet: () => boolean
  /** Only a provider that begins anew counts right again. */
  readonly beginAnew: () => void
}

/** More is not looked at for this: neither kept, nor read on the event loop. */
const LOOKED_AT_BYTES_MAX = 64 * 1024
/** After so long without a submission none is on its way. */
const QUIET_MS = 5_000

export class HocuspocusCount {
  readonly #options: HocuspocusCountOptions
  /** What the provider had at its step 1, encoded; null: it was too much to look at. Undefined once nothing can be older. */
  #had: Uint8Array | null | undefined = undefined
  /** The same, decoded when it is first asked for. */
  #clocks: ReadonlyMap<number, number> | null = null
  #stepTwoCame = false
  /** Whether something was taken for older than step 1 because of where it stood. */
  #guessed = false
  #timer: Timer | null = null

  constructor(options: HocuspocusCountOptions) {
    this.#options = options
  }

  /** Step 1 came: the provider counts anew, from 1. */
  startsAnew(stateVector: Uint8Array): void {
    this.#had = stateVector.length > LOOKED_AT_BYTES_MAX ? null : stateVector
    this.#clocks = null
    this.#stepTwoCame = false
    this.#guessed = false
    this.stop()
  }

  /** Step 2 came, which is counted in any case. */
  stepTwo(): void {
    this.#stepTwoCame = true
    this.#watch()
  }

  update(update: Uint8Array): SyncAnswer {
    if (this.#timer !== null) this.#watch()
    const age = this.#ageOf(update)
    // One more may have been collected since before step 1 (the provider's `flushDelay`).
    if (this.#stepTwoCame) this.#had = undefined
    if (age !== 'unknown') return age === 'older' ? 'never' : 'at-once'
    switch (this.#options.queue.phase) {
      case 'not-yet':
      case 'past':
        return 'at-once'
      case 'asked':
        return 'open'
      case 'possible':
        this.#guessed = true
        return 'never'
    }
  }

  /** What was open is taken for older than step 1, since no pong has told. */
  guesses(): void {
    this.#guessed = true
  }

  /** Idempotent. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  /** Whether it is from before step 1, as far as its content says. */
  #ageOf(update: Uint8Array): 'older' | 'newer' | 'unknown' {
    if (this.#had === undefined) return 'newer'
    if (this.#had === null || update.length > LOOKED_AT_BYTES_MAX) return 'unknown'
    try {
      this.#clocks ??= decodeStateVector(this.#had, storedBounds)
      const { blocks } = inspectUpdate(update, storedBounds)
      if (blocks.length === 0) return 'unknown'
      return blocks.some(({ client, firstClock }) => firstClock < (this.#clocks?.get(client) ?? 0)) ? 'older' : 'newer'
    } catch {
      // Whoever takes it will say what is wrong with it.
      return 'newer'
    }
  }

  /** A wrong guess leaves the provider with something unsynced for ever, so it begins anew when nothing happens any more. */
  #watch(): void {
    this.stop()
    const { clock, queue, isQuiet, beginAnew } = this.#options
    if (!this.#guessed || queue.wasAtOnce) return
    this.#timer = clock.after(
      QUIET_MS,
      () => {
        this.#timer = null
        if (isQuiet()) beginAnew()
        else this.#watch()
      },
      { unref: true },
    )
  }
}
