// Reads the delete set of an update that came from outside, in steps: varUint number of clients, then per client {id, varUint number of
// ranges, {clock, length}}.
import type { ByteReader } from './byte-reader.js'
import { normalizeRanges } from './ranges.js'
import { CLOCK_MAX } from './struct-reader.js'

/** Deleted clocks of one client, as flat start, end pairs: sorted, disjoint. */
export interface ClientDeletes {
  readonly client: number
  readonly ranges: readonly number[]
}

export class DeleteSetReader {
  /** Where it begins. */
  readonly offset: number
  readonly #reader: ByteReader
  readonly #rangesMax: number
  #clientsLeft: number
  // Of the client that is being read.
  #client = 0
  #ranges: number[] = []
  /** Of `#ranges`: as Yjs writes them. */
  #isNormal = true
  #rangesLeft = 0
  #rangeCount = 0
  readonly #deletes: ClientDeletes[] = []
  #isSorted = true
  #hasNormalRanges = true

  /** The number of clients was read. `rangesMax`: of all clients together. */
  constructor(reader: ByteReader, offset: number, clientCount: number, rangesMax: number) {
    this.offset = offset
    this.#reader = reader
    this.#clientsLeft = clientCount
    this.#rangesMax = rangesMax
  }

  get ended(): boolean {
    return this.#rangesLeft === 0 && this.#clientsLeft === 0
  }

  /** As they stand there. */
  get rangeCount(): number {
    return this.#rangeCount
  }

  /** In descending order of client ids, each client once. */
  get deletes(): readonly ClientDeletes[] {
    return this.#isSorted ? this.#deletes : sortDeletes(this.#deletes)
  }

  /** Whether it stands in the bytes as it does in `deletes`: as Yjs writes it. */
  get inOrder(): boolean {
    return this.#isSorted && this.#hasNormalRanges
  }

  /** Reads on, at most so many ranges; returns how many parts it read. Throws `malformed-update`. */
  read(partsMax: number): number {
    if (this.#rangesLeft > 0) return this.#readRanges(partsMax)
    this.#beginClient()
    return 1
  }

  #beginClient(): void {
    const reader = this.#reader
    this.#client = reader.readVarUint()
    const count = reader.readCount(2)
    this.#rangeCount += count
    if (this.#rangeCount > this.#rangesMax) reader.fail(`The update holds more than ${this.#rangesMax} delete ranges`)
    this.#clientsLeft--
    this.#rangesLeft = count
    this.#ranges = []
    this.#isNormal = true
    const previous = this.#deletes.at(-1)
    if (previous !== undefined && previous.client <= this.#client) this.#isSorted = false
    if (count === 0) this.#hasNormalRanges = false
  }

  #readRanges(rangesMax: number): number {
    const reader = this.#reader
    const ranges = this.#ranges
    const count = Math.min(rangesMax, this.#rangesLeft)
    let end = ranges.at(-1) ?? -1
    for (let range = 0; range < count; range++) {
      const clock = reader.readVarUint()
      const length = reader.readVarUint()
      if (length === 0) reader.fail('A delete range has no length')
      if (clock + length > CLOCK_MAX) reader.fail('A clock exceeds 2^32-1')
      if (clock <= end) this.#isNormal = false
      end = clock + length
      ranges.push(clock, end)
    }
    this.#rangesLeft -= count
    if (this.#rangesLeft === 0) {
      if (!this.#isNormal) this.#hasNormalRanges = false
      this.#deletes.push({ client: this.#client, ranges: this.#isNormal ? ranges : normalizeRanges(ranges) })
    }
    return count
  }
}

// Yjs sorts its delete sets but reads them in any order, also with a client in several places.
function sortDeletes(deletes: readonly ClientDeletes[]): ClientDeletes[] {
  const byClient = new Map<number, number[]>()
  for (const { client, ranges } of deletes) {
    const known = byClient.get(client)
    if (known === undefined) byClient.set(client, [...ranges])
    else for (const bound of ranges) known.push(bound)
  }
  return [...byClient].sort((a, b) => b[0] - a[0]).map(([client, ranges]) => ({ client, ranges: normalizeRanges(ranges) }))
}
