// What the groups of the store contract share: one fresh store per test, and a writer that owns a document's shard.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, systemClock, type Timer } from '../../core/clock.js'
import { shardOf } from '../../core/document-id.js'
import type { WeftErrorCode } from '../../core/errors.js'
import type {
  AppendEntry,
  Claimant,
  DocumentStore,
  Fence,
  FencedWrite,
  QuarantineWrite,
  RetentionPolicy,
  SnapshotWrite,
  StoredDocument,
} from '../../persistence/store.js'

export interface StoreUnderTest {
  readonly store: DocumentStore
  /** Closes the store and opens what it left behind. Absent where a store cannot outlive its object. */
  reopen?(): Promise<DocumentStore>
  /** From now on the clock of the machine that the store's program runs on is wrong by this much. Mended by `cleanup`. */
  setClockWrong(ms: number): void
  cleanup(): Promise<void>
}

/** The system's clock, which a test can set wrong. */
export class FallibleClock implements Clock {
  wrongMs = 0

  now(): number {
    return systemClock.now() + this.wrongMs
  }

  monotonic(): number {
    return systemClock.monotonic()
  }

  after(...timer: Parameters<Clock['after']>): Timer {
    return systemClock.after(...timer)
  }

  soon(run: () => void): void {
    systemClock.soon(run)
  }
}

export type MakeStore = () => Promise<StoreUnderTest>

/** Declares one test on a store of its own. */
export type ContractTest = (title: string, run: (store: DocumentStore, underTest: StoreUnderTest) => Promise<void>) => void

export function contractTest(makeStore: MakeStore): ContractTest {
  return (title, run) => {
    test(title, async () => {
      const underTest = await makeStore()
      try {
        await run(underTest.store, underTest)
      } finally {
        await underTest.cleanup()
      }
    })
  }
}

export const nodeA: Claimant = { nodeId: 'node-a', boot: 'boot-a' }
export const nodeB: Claimant = { nodeId: 'node-b', boot: 'boot-b' }

/** Keeps everything for ever, short of what a test asks to prune. */
export const keepNothing: RetentionPolicy = { logWindowMs: 0, hourlySnapshots: 0, dailySnapshots: 0 }

/** Claims the document's shard, whoever held it before. */
export async function takeFence(store: DocumentStore, documentId: string, claimant: Claimant = nodeA): Promise<Fence> {
  const shard = shardOf(documentId)
  const seen = (await store.readOwnership()).find((ownership) => ownership.shard === shard)?.epoch ?? 0
  const [grant] = await store.claimShards(claimant, [{ shard, epoch: seen }])
  assert.ok(grant, `shard ${shard} was granted`)
  return { ...grant, boot: claimant.boot }
}

/** Owns one document and appends to it, remembering everything: the model that reads are compared with. */
export class Writer {
  readonly store: DocumentStore
  readonly documentId: string
  readonly incarnation: string
  readonly updates: Uint8Array[] = []
  fence: Fence

  constructor(store: DocumentStore, documentId: string, fence: Fence, incarnation: string) {
    this.store = store
    this.documentId = documentId
    this.fence = fence
    this.incarnation = incarnation
  }

  static async claim(
    store: DocumentStore,
    documentId: string,
    options: { readonly incarnation?: string; readonly claimant?: Claimant } = {},
  ): Promise<Writer> {
    return new Writer(store, documentId, await takeFence(store, documentId, options.claimant), options.incarnation ?? 'life-1')
  }

  get head(): number {
    return this.updates.length
  }

  entry(update: Uint8Array, seq = this.head + 1): AppendEntry {
    return { documentId: this.documentId, fence: this.fence, seq, incarnation: this.incarnation, update }
  }

  /** Appends one row, which must succeed. */
  async append(update: Uint8Array | string, authors: Pick<AppendEntry, 'users' | 'firstUses'> = {}): Promise<void> {
    const bytes = typeof update === 'string' ? bytesOf(update) : update
    const { fencedShards } = await this.store.append([{ ...this.entry(bytes), ...authors }])
    assert.deepEqual([...fencedShards], [])
    this.updates.push(bytes)
  }

  /** Appends `count` rows, each recognisable by its seq. */
  async appendMany(count: number): Promise<this> {
    for (let index = 0; index < count; index++) await this.append(`${this.documentId} ${this.head + 1};`)
    return this
  }

  /** The whole document through `seq`, in this suite's own encoding: its updates, one after the other. */
  state(seq = this.head): Uint8Array {
    return Buffer.concat(this.updates.slice(0, seq))
  }

  snapshot(seq = this.head): SnapshotWrite {
    return { documentId: this.documentId, fence: this.fence, incarnation: this.incarnation, seq, state: this.state(seq) }
  }

  quarantine(seq: number, reason: string): QuarantineWrite {
    return { documentId: this.documentId, fence: this.fence, incarnation: this.incarnation, seq, reason }
  }

  async save(seq = this.head): Promise<void> {
    assert.equal(await this.store.saveSnapshot(this.snapshot(seq)), 'written')
  }

  async keep(name: string, seq = this.head, author: string | null = null, description?: string): Promise<FencedWrite> {
    return this.store.keepVersion(this.snapshot(seq), { name, author, ...(description === undefined ? {} : { description }) })
  }

  /** Throws unless a read holds exactly this document through `seq`, contiguously (D5, H1). */
  check(read: StoredDocument, seq = this.head): void {
    assert.equal(read.head, seq)
    assert.equal(read.incarnation, this.incarnation)
    const base = read.snapshot?.seq ?? 0
    assert.deepEqual(
      read.tail.map((row) => row.seq),
      Array.from({ length: seq - base }, (_, index) => base + 1 + index),
      'the tail is contiguous from the snapshot to the head',
    )
    assert.ok(sameBytes(replay(read), this.state(seq)), `the document through seq ${seq} reads as it was written`)
  }
}

/** What a read amounts to in this suite's encoding. */
export function replay(read: StoredDocument): Uint8Array {
  return Buffer.concat([read.snapshot?.state ?? new Uint8Array(), ...read.tail.map((row) => row.update)])
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

export async function rejectsWith(code: WeftErrorCode, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, { name: 'WeftError', code })
}

/** Two document ids whose shards differ from each other and from those of the other ids given. */
export function idsInDistinctShards(count: number): string[] {
  const byShard = new Map<number, string>()
  for (let index = 0; byShard.size < count; index++) {
    const id = `document ${index}`
    if (!byShard.has(shardOf(id))) byShard.set(shardOf(id), id)
  }
  return [...byShard.values()]
}

/** Two different document ids in one shard. */
export function idsInOneShard(): [string, string] {
  const first = 'document 0'
  for (let index = 1; ; index++) if (shardOf(`document ${index}`) === shardOf(first)) return [first, `document ${index}`]
}
