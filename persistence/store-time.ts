// How late it is, as far as a store that stamps its rows by the machine's clock may believe that clock when it decides what is old enough
// to go (H3).
import type { Clock } from '../core/clock.js'

/** How long a clock that jumped has to run on from there until the jump is believed. */
const BELIEVED_AFTER_MS = 24 * 3_600_000
/** A clock that is adjusted a little, or whose readings lie apart by some work, did not jump. */
export const JUMP_MS_MIN = 60_000
/** More jumps than this at a time count as fewer and larger ones. */
const DOUBTS_MAX = 64

/** A step of the clock that is not believed yet. */
export interface Doubt {
  /** How far it went, in milliseconds; negative if it went back. */
  readonly ms: number
  /** How long the store has been open since. */
  readonly ageMs: number
}

/** What a store writes down, so that whoever opens it next knows how late it was. */
export interface KeptTime {
  /** Milliseconds since the Unix epoch. */
  readonly believedMs: number
  /** Oldest first. Together with the time that is believed they are what the clock showed. */
  readonly doubts: readonly Doubt[]
}

/** Of a store with documents in it that says nothing about the time: whatever the clock shows is a step that has to prove itself. */
export const UNKNOWN_TIME: KeptTime = { believedMs: 0, doubts: [] }

/**
 * A clock that is ahead makes everything look old, and what is removed because of it does not come back when the clock is set right. So
 * time that passed while the store was open is believed, and each step of the clock beyond that is a doubt until the store has been open
 * for a day since. A machine that was off looks the same as a clock that is ahead at the start: what is removed by age is removed a day
 * later then, and nothing else comes of it.
 */
export class StoreTime {
  readonly #clock: Clock
  #believedMs: number
  #doubts: readonly Doubt[]
  #readAt: number

  /** `kept` is what the store had written down; null for one that never held anything, whose clock nobody can contradict. */
  constructor(clock: Clock, kept: KeptTime | null = null) {
    this.#clock = clock
    this.#believedMs = kept?.believedMs ?? clock.now()
    this.#doubts = kept?.doubts ?? []
    this.#readAt = clock.monotonic()
    this.#read()
  }

  /** Milliseconds since the Unix epoch. Never later than the clock. */
  credible(): number {
    return Math.min(this.#read(), this.#believedMs)
  }

  kept(): KeptTime {
    this.#read()
    return { believedMs: this.#believedMs, doubts: this.#doubts }
  }

  /** What the clock shows. */
  #read(): number {
    const monotonic = this.#clock.monotonic()
    const passedMs = monotonic - this.#readAt
    this.#readAt = monotonic
    const aged = this.#doubts.map(({ ms, ageMs }) => ({ ms, ageMs: ageMs + passedMs }))
    this.#believedMs = aged.filter(isProved).reduce((sum, { ms }) => sum + ms, this.#believedMs + passedMs)
    const now = this.#clock.now()
    this.#doubts = aged.filter((doubt) => !isProved(doubt))
    this.#step(this.#doubts.reduce((rest, { ms }) => rest - ms, now - this.#believedMs))
    return now
  }

  /** The clock shows so many milliseconds more than was expected, or fewer. A step takes back the newest ones that went the other way. */
  #step(ms: number): void {
    const doubts = [...this.#doubts]
    let restMs = ms
    for (let newest = doubts.at(-1); Math.abs(restMs) >= JUMP_MS_MIN; newest = doubts.at(-1)) {
      if (newest === undefined || Math.sign(newest.ms) === Math.sign(restMs)) {
        doubts.push({ ms: restMs, ageMs: 0 })
        restMs = 0
        break
      }
      doubts.pop()
      restMs += newest.ms
      if (Math.sign(restMs) === Math.sign(newest.ms) && Math.abs(restMs) >= JUMP_MS_MIN) {
        doubts.push({ ms: restMs, ageMs: newest.ageMs })
        restMs = 0
      }
    }
    this.#believedMs += restMs
    this.#doubts = doubts.length > DOUBTS_MAX ? withNewestMerged(doubts) : doubts
  }
}

function isProved({ ageMs }: Doubt): boolean {
  return ageMs >= BELIEVED_AFTER_MS
}

function withNewestMerged(doubts: readonly Doubt[]): readonly Doubt[] {
  const newest = doubts.slice(DOUBTS_MAX - 1)
  return [...doubts.slice(0, DOUBTS_MAX - 1), { ms: newest.reduce((sum, { ms }) => sum + ms, 0), ageMs: 0 }]
}
