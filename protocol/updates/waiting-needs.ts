// What the structs of a client that waits need of other clients. What is added and what is met cost what they are themselves, however much
// else is there: a client may wait with a million needs, and each update meanwhile looks at them.

/** Flat at, client, clock: the struct at `at` needs the one that holds (client, clock). */
const FIELDS = 3
/** A chunk with more needs than this is split into halves. */
const CHUNK_NEEDS_MAX = 512

/** Index of the first need in a flat list whose struct does not lie before `at`. */
function firstFrom(needs: readonly number[], at: number, from: number): number {
  let low = from / FIELDS
  let high = needs.length / FIELDS
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((needs[middle * FIELDS] as number) < at) low = middle + 1
    else high = middle
  }
  return low * FIELDS
}

export class WaitingNeeds {
  /** In the order of the structs, none of them empty. */
  readonly chunks: number[][] = []
  count = 0

  /** Takes out the first `count`. */
  drop(count: number): void {
    this.count -= count
    let left = count * FIELDS
    let whole = 0
    for (let chunk = this.chunks[whole]; chunk !== undefined && chunk.length <= left; chunk = this.chunks[whole]) {
      left -= chunk.length
      whole++
    }
    if (whole > 0) this.chunks.splice(0, whole)
    if (left > 0) this.chunks[0]?.splice(0, left)
  }

  /** Adds `needs` from index `first` on: in the order of their structs, none of which is here. */
  add(needs: readonly number[], first: number): void {
    this.count += (needs.length - first) / FIELDS
    for (let from = first; from < needs.length; ) {
      const index = this.#chunkOf(needs[from] as number)
      const nextStart = this.chunks[index + 1]?.[0] ?? Number.POSITIVE_INFINITY
      const to = firstFrom(needs, nextStart, from)
      this.#replace(index, merged(this.chunks[index] ?? [], needs, from, to))
      from = to
    }
  }

  /** Index of the last chunk that begins at or before `at`; 0 if none does. */
  #chunkOf(at: number): number {
    let low = 0
    let high = this.chunks.length
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if ((this.chunks[middle]?.[0] as number) <= at) low = middle
      else high = middle
    }
    return low
  }

  #replace(index: number, chunk: number[]): void {
    if (chunk.length <= CHUNK_NEEDS_MAX * FIELDS) {
      this.chunks[index] = chunk
      return
    }
    const after = this.chunks.splice(index).slice(1)
    const half = (CHUNK_NEEDS_MAX / 2) * FIELDS
    for (let start = 0; start < chunk.length; start += half) this.chunks.push(chunk.slice(start, start + half))
    for (const other of after) this.chunks.push(other)
  }
}

/** `chunk` and `needs[from, to)` as one. */
function merged(chunk: readonly number[], needs: readonly number[], from: number, to: number): number[] {
  if (chunk.length === 0) return needs.slice(from, to)
  const result: number[] = []
  let [mine, theirs] = [0, from]
  while (mine < chunk.length || theirs < to) {
    const isMine = theirs >= to || (mine < chunk.length && (chunk[mine] as number) <= (needs[theirs] as number))
    const source = isMine ? chunk : needs
    const at = isMine ? mine : theirs
    result.push(source[at] as number, source[at + 1] as number, source[at + 2] as number)
    if (isMine) mine += FIELDS
    else theirs += FIELDS
  }
  return result
}

/**
 * Goes over the needs of one client, those that are stored and those that come, in the order of the structs; changes neither before
 * `settle`.
 */
export class NeedCursor {
  readonly #stored: WaitingNeeds | null
  readonly #added: readonly number[]
  #chunk = 0
  #index = 0
  #passed = 0
  #next = 0
  /** The need that it stands on. */
  at = Number.POSITIVE_INFINITY
  client = 0
  clock = 0

  constructor(stored: WaitingNeeds | null, added: readonly number[]) {
    this.#stored = stored
    this.#added = added
    this.#read()
  }

  /** How many are left, with the one that it stands on. */
  get remaining(): number {
    return (this.#stored?.count ?? 0) - this.#passed + (this.#added.length - this.#next) / FIELDS
  }

  /** On to the next one; `at` is infinite behind the last. */
  advance(): void {
    if (this.#onStored()) {
      this.#passed++
      this.#index += FIELDS
      if (this.#index >= (this.#stored?.chunks[this.#chunk]?.length ?? 0)) {
        this.#chunk++
        this.#index = 0
      }
    } else this.#next += FIELDS
    this.#read()
  }

  /** Stores what is left. */
  settle(): WaitingNeeds {
    const stored = this.#stored ?? new WaitingNeeds()
    stored.drop(this.#passed)
    stored.add(this.#added, this.#next)
    return stored
  }

  #storedAt(): number {
    return this.#stored?.chunks[this.#chunk]?.[this.#index] ?? Number.POSITIVE_INFINITY
  }

  #onStored(): boolean {
    return this.#storedAt() <= (this.#added[this.#next] ?? Number.POSITIVE_INFINITY)
  }

  #read(): void {
    const onStored = this.#onStored()
    const source = onStored ? this.#stored?.chunks[this.#chunk] : this.#added
    const index = onStored ? this.#index : this.#next
    this.at = source?.[index] ?? Number.POSITIVE_INFINITY
    this.client = source?.[index + 1] ?? 0
    this.clock = source?.[index + 2] ?? 0
  }
}
