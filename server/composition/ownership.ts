// How a node comes to own documents: alone, where it owns all of them, or as a member of a cluster, where it owns its share.
import type { WeftError } from '../../core/errors.js'
import type { Fence } from '../../persistence/store.js'
import type { DocumentCommands } from '../document/commands.js'
import type { DocumentDirectory } from '../document/port.js'
import type { HttpRelay } from '../gateway/http-transport.js'

export interface NodeStanding {
  readonly nodeId: string
  readonly boot: string
  /** host:port that other nodes are told; null where there are none. */
  readonly advertise: string | null
  /** Null: that of this node. */
  readonly version: string | null
  /** Milliseconds since the Unix epoch, by the store's clock; null: not on record. */
  readonly startedAt: number | null
  /** Since its last heartbeat, when this node last looked. */
  readonly heartbeatAgeMs: number
  readonly draining: boolean
  readonly ownedShards: number
}

export interface Ownership {
  /** Random id of this start of the process. */
  readonly boot: string
  /** This node's name. */
  readonly nodeId: string
  /** What sessions attach through: it finds documents wherever they are owned. */
  readonly directory: DocumentDirectory & DocumentCommands
  /** Passes on requests for connections of other nodes. */
  readonly relay: HttpRelay
  /** Passes on what operators ask of other nodes. */
  readonly desks: HttpRelay
  readonly ownedShards: number
  /** This one included. */
  readonly nodesAlive: number
  /** Who is alive as this node knows it, this one included, by node id; walks through no more than the shards. */
  nodes(): readonly NodeStanding[]
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
