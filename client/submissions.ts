// The local updates that the server has not acknowledged: what waits, what is under way, and how many they are.
// Each local update takes a ticket, counting up. Acknowledgements are cumulative, so what is unsaved is a range of tickets up to the last.
import { emptyUpdate, mergeUpdateTree } from '../protocol/updates/merge.js'
import { cutUpdate } from '../protocol/updates/submission-pieces.js'

interface Entry {
  readonly update: Uint8Array
  /** The oldest ticket that it holds part of. */
  readonly ticket: number
}

interface InFlight extends Entry {
  readonly submission: number
}

/** A submission to be sent now. */
export interface Submission {
  readonly submission: number
  readonly update: Uint8Array
}

/** Past either mark further updates wait, and merge, until something is acknowledged: the server's pace sets ours. */
const inFlightMax = 64
const inFlightBytesHigh = 4 * 1024 * 1024

function tooLarge(bytes: number, bytesMax: number): string {
  return `One single change of ${bytes} bytes is larger than the server takes in one message (${bytesMax} bytes).`
}

export function isEmptyUpdate(update: Uint8Array): boolean {
  return update.length === emptyUpdate.length && update.every((byte, index) => byte === emptyUpdate[index])
}

export class Submissions {
  #waiting: Entry[] = []
  /** The pieces of a large merged update that are not submitted yet. */
  #cut: Entry[] = []
  #inFlight: InFlight[] = []
  #inFlightBytes = 0
  #lastTicket = 0
  #lastSubmission = 0

  /** The ticket of the newest local update; 0 before the first. */
  get lastTicket(): number {
    return this.#lastTicket
  }

  /** The newest ticket through which everything is acknowledged. */
  get savedThrough(): number {
    return this.#lastTicket - this.unsaved
  }

  /** How many local updates are not acknowledged. */
  get unsaved(): number {
    // Each list is in the order of tickets, and so are the lists.
    const oldest = this.#inFlight[0] ?? this.#cut[0] ?? this.#waiting[0]
    return oldest === undefined ? 0 : this.#lastTicket + 1 - oldest.ticket
  }

  add(update: Uint8Array): void {
    this.#lastTicket += 1
    this.#waiting.push({ update, ticket: this.#lastTicket })
  }

  /** Puts one update in place of everything unacknowledged: it must contain all of that. */
  replaceAll(update: Uint8Array): void {
    const ticket = this.savedThrough + 1
    this.#lastTicket = Math.max(this.#lastTicket, ticket)
    this.clear()
    this.#waiting = [{ update, ticket }]
  }

  /** Everything there was is saved. */
  clear(): void {
    this.#waiting = []
    this.#cut = []
    this.#inFlight = []
    this.#inFlightBytes = 0
  }

  /** All that is unacknowledged, merged; null if nothing is. */
  merged(): Uint8Array | null {
    const all = [...this.#inFlight, ...this.#cut, ...this.#waiting]
    return all.length === 0 ? null : mergeUpdateTree(all.map((entry) => entry.update))
  }

  /**
   * The next submission, of at most `bytesMax` bytes, or null when nothing waits or enough is under way. What waits is merged, and cut if
   * it is large. Throws a RangeError when it cannot be cut small enough.
   */
  next(bytesMax: number): Submission | null {
    if (this.#inFlight.length >= inFlightMax || this.#inFlightBytes >= inFlightBytesHigh) return null
    if (this.#cut.length === 0) {
      const oldest = this.#waiting[0]
      if (oldest === undefined) return null
      const merged = mergeUpdateTree(this.#waiting.map((entry) => entry.update))
      const pieces = cutUpdate(merged, bytesMax)
      for (const { length } of pieces) if (length > bytesMax) throw new RangeError(tooLarge(length, bytesMax))
      this.#cut = pieces.map((update) => ({ update, ticket: oldest.ticket }))
      this.#waiting = []
    }
    const entry = this.#cut.shift()
    if (entry === undefined) return null
    this.#lastSubmission += 1
    this.#inFlight.push({ ...entry, submission: this.#lastSubmission })
    this.#inFlightBytes += entry.update.length
    return { submission: this.#lastSubmission, update: entry.update }
  }

  acknowledged(through: number): void {
    this.#inFlight = this.#inFlight.filter((entry) => entry.submission > through)
    this.#inFlightBytes = this.#inFlight.reduce((sum, entry) => sum + entry.update.length, 0)
  }

  /** What was under way waits again, to be submitted anew. */
  takeBack(): void {
    this.#waiting = [...this.#inFlight, ...this.#cut, ...this.#waiting]
    this.#inFlight = []
    this.#inFlightBytes = 0
    this.#cut = []
  }

  /** As `takeBack`, on a new channel, where numbers start again at 1. */
  restart(): void {
    this.takeBack()
    this.#lastSubmission = 0
  }
}
