// How late it was when the data folder was written to last: what a start is told before it believes the machine's clock (H3).
//
// One entry of the table `meta`: key `time`, value JSON in UTF-8, {"believedMs": number, "doubts": [[ms, ageMs], …]}. Programs from before
// there was one leave it alone, so the format stays as it is.
import type { Clock } from '../../core/clock.js'
import { type Doubt, JUMP_MS_MIN, type KeptTime, StoreTime, UNKNOWN_TIME } from '../store-time.js'
import type { CommitQueue } from './commit-queue.js'
import type { Environment } from './environment.js'

const TIME_KEY = Buffer.from('time')
/** Written with what else is committed, and no more often than this: a kill makes the next start doubt so much more. */
const PERIOD_MS = 10 * 60_000

export class KeptStoreTime {
  readonly #environment: Environment
  readonly #clock: Clock
  readonly #time: StoreTime
  /** By monotonic time; null before the first. */
  #writtenAt: number | null = null

  constructor(environment: Environment, clock: Clock) {
    this.#environment = environment
    this.#clock = clock
    this.#time = new StoreTime(clock, readKeptTime(environment))
  }

  /** Milliseconds since the Unix epoch, never later than the clock. */
  credible(): number {
    return this.#time.credible()
  }

  /** To be called within a transaction that writes something anyhow. */
  writeIfDue(): void {
    if (this.#writtenAt === null || this.#clock.monotonic() - this.#writtenAt >= PERIOD_MS) this.#write()
  }

  /** Writes the time down before the store is closed, unless so little has passed that the next start would not notice. */
  async writeLast(queue: CommitQueue): Promise<void> {
    if (this.#writtenAt === null || this.#clock.monotonic() - this.#writtenAt < JUMP_MS_MIN / 2) return
    // Without it the next start believes its clock a little later.
    await queue.run(0, () => () => this.#write()).catch(() => {})
  }

  #write(): void {
    const { believedMs, doubts } = this.#time.kept()
    const value = { believedMs: Math.round(believedMs), doubts: doubts.map(({ ms, ageMs }) => [Math.round(ms), Math.round(ageMs)]) }
    void this.#environment.meta.put(TIME_KEY, Buffer.from(JSON.stringify(value)))
    this.#writtenAt = this.#clock.monotonic()
  }
}

/** Null for a store that has no documents and never said how late it is. */
function readKeptTime({ meta, documents }: Environment): KeptTime | null {
  const written = meta.get(TIME_KEY)
  if (written !== undefined) return parseKeptTime(written.toString('utf8')) ?? UNKNOWN_TIME
  const isEmpty = Array.from(documents.getKeys({ limit: 1 })).length === 0
  return isEmpty ? null : UNKNOWN_TIME
}

function parseKeptTime(text: string): KeptTime | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null || !('believedMs' in value) || !('doubts' in value)) return null
  const { believedMs, doubts } = value
  if (!isTime(believedMs) || !Array.isArray(doubts)) return null
  const parsed = doubts.map(parseDoubt).filter((doubt) => doubt !== null)
  return parsed.length === doubts.length ? { believedMs, doubts: parsed } : null
}

function parseDoubt(value: unknown): Doubt | null {
  if (!Array.isArray(value)) return null
  const [ms, ageMs]: readonly unknown[] = value
  return isTime(ms) && isTime(ageMs) && ageMs >= 0 ? { ms, ageMs } : null
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value)
}
