// Which connections are given up when memory is used up (G8): those that hold the most of it and take the least.
import type { Clock, Timer } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import type { MemoryBudget } from '../../core/memory-budget.js'

/** What is looked at of a connection. */
export interface Reader {
  /** Bytes that wait for its client to take them. */
  readonly waitingBytes: number
  /** Bytes that its client has taken so far. */
  readonly takenBytes: number
  /** Closes it at once, with what waits. */
  giveUp(error: WeftError): void
}

const LOOK_MS = 500
/** A connection that holds less is not what fills the memory. */
const WAITING_BYTES_MIN = 64 * 1024
/** So much below the bound, that there is room for a while. */
const ROOM_SHARE = 0.9

export class SlowReaders {
  readonly #clock: Clock
  readonly #budget: MemoryBudget
  readonly #readers: () => Iterable<Reader>
  readonly #onGivenUp: () => void
  readonly #endListening: () => void
  /** What each had taken at the last look. */
  #taken = new Map<Reader, number>()
  #look: Timer | null = null

  /** `readers` are all that may be given up. `onGivenUp` is told of each that is. */
  constructor(clock: Clock, budget: MemoryBudget, readers: () => Iterable<Reader>, onGivenUp: () => void) {
    this.#clock = clock
    this.#budget = budget
    this.#readers = readers
    this.#onGivenUp = onGivenUp
    this.#endListening = budget.onLevel((level) => {
      // Measured before memory is full, since slow readers are told from fast ones by what they had a moment ago.
      if (level === 'tight') this.#lookAfter(LOOK_MS)
      if (level === 'full') this.#lookAfter(0)
    })
  }

  stop(): void {
    this.#endListening()
    this.#look?.cancel()
    this.#look = null
  }

  #lookAfter(delayMs: number): void {
    this.#look?.cancel()
    this.#look = this.#clock.after(delayMs, () => this.#lookNow(), { unref: true })
  }

  #lookNow(): void {
    this.#look = null
    if (this.#budget.level === 'calm') {
      this.#taken = new Map()
      return
    }
    const readers = [...this.#readers()]
    if (this.#budget.level === 'full') this.#giveUpSlowest(readers)
    this.#taken = new Map(readers.map((reader) => [reader, reader.takenBytes]))
    this.#lookAfter(LOOK_MS)
  }

  #giveUpSlowest(readers: readonly Reader[]): void {
    let excess = this.#budget.bytes - this.#budget.bytesMax * ROOM_SHARE
    const holding = readers
      .filter((reader) => reader.waitingBytes >= WAITING_BYTES_MIN)
      .map((reader) => ({ reader, moves: reader.takenBytes > (this.#taken.get(reader) ?? -1), waitingBytes: reader.waitingBytes }))
      .sort((a, b) => Number(a.moves) - Number(b.moves) || b.waitingBytes - a.waitingBytes)
    for (const { reader, waitingBytes } of holding) {
      if (excess <= 0) return
      excess -= waitingBytes
      this.#onGivenUp()
      reader.giveUp(new WeftError('too-slow', 'The server is short of memory, and too much of it waits for this client.'))
    }
  }
}
