// What every connection of the gateway shares.
import type { Clock } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import type { EditTraces } from '../../core/edit-traces.js'
import type { WeftErrorCode } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import type { Logger } from '../../core/log.js'
import type { MemoryBudget } from '../../core/memory-budget.js'
import type { Random } from '../../core/random.js'
import type { Tally } from '../../core/tally.js'
import type { Authorization, AuthorizeRequest } from '../access/authorize.js'
import type { Resumptions } from '../access/resumptions.js'
import type { SessionRegistry } from '../access/session-registry.js'
import type { Visit } from '../access/visit.js'
import type { DocumentAwarenesses } from '../awareness/hub.js'
import type { DocumentCommands } from '../document/commands.js'
import type { DocumentDirectory } from '../document/port.js'
import type { HttpSockets } from '../transport/http/http-sockets.js'

/** Resolves if an edit may be accepted; rejects with a WeftError, within bounded time, if not. */
export type EditGuard = (edit: {
  readonly documentId: string
  readonly user: string | null
  readonly update: Uint8Array
  readonly from: 'session'
}) => Promise<void>

/** To whom an application says something, among those who have the same document open. */
export type AppMessageTarget =
  | { readonly kind: 'document' }
  | { readonly kind: 'user'; readonly id: string }
  | { readonly kind: 'session'; readonly id: string }

export interface AppMessageRoute {
  /** Passes on what a client says, or drops it. Throws a WeftError for what may not be passed on, for the client to hear of. */
  fromSession(from: AppMessageSender, to: AppMessageTarget, payload: string): void
}

export interface AppMessageSender {
  readonly documentId: string
  readonly sessionId: string
  readonly user: string | null
}

/** Resolves if a connection may come; rejects with a WeftError, within bounded time, if not. */
export type ConnectGuard = (visit: Visit, dialect: string) => Promise<void>

export interface GatewayServices {
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  /** What this process holds; the gateway counts its outboxes and frames into it. */
  readonly budget: MemoryBudget
  readonly counters: Counters
  readonly logger: Logger
  readonly directory: DocumentDirectory
  /** For other nodes: what this process does with the documents that it owns. */
  readonly commands?: DocumentCommands
  readonly awareness: Pick<DocumentAwarenesses, 'join'>
  authorize(request: AuthorizeRequest): Promise<Authorization>
  /** Asked about each connection of a client before anything of it is read. Null: nobody is asked. */
  readonly connectGuard?: ConnectGuard | null
  /** Asked about each edit of a client before it is accepted. Null: nobody is asked. */
  readonly editGuard?: EditGuard | null
  /** Takes what clients say to each other. Null: nobody does. */
  readonly messages?: AppMessageRoute | null
  /** What clients get that they can show when they come back. Null: nothing. */
  readonly resumptions?: Resumptions | null
  /** Told of each session that is refused, or ended against its client's wish, in no more words than these. Default: nobody is. */
  readonly refused?: (refusal: {
    readonly act: 'session'
    readonly code: WeftErrorCode
    readonly user: string | null
    readonly address: string | null
    readonly documentId: string
  }) => void
  /** Follows some edits. Default: none. */
  readonly traces?: EditTraces | null
  /** Answers what operators ask over another node; null: nobody does. May throw. */
  readonly desk?: ((question: Uint8Array) => Uint8Array) | null
  /** Connections over HTTP, for other nodes that such a request reached. Null: there are none. */
  readonly httpSockets?: HttpSockets | null
  /** Sessions that lag now. */
  readonly lagging?: Tally
  /** Where sessions are found by who has them. */
  readonly sessions: SessionRegistry
  /** Names this server process to weft clients. */
  readonly serverId: string
}
