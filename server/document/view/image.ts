// The image of an open document: its base (the newest snapshot, as it lies in memory) and its tail (the updates after it), all as encoded
// bytes. A join is answered with these buffers or with pieces cut out of them; nothing is decoded into a Y.Doc (S2).
import { assert } from '../../../core/assert.js'
import { type DocumentIndex, EncodedDocument } from '../../../protocol/updates/encoded-document.js'
import { mergeUpdateTree } from '../../../protocol/updates/merge.js'
import { INDEXED_AT_ONCE_BYTES_MAX, IndexMaking, indexed } from './index-making.js'
import { Tail } from './tail.js'

/** Several tail rows as one update. */
interface Block {
  readonly update: Uint8Array
  /** The number of tail rows that it and the blocks before it hold. */
  readonly rows: number
  /** With its index, which is made for the first session that needs it; of a large one before anything is asked for. */
  encoded: EncodedDocument | null
}

/** What a block costs beside its bytes. */
const BLOCK_BYTES = 250

/** Merging takes about as long as its bytes, and is worst for single keystrokes: some 20 ms for so many. */
const BLOCK_BYTES_MAX = 64 * 1024

/** Smaller blocks are sent whole to a session with a state vector: cutting them would cost more than the repeat. */
const CUT_BYTES_MIN = 2048

export class Image {
  #baseSeq: number
  #base: Uint8Array | null
  /** A compaction brings it; that of a replica is built for the first session that needs a difference. */
  #encodedBase: EncodedDocument | null
  #tail: Tail
  /** Poison cuts the readable tail short; the log goes on behind it. */
  #head: number
  /**
   * The tail merged. A new block swallows its neighbour when that is less than twice its size, so that there are few and each byte is
   * merged rarely; but none grows beyond `BLOCK_BYTES_MAX`, so that no step takes long (G7).
   */
  #blocks: Block[] = []
  /** The last slice of the tail that was asked for: many sessions resume from the same seq at the same time. */
  #slice: { readonly afterSeq: number; readonly head: number; readonly updates: readonly Uint8Array[] } | null = null
  readonly #indexMaking = new IndexMaking()

  /** `tail` must be contiguous after `baseSeq`, and is the image's from now on. */
  constructor(baseSeq: number, base: EncodedDocument | null, tail = new Tail()) {
    this.#baseSeq = baseSeq
    this.#base = base?.bytes ?? null
    this.#encodedBase = base
    this.#tail = tail
    this.#head = tail.lastSeq ?? baseSeq
  }

  /** The last seq that is part of the image. */
  get head(): number {
    return this.#head
  }

  get baseSeq(): number {
    return this.#baseSeq
  }

  get baseBytes(): number {
    return this.#base?.length ?? 0
  }

  get tailBytes(): number {
    return this.#tail.bytes
  }

  get tailRows(): number {
    return this.#tail.rows
  }

  /** Base plus tail. */
  get bytes(): number {
    return this.baseBytes + this.#tail.bytes
  }

  /** What the image costs in memory: base and tail, what is merged of the tail, and the indexes. */
  get heldBytes(): number {
    let bytes = this.baseBytes + this.#tail.heldBytes + (this.#encodedBase?.indexBytes ?? 0)
    for (const { update, encoded } of this.#blocks) bytes += update.length + BLOCK_BYTES + (encoded?.indexBytes ?? 0)
    return bytes
  }

  append(seq: number, update: Uint8Array): void {
    assert(seq === this.#head + 1, 'the tail is contiguous')
    this.appendStretch(seq, update)
  }

  /** Appends everything after the head through `seq` as one row: for a replica, which may be told of several beats at once. */
  appendStretch(seq: number, update: Uint8Array): void {
    assert(seq > this.#head, 'the tail grows')
    this.#tail.push(seq, update)
    this.#head = seq
  }

  /** The whole document: the base's own buffer, then the tail in as few updates as are already merged. */
  everything(): readonly Uint8Array[] {
    const blocks = this.#merged().map((block) => block.update)
    return this.#base === null ? blocks : [this.#base, ...blocks]
  }

  /** The rows after `seq`, merged; null when `seq` is older than the base. */
  since(seq: number): readonly Uint8Array[] | null {
    if (seq < this.#baseSeq) return null
    if (seq >= this.#head) return []
    const rowsKnown = this.#tail.rowsThrough(seq)
    if (rowsKnown === 0) return this.#merged().map((block) => block.update)
    if (this.#slice?.afterSeq === seq && this.#slice.head === this.#head) return this.#slice.updates
    const updates = this.#mergedFrom(rowsKnown)
    this.#slice = { afterSeq: seq, head: this.#head, updates }
    return updates
  }

  /** What a session with this state vector lacks: pieces cut out of the base and of the tail. Its whole delete set is part of it. */
  difference(stateVector: ReadonlyMap<number, number>): readonly Uint8Array[] {
    const updates: Uint8Array[] = []
    const base = this.#indexedBase()
    if (base !== null) updates.push(base.difference(stateVector))
    for (const block of this.#merged()) {
      if (block.update.length < CUT_BYTES_MIN) updates.push(block.update)
      else updates.push(indexedBlock(block).difference(stateVector))
    }
    return updates.filter((update) => !isEmpty(update))
  }

  /** Whether what is asked for takes no more than one short step: else it is to be made ready before. */
  get isReady(): boolean {
    return this.#mergesInOneStep && this.#largeUnindexed() === null
  }

  /** One short step. Throws `malformed-update` for what has no index, and is not ready then. */
  makeReady(): void {
    if (!this.#mergesInOneStep) {
      this.#mergeStep()
      return
    }
    const large = this.#largeUnindexed()
    if (large === null) return
    const made = this.#indexMaking.step(large.update)
    if (made === null) return
    if (large.block === null) this.#encodedBase = made
    else large.block.encoded = made
  }

  /** Base and tail with their indexes, to be cut into pieces. */
  sources(): readonly EncodedDocument[] {
    const base = this.#indexedBase()
    const tail = this.#merged().map(indexedBlock)
    return base === null ? tail : [base, ...tail]
  }

  /** One of the updates that `since` answers, with its index. */
  withIndex(update: Uint8Array): EncodedDocument {
    const block = this.#blocks.find((one) => one.update === update)
    return block === undefined ? indexed(update) : indexedBlock(block)
  }

  /** What a compaction through the current head starts from. */
  snapshotInput(): { readonly base: Uint8Array | null; readonly tail: readonly Uint8Array[] } {
    return { base: this.#base, tail: this.#tail.updates() }
  }

  /** `base`, with its index, holds everything through `seq`: it replaces the old base and the tail up to there. */
  replaceBase(seq: number, base: Uint8Array, index: DocumentIndex): void {
    assert(seq >= this.#baseSeq && seq <= this.#head, 'a new base lies between the old one and the head')
    this.#tail = this.#tail.slice(this.#tail.rowsThrough(seq))
    this.#baseSeq = seq
    this.#base = base
    this.#encodedBase = new EncodedDocument(base, index)
    this.#forgetMerged()
  }

  /**
   * Starts over: `updates`, in order, are the whole document through `seq`, which may not lie before the head. For a replica that was sent
   * it anew.
   */
  restart(seq: number, updates: readonly Uint8Array[]): void {
    assert(seq >= this.#head, 'an image never goes back')
    const [base, ...rest] = updates
    this.#baseSeq = seq
    this.#base = base ?? null
    this.#encodedBase = null
    // Rows of the base's own seq: part of the whole document, and never of what came after a seq.
    this.#tail = new Tail()
    for (const update of rest) this.#tail.push(seq, update)
    this.#head = seq
    this.#forgetMerged()
  }

  /** Drops the tail from row `index` on: the document stays readable up to the poison in it (D8). */
  truncateTail(index: number): void {
    this.#tail = this.#tail.slice(0, index)
    this.#head = this.#tail.lastSeq ?? this.#baseSeq
    this.#forgetMerged()
  }

  #forgetMerged(): void {
    this.#blocks = []
    this.#slice = null
    this.#indexMaking.stop()
  }

  #indexedBase(): EncodedDocument | null {
    if (this.#base !== null) this.#encodedBase ??= indexed(this.#base)
    return this.#encodedBase
  }

  /** Whether what is not merged of the tail is merged in one step, and is no large row, which needs an index. */
  get #mergesInOneStep(): boolean {
    const from = this.#blocks.at(-1)?.rows ?? 0
    return this.#tail.endWithin(from, BLOCK_BYTES_MAX) === this.#tail.rows && this.#tail.bytesOf(from) <= BLOCK_BYTES_MAX
  }

  /** What cannot be indexed at once, and is not indexed yet: the base (`block` is null), or a block. */
  #largeUnindexed(): { readonly update: Uint8Array; readonly block: Block | null } | null {
    const isLarge = ({ length }: Uint8Array): boolean => length > INDEXED_AT_ONCE_BYTES_MAX
    if (this.#base !== null && this.#encodedBase === null && isLarge(this.#base)) return { update: this.#base, block: null }
    const block = this.#blocks.find(({ update, encoded }) => encoded === null && isLarge(update))
    return block === undefined ? null : { update: block.update, block }
  }

  #merged(): readonly Block[] {
    while ((this.#blocks.at(-1)?.rows ?? 0) < this.#tail.rows) this.#mergeStep()
    return this.#blocks
  }

  /** Merges the next rows into a block, and that into its neighbours. */
  #mergeStep(): void {
    const from = this.#blocks.at(-1)?.rows ?? 0
    if (from === this.#tail.rows) return
    const to = this.#tail.endWithin(from, BLOCK_BYTES_MAX)
    const fresh = mergeOrKeep(this.#tail.updates(from, to))
    for (const update of fresh) this.#blocks.push({ update, rows: to, encoded: null })
    for (;;) {
      const last = this.#blocks.at(-1)
      const before = this.#blocks.at(-2)
      if (last === undefined || before === undefined || before.update.length >= 2 * last.update.length) return
      if (before.update.length + last.update.length > BLOCK_BYTES_MAX) return
      const [merged, ...rest] = mergeOrKeep([before.update, last.update])
      if (merged === undefined || rest.length > 0) return
      this.#blocks.splice(-2, 2, { update: merged, rows: last.rows, encoded: null })
    }
  }

  /** The rows from number `from` on: as few updates as can be made in one short step. */
  #mergedFrom(from: number): readonly Uint8Array[] {
    if (this.#tail.endWithin(from, BLOCK_BYTES_MAX) === this.#tail.rows) return mergeOrKeep(this.#tail.updates(from))
    const blocks = this.#merged()
    const next = blocks.findIndex((block) => block.rows > from)
    const begin = next > 0 ? (blocks[next - 1]?.rows ?? 0) : 0
    if (begin === from) return blocks.slice(next).map((block) => block.update)
    const cutOff = this.#tail.updates(from, blocks[next]?.rows)
    return [...mergeOrKeep(cutOff), ...blocks.slice(next + 1).map((block) => block.update)]
  }
}

function indexedBlock(block: Block): EncodedDocument {
  block.encoded ??= indexed(block.update)
  return block.encoded
}

/** One merged update; or the updates themselves should they not merge, since each of them is sound. */
function mergeOrKeep(updates: readonly Uint8Array[]): readonly Uint8Array[] {
  if (updates.length === 0) return []
  try {
    return [mergeUpdateTree(updates)]
  } catch {
    return updates
  }
}

/** No structs and no deletes. */
function isEmpty(update: Uint8Array): boolean {
  return update.length === 2 && update[0] === 0 && update[1] === 0
}
