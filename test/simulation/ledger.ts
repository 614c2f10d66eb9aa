// What really is on the disk, seen at the moment at which each write took effect: the yardstick for everything that a server says.
import { strict as assert } from 'node:assert'
import * as Y from 'yjs'
import type { AppendEntry, Fence, ShardOwnership, SnapshotWrite } from '../../persistence/store.js'
import { inspectUpdate, storedBounds } from '../../protocol/updates/inspect.js'
import { KnownState } from '../../protocol/updates/known-state.js'

/** Part of every awareness state, and of nothing else (A1). */
export const awarenessMarker = 'cursor-of'

export interface LedgerRow {
  readonly seq: number
  readonly update: Uint8Array
}

interface StampedRow {
  readonly seq: number
  readonly committedAt: number
}

/** A log before and after it was pruned, and what else there is. Times are those of the store's own clock, which is right. */
export interface Pruned {
  readonly before: readonly StampedRow[]
  readonly after: readonly StampedRow[]
  readonly snapshots: readonly { readonly seq: number }[]
  readonly windowStart: number
}

class LedgerDocument {
  readonly incarnation: string
  /** Every row there ever was, seq 1 first, whatever is pruned later. */
  readonly rows: LedgerRow[] = []
  readonly logged = new KnownState()
  /** The log and the snapshots: a compacted state has deletes that no row spells out. */
  readonly stored = new KnownState()
  readonly replica = new Y.Doc()
  #integrated: KnownState | null = null
  bytes = 0

  constructor(incarnation: string) {
    this.incarnation = incarnation
    this.replica.clientID = 0
  }

  append(update: Uint8Array): void {
    const inspected = inspectUpdate(update, storedBounds)
    assert.equal(this.logged.subtract(inspected), update, `S3: row ${this.rows.length + 1} repeats what the log has`)
    this.rows.push({ seq: this.rows.length + 1, update })
    this.logged.add(inspected)
    this.stored.add(inspected)
    this.bytes += update.length
    Y.applyUpdate(this.replica, update)
    this.#integrated = null
  }

  /** What a document has that integrated the whole log: integrating deletes what lost a conflict. */
  integrated(): KnownState {
    if (this.#integrated === null) {
      this.#integrated = new KnownState()
      this.#integrated.add(inspectUpdate(Y.encodeStateAsUpdate(this.replica), storedBounds))
    }
    return this.#integrated
  }
}

export class Ledger {
  readonly #documents = new Map<string, LedgerDocument>()
  /** Who has written in each epoch of a shard. */
  readonly #appenders = new Map<string, string>()
  /** Of each document's last row. */
  readonly #epochs = new Map<string, number>()

  get documentIds(): readonly string[] {
    return [...this.#documents.keys()]
  }

  /** The row is on the disk from now on. Throws if it should not be. `current` is who owned its shard at that moment. */
  appended({ documentId, seq, incarnation, fence, update }: AppendEntry, current: ShardOwnership | null): void {
    this.#checkAppender(documentId, seq, fence, current)
    const document = this.#documents.get(documentId) ?? new LedgerDocument(incarnation)
    this.#documents.set(documentId, document)
    assert.equal(seq, document.rows.length + 1, `D5: the log of ${documentId} is contiguous`)
    assert.equal(incarnation, document.incarnation, `D4: ${documentId} has begun a second life`)
    assertNoAwareness(update)
    document.append(new Uint8Array(update))
  }

  /** O1, O3. */
  #checkAppender(documentId: string, seq: number, fence: Fence, current: ShardOwnership | null): void {
    const what = `row ${seq} of ${documentId} in epoch ${fence.epoch} of shard ${fence.shard}`
    assert.ok(isCurrent(fence, current ?? undefined), `O1: ${what} was written when the epoch was ${current?.epoch ?? 'none'}`)
    const grant = `${fence.shard} ${fence.epoch}`
    const boot = this.#appenders.get(grant) ?? fence.boot
    this.#appenders.set(grant, boot)
    assert.equal(fence.boot, boot, `O1: ${what} was written by a second process`)
    const last = this.#epochs.get(documentId) ?? 0
    this.#epochs.set(documentId, fence.epoch)
    assert.ok(fence.epoch >= last, `O1: ${what} follows one of epoch ${last}`)
  }

  snapshotSaved({ documentId, seq, state }: SnapshotWrite): void {
    const document = this.#documents.get(documentId)
    assert.ok(document !== undefined && seq <= document.rows.length, 'a snapshot is never ahead of the log')
    assertNoAwareness(state)
    const inspected = inspectUpdate(state, storedBounds)
    const snapshot = new KnownState()
    snapshot.add(inspected)
    for (const row of document.rows.slice(0, seq))
      assert.equal(
        snapshot.subtract(inspectUpdate(row.update, storedBounds)),
        null,
        `D6: a snapshot of ${documentId} lacks part of row ${row.seq}`,
      )
    document.stored.add(inspected)
  }

  /** H1: every seq of the window can still be read, from a snapshot and the rows after it. H3: no row of the window is gone. */
  pruned(documentId: string, { before, after, snapshots, windowStart }: Pruned): void {
    const kept = new Set(after.map(({ seq }) => seq))
    for (const { seq, committedAt } of before)
      assert.ok(kept.has(seq) || committedAt <= windowStart, `H3: pruning took row ${seq} of ${documentId}, which the window needs`)
    const first = after[0]?.seq ?? (before.at(-1)?.seq ?? 0) + 1
    const firstInWindow = after.find(({ committedAt }) => committedAt > windowStart)?.seq ?? first
    assert.ok(
      first <= 1 || snapshots.some(({ seq }) => seq >= first - 1 && seq <= Math.max(firstInWindow, first - 1)),
      `H1: after pruning, row ${firstInWindow} of ${documentId} has no snapshot to begin from`,
    )
  }

  incarnationOf(documentId: string): string | null {
    return this.#documents.get(documentId)?.incarnation ?? null
  }

  rows(documentId: string): readonly LedgerRow[] {
    return this.#documents.get(documentId)?.rows ?? []
  }

  bytes(documentId: string): number {
    return this.#documents.get(documentId)?.bytes ?? 0
  }

  /** The document as the log replayed gives it. */
  replica(documentId: string): Y.Doc {
    return this.#documents.get(documentId)?.replica ?? new Y.Doc()
  }

  /** Whether all of an update is on the disk. */
  holds(documentId: string, update: Uint8Array): boolean {
    const inspected = inspectUpdate(update, storedBounds)
    const document = this.#documents.get(documentId)
    return (document?.stored ?? new KnownState()).subtract(inspected) === null
  }

  /** Whether all that a client's document holds is on the disk, or follows from what is. */
  holdsDocument(documentId: string, doc: Y.Doc): boolean {
    const state = Y.encodeStateAsUpdate(doc)
    if (this.holds(documentId, state)) return true
    const document = this.#documents.get(documentId)
    if (document === undefined) return false
    const rest = document.integrated().subtract(inspectUpdate(state, storedBounds))
    return rest === null || document.stored.subtract(inspectUpdate(rest, storedBounds)) === null
  }
}

/** Whether a fence is the one that counts. */
export function isCurrent(fence: Fence, owner: ShardOwnership | undefined): boolean {
  return owner?.epoch === fence.epoch && owner.owner?.boot === fence.boot
}

function assertNoAwareness(bytes: Uint8Array): void {
  assert.equal(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(awarenessMarker), false, 'A1: awareness is in the store')
}
