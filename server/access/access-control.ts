// Who may do what on this node: asks the authenticators in order, and the program's hook last; keeps revocations in force, and strangers
// out while nothing is configured (X1).
import type { IncomingMessage } from 'node:http'
import type { Clock, Timer } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import { WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import type { Random } from '../../core/random.js'
import type { KeyedRecords } from '../../persistence/keyed-records.js'
import { clientAddressOf, type TrustedProxies } from './addresses.js'
import { AdminKey } from './admin-key.js'
import { ApiKeys, isApiKey } from './api-keys.js'
import { type Authorization, type Authorize, type AuthorizeRequest, allowEverybody, guardedAuthorize } from './authorize.js'
import { type Authenticator, authorizationOf, type Identity } from './identity.js'
import { type JsonWebTokenOptions, JsonWebTokens } from './json-web-tokens.js'
import { LocalIdentities } from './local-identities.js'
import { isLoopbackHost, isLoopbackOrigin, isSameHost } from './origins.js'
import { Revocations } from './revocations.js'
import { type SessionEvents, SessionRegistry } from './session-registry.js'
import { Tickets } from './tickets.js'
import { tokenOf, type Visit } from './visit.js'

export interface AccessControlOptions {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly counters: Counters
  readonly limits: { readonly authorizeMsMax: number }
  /** Null: none are taken. */
  readonly jsonWebTokens: Omit<JsonWebTokenOptions, 'clock'> | null
  /** The operator's, which may do everything. */
  readonly adminKey: string | null
  /** The program's own, asked for what nobody else knows. */
  readonly authorize: Authorize | null
  /** What tickets are signed with; the same on all nodes. */
  readonly ticketKey: Uint8Array
  /** The cookie that may hold a token. Null: none. */
  readonly tokenCookie: string | null
  /** Null: pages from anywhere may connect, if what they show is good. Asked for each time, since it may change. */
  readonly allowedOrigin: ((origin: string) => boolean) | null
  readonly trustedProxies: TrustedProxies
  /** Everybody who can reach the server may do everything, while nothing else is configured. */
  readonly insecureOpen: boolean
  /** Who is told of sessions. Default: nobody. */
  readonly sessionEvents?: readonly SessionEvents[]
}

/** How often a node looks what others wrote (X3: in force everywhere within 5 s). */
const REFRESH_MS = 2_000

/** Identities that one connection may have shown; past it the oldest is asked anew. */
const IDENTITIES_PER_VISIT = 16

export class AccessControl {
  readonly locals: LocalIdentities
  readonly keys: ApiKeys
  readonly tickets: Tickets
  readonly revocations: Revocations
  readonly sessions: SessionRegistry
  readonly #options: AccessControlOptions
  readonly #authenticators: readonly Authenticator[]
  readonly #hook: ((request: AuthorizeRequest) => Promise<Authorization>) | null
  readonly #identities = new WeakMap<URLSearchParams, Map<string, Promise<Identity | null>>>()
  #records: KeyedRecords | null = null
  #refreshing: Promise<void> = Promise.resolve()
  #timer: Timer | null = null
  #hadKeys = false

  /** Throws `invalid-configuration`. */
  constructor(options: AccessControlOptions) {
    this.#options = options
    const { clock, random, logger, jsonWebTokens, adminKey, authorize, ticketKey } = options
    const records = (): KeyedRecords => {
      if (this.#records === null) throw new WeftError('overloaded', 'This node is not serving yet.')
      return this.#records
    }
    const refresh = (): Promise<void> => this.refresh()
    this.locals = new LocalIdentities(random, clock)
    this.keys = new ApiKeys({ records, random, logger, refresh })
    this.tickets = new Tickets({ records, key: ticketKey, clock, random })
    this.revocations = new Revocations({ records, clock, refresh })
    this.sessions = new SessionRegistry((session) => this.revocations.refusalOf(session), options.sessionEvents ?? [])
    this.#hook = authorize === null ? null : guardedAuthorize(authorize, options)
    this.#authenticators = [
      // The admin key comes first: it is any text, and may look like a token of another kind.
      ...(adminKey === null ? [] : [new AdminKey(adminKey)]),
      this.keys,
      this.tickets,
      ...(jsonWebTokens === null ? [] : [new JsonWebTokens({ ...jsonWebTokens, clock })]),
    ]
  }

  /**
   * Whether anybody said who may do what: then nothing is allowed that was not granted (X2). An API key says so too, from the moment that
   * there is one.
   */
  get isConfigured(): boolean {
    return this.#options.authorize !== null || this.#options.jsonWebTokens !== null || this.#options.adminKey !== null || this.#hadKeys
  }

  /** Whether everybody may do everything, from everywhere. */
  get isOpen(): boolean {
    return !this.isConfigured && this.#options.insecureOpen
  }

  /**
   * Reads what the records hold, before the node serves. `shared`: other nodes write there too, which is looked for from now on. Rejects
   * with what the store says.
   */
  async start(records: KeyedRecords, shared: boolean): Promise<void> {
    this.#records = records
    await this.refresh()
    // If `stop` was called while the records were read, nothing may be looked for any more.
    if (shared && this.#records === records) this.#refreshLater()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#records = null
  }

  /** Takes over what the records hold now. Rejects with what the store says. */
  refresh(): Promise<void> {
    // One after the other, so that what was read earlier never replaces what was read later.
    this.#refreshing = this.#refreshing.catch(() => {}).then(() => this.#readRecords())
    return this.#refreshing
  }

  /**
   * What whoever shows this may do with a document. Rejects with `unauthenticated`, `forbidden`, or what the hook says. The identity is
   * found out once for each token of a connection: a ticket is good for all documents that are opened over it.
   */
  async authorize(request: AuthorizeRequest): Promise<Authorization> {
    const { counters } = this.#options
    try {
      const answer = await this.#decide(request)
      counters.add('authorizations_granted')
      return answer
    } catch (thrown) {
      counters.add('authorizations_refused')
      throw thrown
    }
  }

  /**
   * Why a request is answered no further, whatever it shows; null if it is. X1: while nothing is configured only this machine is served.
   * X6: a page of another site is not, unless it was allowed.
   */
  refusalOf(visit: Visit, request: IncomingMessage | undefined): WeftError | null {
    const { allowedOrigin, counters } = this.#options
    const { origin } = visit
    const isAllowed = origin !== null && allowedOrigin?.(origin) === true
    if (allowedOrigin !== null && origin !== null && !isAllowed && isSameHost(visit) !== true) {
      counters.add('origins_refused')
      return new WeftError(
        'forbidden',
        `Pages of ${origin} may not connect to this server; its operator can allow them with allowedOrigins.`,
      )
    }
    if (this.isConfigured || this.isOpen) return null
    // Without a request of node:http the caller is this process: whoever mounted the application answers for who asks.
    if (request === undefined) return null
    if (this.#isThisMachine(request) && (origin === null || isAllowed || isLoopbackOrigin(origin))) return null
    counters.add('strangers_refused')
    return new WeftError(
      'forbidden',
      'Nobody has configured who may do what on this server, so it serves its own machine only: programs and pages that come from localhost and ask for localhost.',
    )
  }

  /**
   * Whether what is for operators is there for a request: once it is configured who may do what, and before that for this machine only, also where everything is
   * open to everybody. Undefined: a request that did not come over a socket of ours, of which nobody knows from where it is.
   */
  servesOperators(request: IncomingMessage | undefined): boolean {
    return this.isConfigured || (request !== undefined && this.#isThisMachine(request))
  }

  /** Whether a page of that origin may read the answers of the API. */
  isAllowedOrigin(origin: string): boolean {
    return this.#options.allowedOrigin?.(origin) === true
  }

  async #decide(request: AuthorizeRequest): Promise<Authorization> {
    const askedAt = this.#options.clock.monotonic()
    const token = request.token === '' ? this.#tokenIn(request) : request.token
    const local = await this.locals.authenticate(token)
    if (local !== null) return authorizationOf(local, request.documentId, request.scope)
    if (!this.isConfigured) return allowEverybody()
    const answer = await this.#answer({ ...request, token })
    const { user, tokenId = null, issuedAt = null } = answer
    this.revocations.check({ user, tokenId, sessionId: null, documentId: request.documentId, issuedAt, askedAt })
    return answer
  }

  async #answer(request: AuthorizeRequest): Promise<Authorization> {
    const { documentId, scope, token } = request
    const identity = token === '' ? null : await this.#identityOf(request)
    if (identity !== null) return authorizationOf(identity, documentId, scope)
    if (this.#hook !== null) return this.#hook(request)
    throw new WeftError(
      'unauthenticated',
      token === '' ? 'Sign in first: no token was shown.' : 'This server does not know tokens of this kind.',
    )
  }

  #identityOf({ parameters, token }: AuthorizeRequest): Promise<Identity | null> {
    // An API key may be revoked at any time, and looking at it costs next to nothing: who it is of is not remembered.
    if (isApiKey(token)) return this.keys.authenticate(token)
    const known = this.#identities.get(parameters) ?? new Map<string, Promise<Identity | null>>()
    this.#identities.set(parameters, known)
    const before = known.get(token)
    if (before !== undefined) return before.then((identity) => this.#unexpired(identity))
    const [oldest] = known.keys()
    if (known.size >= IDENTITIES_PER_VISIT && oldest !== undefined) known.delete(oldest)
    const identity = this.#authenticate(token)
    known.set(token, identity)
    // What was refused may be good the next time: a clock goes on, keys are fetched.
    identity.catch(() => known.delete(token))
    return identity
  }

  async #authenticate(token: string): Promise<Identity | null> {
    for (const authenticator of this.#authenticators) {
      const identity = await authenticator.authenticate(token)
      if (identity !== null) return identity
    }
    return null
  }

  #unexpired(identity: Identity | null): Identity | null {
    if (identity !== null && identity.expiresAt !== null && identity.expiresAt <= this.#options.clock.now()) throw expired()
    return identity
  }

  /** X6: a cookie is sent whoever's page asks, so it counts for pages of this host and for those that were allowed. */
  #tokenIn(visit: Visit): string {
    const { tokenCookie } = this.#options
    const isOurs = isSameHost(visit) ?? true
    const counts = isOurs || (visit.origin !== null && this.isAllowedOrigin(visit.origin))
    return tokenOf(visit, tokenCookie === null ? null : { name: tokenCookie, counts })
  }

  /**
   * A name that leads here and is not this machine's may be a page's way around its origin; a proxy that nobody said to trust may speak for
   * anybody.
   */
  #isThisMachine(request: IncomingMessage): boolean {
    const { trustedProxies } = this.#options
    const isForwarded = request.headers['x-forwarded-for'] !== undefined || request.headers.forwarded !== undefined
    const { remoteAddress } = request.socket
    // A socket that has closed meanwhile has no address, so that nobody knows whose it was: it counts as a stranger's.
    const isBelieved = remoteAddress !== undefined && (!isForwarded || trustedProxies(remoteAddress, 0))
    return isBelieved && clientAddressOf(request, trustedProxies) === null && isLoopbackHost(request.headers.host)
  }

  async #readRecords(): Promise<void> {
    const records = this.#records
    if (records === null) return
    const [keys, revocations] = await Promise.all([records.list('key'), records.list('revocation')])
    this.keys.read(keys)
    if (this.keys.count > 0) this.#hadKeys = true
    if (!this.revocations.read(revocations)) return
    const ended = this.sessions.endRevoked()
    if (ended > 0)
      this.#options.logger.info({ ended }, 'sessions ended, since who had them was revoked or those of their document were closed')
  }

  #refreshLater(): void {
    const { clock, logger } = this.#options
    this.#timer = clock.after(
      REFRESH_MS,
      () => {
        void this.refresh()
          .catch((thrown) => logger.warn({ err: thrown }, 'what was revoked could not be read; it is tried again'))
          .then(() => {
            if (this.#timer !== null) this.#refreshLater()
          })
      },
      { unref: true },
    )
  }
}

function expired(): WeftError {
  return new WeftError('unauthenticated', 'Your access has expired; sign in again.')
}
