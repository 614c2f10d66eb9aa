// What is known of a session as long as its right lasts: it is found by who has it, and ends when the right does (X3).
import type { Timer } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import type { Permission } from '../../core/permission.js'
import type { Authorization } from '../access/authorize.js'
import type { AppMessage, RegisteredSession, SessionLag } from '../access/session-registry.js'
import type { GatewayServices } from './services.js'
import type { SessionHost } from './session-host.js'

/** Timers of platforms count in 32 bits, and a clock may be set: a right that lasts longer is looked at in between. */
const LOOKED_AT_MS_MAX = 3_600_000

type RegistrationHost = Pick<SessionHost, 'connection' | 'documentId' | 'address' | 'tell' | 'lag' | 'end'> & {
  readonly services: Pick<GatewayServices, 'clock' | 'sessions' | 'serverId' | 'counters' | 'limits'>
}

export class SessionRegistration {
  readonly #host: RegistrationHost
  readonly #since: number
  #sessionId: string | null = null
  #expiresAt: number | null = null
  #timer: Timer | null = null

  constructor(host: RegistrationHost) {
    this.#host = host
    this.#since = host.services.clock.now()
  }

  /** Null until it was let in. */
  get sessionId(): string | null {
    return this.#sessionId
  }

  /** How long the right lasts from now on; null: without end. */
  get expiresInMs(): number | null {
    return this.#expiresAt === null ? null : Math.max(0, this.#expiresAt - this.#host.services.clock.now())
  }

  /** It was found out who the session is, the first time or again. May end the session. */
  set(authorization: Authorization): void {
    const { sessions, serverId, limits } = this.#host.services
    const { user, expiresAt = null } = authorization
    const { connectionsPerUserMax } = limits
    if (user !== null && sessions.connectionsOf(user, this.#host.connection.id) >= connectionsPerUserMax) {
      this.#host.end(
        new WeftError(
          'too-many-sessions',
          `You have ${connectionsPerUserMax} connections to this server, which is the most that you may; close some of them.`,
        ),
      )
      return
    }
    this.#expiresAt = expiresAt
    this.#watch()
    this.#sessionId ??= `${serverId}.${sessions.nextNumber()}`
    sessions.set(new LetIn(this.#host, this.#sessionId, authorization, this.#since))
  }

  /** The client began or ceased to take too little. */
  setLagging(lagging: boolean): void {
    if (this.#sessionId !== null) this.#host.services.sessions.setLagging(this.#sessionId, lagging)
  }

  /** The session is over. Idempotent. */
  end(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#expiresAt = null
    if (this.#sessionId !== null) this.#host.services.sessions.delete(this.#sessionId)
  }

  #watch(): void {
    this.#timer?.cancel()
    this.#timer = null
    const inMs = this.expiresInMs
    if (inMs === null) return
    const { clock, counters } = this.#host.services
    this.#timer = clock.after(
      Math.min(inMs, LOOKED_AT_MS_MAX),
      () => {
        if ((this.expiresInMs ?? 0) > 0) {
          this.#watch()
          return
        }
        counters.add('sessions_expired')
        this.#host.end(new WeftError('unauthenticated', 'Your access has expired; sign in again.'))
      },
      { unref: true },
    )
  }
}

/** A session as it was let in: kept by those who list and find sessions. */
class LetIn implements RegisteredSession {
  readonly #host: RegistrationHost
  readonly sessionId: string
  readonly user: string | null
  readonly name: string | null
  readonly permission: Permission
  readonly admin: boolean
  readonly expiresAt: number | null
  readonly tokenId: string | null
  readonly issuedAt: number | null
  readonly askedAt: number
  readonly since: number

  constructor(
    host: RegistrationHost,
    sessionId: string,
    { user, name = null, permission, admin = false, tokenId = null, issuedAt = null, expiresAt = null }: Authorization,
    since: number,
  ) {
    this.#host = host
    this.sessionId = sessionId
    this.user = user
    this.name = name
    this.permission = permission
    this.admin = admin
    this.expiresAt = expiresAt
    this.tokenId = tokenId
    this.issuedAt = issuedAt
    this.askedAt = host.services.clock.monotonic()
    this.since = since
  }

  get documentId(): string {
    return this.#host.documentId
  }

  get address(): string | null {
    return this.#host.address
  }

  get connectionId(): number {
    return this.#host.connection.id
  }

  lag(): SessionLag {
    return this.#host.lag
  }

  tell(message: AppMessage): boolean {
    return this.#host.tell(message)
  }

  end(error: WeftError): void {
    this.#host.services.counters.add('sessions_revoked')
    this.#host.end(error)
  }
}
