// What the parts of a document's owner need of it: one object for all of them, since there may be thousands of open documents, and closures for each part of each would
// cost more than the parts themselves.
import type { WeftError } from '../../core/errors.js'
import type { AppendEntry, Fence } from '../../persistence/store.js'
import type { StructCounts } from '../../protocol/updates/decoding-cost.js'
import type { KnownState } from '../../protocol/updates/known-state.js'
import type { OwnerEnvironment } from './owner-environment.js'
import type { OwnerLife } from './owner-life.js'
import type { DocumentQuota } from './quotas.js'
import type { Uncommitted } from './uncommitted.js'
import type { DocumentPressure } from './view/back-pressure.js'
import type { Image } from './view/image.js'
import type { SessionSlots } from './view/session-slots.js'

/** What the parts share. */
export interface OwnedDocument {
  readonly documentId: string
  readonly fence: Fence
  /** As the store has it. */
  readonly storedIncarnation: string
  readonly environment: OwnerEnvironment
  readonly image: Image
  /** What the image holds, what is in the commit, and what is pending. */
  readonly known: KnownState
  /** What is known beyond the image. */
  readonly uncommitted: Uncommitted
  readonly sessions: SessionSlots
  readonly pressure: DocumentPressure
  readonly life: OwnerLife
  /** Null: none bounds the document. */
  readonly quota: DocumentQuota | null
  /** The seq through which everything is durable. */
  readonly durableSeq: number
}

/** What the owner is told by its parts; none may throw. */
export interface OwnerHost extends OwnedDocument {
  // The intake:
  /** Something new waits for a commit. */
  added(): void
  /** How much is on its way in has changed. */
  measureWaiting(): void
  /** An edit did not fit. */
  tooLarge(): void
  /** Nothing is on its way in any more. */
  intakeEmptied(): void

  // The log:
  /** How much is held has changed. */
  measurePressure(): void
  /** An entry is durable: it was shown, and its submitters were told. */
  committed(entry: AppendEntry): void
  /** Nobody waits for that entry any more, and the next one is asked for. */
  settled(): void
  /** The document cannot be written, or is another node's now, and ends with this. */
  stop(error: WeftError): void

  // Its life, and the compaction:
  /** The store refused the shard. */
  shardFenced(): void
  /** The store knows of the quarantine. */
  quarantineRecorded(): void
  /**
   * The base was replaced: what held `before` holds `after` now. `gained` are deletes that it has beyond what the document was known to
   * have.
   */
  compacted(gained: Uint8Array | null, before: StructCounts, after: StructCounts): void
  /** `index` of the tail row that cannot be applied, -1 for the base. */
  poisoned(index: number, reason: string): void
  /** A compaction is over, whatever came of it. */
  compactionEnded(): void
}
