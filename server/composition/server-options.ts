// What a program says of the server that it makes; `server/config` says what may stand there.
import type { Clock } from '../../core/clock.js'
import type { WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import type { Logger } from '../../core/log.js'
import type { Random } from '../../core/random.js'
import type { DocumentStore } from '../../persistence/store.js'
import type { Authorize } from '../access/authorize.js'
import type { IdentityOfClaims } from '../access/json-web-tokens.js'
import type { settingsUnder } from '../config/program-options.js'
import type { DocumentTuning } from '../document/tuning.js'
import type { Hooks } from '../events/hooks.js'
import type { AccessSettings } from './access.js'
import type { ClusterConfig } from './start-member.js'

/** What `createServer` takes; docs/settings.md has more of each, and docs/embedding.md what only a program can give. */
export interface ServerOptions {
  /** The folder of the embedded store; created if it is missing. Default `./data`. Unused with `store` and `cluster`. */
  readonly dataDir?: string
  /** A store instead of the embedded one. It stays open when the server closes. Not with `cluster`. */
  readonly store?: DocumentStore
  /** Makes the server a node of a cluster, on PostgreSQL instead of the embedded store. What is left out is as on the command line. */
  readonly cluster?: ClusterOptions
  /** For tests and simulations. Default: the machine's. */
  readonly clock?: Clock
  /** For tests and simulations. Default: the machine's. */
  readonly random?: Random
  /** Overrides of single limits. */
  readonly limits?: Partial<Limits>
  /** Default: warnings and errors as JSON lines on stderr. */
  readonly logger?: Logger
  /** Who may do what, as tokens, tickets and API keys say; see docs/security.md. */
  readonly access?: AccessOptions
  /**
   * Who may do what, as the program says: asked for each session whose token is none of `access`. Without it, and without `access`, the server listens on loopback and
   * serves its own machine only.
   */
  readonly authorize?: Authorize
  /** Addresses that get a signed POST when documents have changed; see docs/webhooks.md. */
  readonly webhooks?: Partial<ReturnType<typeof settingsUnder<'webhooks'>>>
  /** What the program wants to be asked and told. */
  readonly hooks?: Hooks
  /** `after-commit` (default): nobody sees an edit that a crash can take back. Acknowledgements mean committed either way. */
  readonly broadcast?: 'after-commit' | 'before-commit'
  /**
   * Documents of which deleted content is kept, for `Y.createDocFromSnapshot` and what else needs it; they only grow. Asked at each compaction, and
   * the same on all nodes. What was deleted before it said so is gone. Default: none.
   */
  readonly keepDeleted?: (documentId: string) => boolean
  /** The folder of the demo served at `/`, or false for none. Default: the one that comes with Weft. */
  readonly demo?: string | false
  /** The path that everything is under, such as `/collab`, behind a proxy that passes paths through unchanged. Default: none. */
  readonly basePath?: string
  /**
   * Proxies in front of this server, which say in `X-Forwarded-For` whom they speak for: addresses, networks such as `10.0.0.0/8`, or `loopback`, `linklocal`,
   * `uniquelocal`. The limits for each client address follow it. Default: none is believed.
   */
  readonly trustedProxies?: readonly string[]
  /** How clients may connect: `websocket`; `sse` and `poll`, which are for our client behind a proxy that lets no WebSocket through. Default: all three. */
  readonly transports?: readonly string[]
  /** A port of its own for `/metrics` and the probes, opened by `listen`. Default: they are where everything is. */
  readonly metricsPort?: number | null
  /** Where that port listens. Default 127.0.0.1. */
  readonly metricsHost?: string
  /** Whether the admin page is served at `/admin`, for whoever has the right admin on everything. Default: it is. */
  readonly adminPage?: boolean
  /** A port of its own for the admin page and the API that it uses, opened by `listen`. Default: they are where everything is. */
  readonly adminPort?: number | null
  /** Where that port listens. Default 127.0.0.1. */
  readonly adminHost?: string
  /**
   * Of so many edits one is followed with OpenTelemetry, where `@opentelemetry/api` is installed and a provider is registered before this is called; 0: none.
   * Default 1,000.
   */
  readonly traceOneIn?: number
  /** A file that gets a line of JSON for each change over the API, each export, and each refusal. Default: none. */
  readonly auditLog?: string | null
  /** How much documents may have, such as `users/{user}/** documents=100 document-bytes=8MiB log-bytes-per-day=256MiB`; see docs/operations.md. Default: none. */
  readonly quotas?: readonly string[]
  /** How long documents stay in memory, when they are compacted, what of their history is kept, and how edits are paced. */
  readonly tuning?: Partial<DocumentTuning>
  /** The longest time over which a drain spreads the closes. Default 20 s; with few connections it takes much less. */
  readonly drainWindowMs?: number
  /**
   * The server has stopped acting and must end: the store can no longer be trusted (D7), or another process has this node's id. Default: ends the
   * process with exit code 1.
   */
  readonly onFatal?: (error: WeftError) => void
}

/** What makes a server a node of a cluster. */
export type ClusterOptions = Pick<ClusterConfig, 'databaseUrl' | 'secret'> & Partial<ClusterConfig>

/** What is left out is as on the command line. */
export type AccessOptions = Partial<AccessSettings> & {
  /** Who somebody is by the claims of their token, where the application has claims of its own. Default: `sub`, `name`, and `weft.documents`. */
  readonly identityOf?: IdentityOfClaims
}
