// What the store read of a document → what an owner keeps in memory. A row that does not parse, or that was found to be unusable before,
// is poison: the document stays readable up to it (D8).

import { WeftError } from '../../core/errors.js'
import { type Random, randomId } from '../../core/random.js'
import type { Sliced } from '../../core/slices.js'
import type { Quarantine, StoredDocument } from '../../persistence/store.js'
import { EncodedDocument } from '../../protocol/updates/encoded-document.js'
import { inspecting, inspectUpdate, storedBounds } from '../../protocol/updates/inspect.js'
import { KnownState } from '../../protocol/updates/known-state.js'
import { WaitingClients } from '../../protocol/updates/waiting-clients.js'
import { Image } from './view/image.js'
import { inOwnBuffer } from './view/own-buffer.js'
import { Tail } from './view/tail.js'

export interface OpenedDocument {
  readonly incarnation: string
  readonly image: Image
  readonly known: KnownState
  readonly waiting: WaitingClients
  /** The last seq of the log. Above the image's only if there is poison. */
  readonly head: number
  readonly poison: Quarantine | null
}

const INCARNATION_BYTES = 8
/** Rows of the log between two stops, and from which size on one is a step of its own. */
const ROWS_PER_STEP = 256
const LARGE_ROW_BYTES = 4096

/** Throws `document-corrupt` for a snapshot that does not parse or a log with a hole (D4, D5). */
export function* openingStored(documentId: string, stored: StoredDocument, random: Random): Sliced<OpenedDocument> {
  const known = new KnownState()
  const waiting = new WaitingClients()
  const { snapshot } = stored
  let base: EncodedDocument | null = null
  if (snapshot !== null) {
    try {
      const state = inOwnBuffer(snapshot.state)
      const inspected = yield* inspecting(state, storedBounds)
      yield* known.adding(inspected)
      if (!waiting.leavesNothing(inspected, known)) waiting.take(yield* waiting.judging(inspected, known))
      // All deletes are applied in it.
      known.recount(known.counts, { ...known.counts, cutBytes: 0 })
      base = new EncodedDocument(state, inspected)
    } catch (cause) {
      throw corrupt(documentId, `its snapshot at seq ${snapshot.seq} is not a Yjs update`, cause)
    }
  }
  const baseSeq = snapshot?.seq ?? 0
  const tail = new Tail()
  let poison: Quarantine | null = null
  let head = baseSeq
  for (const row of stored.tail) {
    head += 1
    if (head % ROWS_PER_STEP === 0) yield
    if (row.seq !== head) throw corrupt(documentId, `seq ${head} is missing from its log`)
    if (poison === null && row.seq === stored.quarantine?.seq) poison = stored.quarantine
    if (poison !== null) continue
    try {
      const large = row.update.length >= LARGE_ROW_BYTES
      const inspected = large ? yield* inspecting(row.update, storedBounds) : inspectUpdate(row.update, storedBounds)
      if (large) yield* known.adding(inspected)
      else known.add(inspected)
      if (!waiting.leavesNothing(inspected, known)) waiting.take(yield* waiting.judging(inspected, known))
      tail.push(row.seq, inOwnBuffer(row.update))
    } catch (thrown) {
      poison = { seq: row.seq, reason: String(thrown) }
    }
  }
  if (head !== stored.head) throw corrupt(documentId, `its log ends at seq ${head} instead of ${stored.head}`)
  return {
    incarnation: stored.incarnation ?? randomId(random, INCARNATION_BYTES),
    image: new Image(baseSeq, base, tail),
    known,
    waiting,
    head,
    poison,
  }
}

function corrupt(documentId: string, what: string, cause?: unknown): WeftError {
  return new WeftError('document-corrupt', `The document ${JSON.stringify(documentId)} cannot be opened: ${what}.`, { cause })
}
