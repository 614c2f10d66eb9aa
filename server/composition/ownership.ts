// How a node comes to own documents: alone, where it owns all of them, or as a member of a cluster, where it owns its share.
import type { WeftError } from '../../core/errors.js'
import type { Fence } from '../../persistence/store.js'
import type { DocumentCommands } from '../document/commands.js'
import type { DocumentDirectory } from '../document/port.js'

export interface Ownership {
  /** Random id of this start of the process. */
  readonly boot: string
  /** What sessions attach through: it finds documents wherever they are owned. */
  readonly directory: DocumentDirectory & DocumentCommands
  readonly ownedShards: number
  /** This one included. */
  readonly nodesAlive: number
  /** Takes part. Nothing is owned before. Rejects with a store error. */
  start(): Promise<void>
  /** The fence under which this process owns the document's shard; null if it does not. */
  fenceOf(documentId: string): Fence | null
  /** The store refused these shards: they are somebody else's now. */
  fenced(shards: ReadonlySet<number>): void
  /**
   * The store takes nothing more from this process: it owns nothing from here on, and says so to others as far as it can. Nothing may be
   * waited for.
   */
  fail(error: WeftError): void
  /** Why this node cannot serve everything at the moment, in plain words; null when it can. */
  impediment(): string | null
  /** Gives what it owns to others, if there are any, while its clients are still there (G4). Else they are served until they are gone. */
  handOver(): Promise<void>
  /** Lets go of everything; the clients are gone. */
  end(): Promise<void>
}
