// Compaction: base + tail → a new base, garbage collected, and verified before anybody may use it. The pure part, shared by the worker
// thread and by simulations, which run it in process.
import * as Y from 'yjs'
import { countsOf, type StructCounts } from '../../protocol/updates/decoding-cost.js'
import { type DocumentIndex, indexOf } from '../../protocol/updates/encoded-document.js'
import { inspectUpdate, storedBounds } from '../../protocol/updates/inspect.js'
import { KnownState } from '../../protocol/updates/known-state.js'

export interface CompactionInput {
  readonly base: Uint8Array | null
  readonly tail: readonly Uint8Array[]
  /** Whether deleted content stays. Default: it is collected. */
  readonly keepDeleted?: boolean
}

export interface Compacted {
  /** The whole document as one update, v1 encoding. */
  readonly state: Uint8Array
  /**
   * Deletes that `state` has and the input had not: integrating deletes what lost a conflict or lies inside something deleted. Null if
   * none.
   */
  readonly gained: Uint8Array | null
  /** Where things are in `state`: whoever has to look through all of it is not the event loop. */
  readonly index: DocumentIndex
  /** What `state` holds. */
  readonly counts: StructCounts
}

export type CompactionResult =
  | ({ readonly outcome: 'compacted' } & Compacted)
  /** Not begun: it would take more memory, or more processor time, than a compaction may. */
  | { readonly outcome: 'too-costly'; readonly memoryBytes: number; readonly ms: number }
  /** `index` of the first tail update that cannot be applied; -1 for the base. */
  | { readonly outcome: 'poisoned'; readonly index: number; readonly reason: string }

export interface Compactor {
  /** Rejects when the document could not be compacted for a reason that is not in its bytes, or when the result failed its verification. */
  compact(input: CompactionInput): Promise<CompactionResult>
  close(): Promise<void>
}

/** The result of a compaction does not hold what went in. */
export class CompactionMismatch extends Error {}

/** Compacts and verifies. Throws `CompactionMismatch`, or whatever Yjs throws for bytes that it cannot apply. */
export function compactState(input: CompactionInput): Compacted {
  const state = reencoded(input)
  return { state, ...verifyCompaction(input, state) }
}

/** What Yjs makes of it; by default without what was deleted. */
function reencoded({ base, tail, keepDeleted = false }: CompactionInput): Uint8Array {
  const doc = new Y.Doc({ gc: !keepDeleted })
  try {
    // One transaction for all updates takes half the time of one for each.
    doc.transact(() => {
      if (base !== null) Y.applyUpdate(doc, base)
      for (const update of tail) Y.applyUpdate(doc, update)
    })
    return Y.encodeStateAsUpdate(doc)
  } finally {
    doc.destroy()
  }
}

/**
 * Checks that `state` may replace `input`: everything that went in is in it, structs behind gaps included; it has no structs of its own;
 * and a fresh document that loads it has exactly that. Returns what it holds, and the deletes that it gained. Throws `CompactionMismatch`.
 */
export function verifyCompaction({ base, tail, keepDeleted = false }: CompactionInput, state: Uint8Array): Omit<Compacted, 'state'> {
  const inspected = inspectUpdate(state, storedBounds)
  const after = new KnownState()
  after.add(inspected)
  const before = new KnownState()
  for (const update of base === null ? tail : [base, ...tail]) {
    const part = inspectUpdate(update, storedBounds)
    if (after.subtract(part) !== null) throw new CompactionMismatch('The compacted document lacks something that went into it.')
    before.add(part)
  }
  const gained = before.subtract(inspected)
  if (gained !== null && inspectUpdate(gained, storedBounds).structCount > 0)
    throw new CompactionMismatch('The compacted document has something that did not go into it.')

  const reloaded = new KnownState()
  reloaded.add(inspectUpdate(reencoded({ base: state, tail: [], keepDeleted }), storedBounds))
  if (!reloaded.equals(after)) throw new CompactionMismatch('The compacted document reads differently when it is loaded.')
  // All deletes are applied in it.
  return { gained, index: indexOf(inspected), counts: { ...countsOf(inspected), cutBytes: 0 } }
}

/** One try at compacting: null if it succeeded, else why not. */
export type Attempt = (input: CompactionInput) => Promise<string | null>

/** The first tail update that makes a compaction fail, by bisection. The whole input is known to fail. */
export async function findPoison(input: CompactionInput, attempt: Attempt): Promise<{ readonly index: number; readonly reason: string }> {
  const baseAlone = await attempt({ ...input, tail: [] })
  if (baseAlone !== null) return { index: -1, reason: baseAlone }
  let sound = 0
  let failing = input.tail.length
  let reason = 'unknown'
  while (failing - sound > 1) {
    const middle = (sound + failing) >> 1
    const failure = await attempt({ ...input, tail: input.tail.slice(0, middle) })
    if (failure === null) sound = middle
    else {
      failing = middle
      reason = failure
    }
  }
  if (reason === 'unknown') reason = (await attempt({ ...input, tail: input.tail.slice(0, failing) })) ?? reason
  return { index: failing - 1, reason }
}

/** Compacts on the calling thread: for simulations and tests. */
export class InProcessCompactor implements Compactor {
  async compact(input: CompactionInput): Promise<CompactionResult> {
    try {
      return { outcome: 'compacted', ...compactState(input) }
    } catch (thrown) {
      if (thrown instanceof CompactionMismatch) throw thrown
      return { outcome: 'poisoned', ...(await findPoison(input, attemptHere)) }
    }
  }

  async close(): Promise<void> {}
}

async function attemptHere(input: CompactionInput): Promise<string | null> {
  try {
    compactState(input)
    return null
  } catch (thrown) {
    if (thrown instanceof CompactionMismatch) throw thrown
    return String(thrown)
  }
}
