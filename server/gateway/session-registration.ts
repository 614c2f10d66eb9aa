// What is known of a session as long as its right lasts: it is found by who has it, and ends when the right does (X3).
import type { Timer } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import type { Authorization } from '../access/authorize.js'
import type { RegisteredSession } from '../access/session-registry.js'
import type { GatewayServices } from './services.js'

/** Timers of platforms count in 32 bits, and a clock may be set: a right that lasts longer is looked at in between. */
const LOOKED_AT_MS_MAX = 3_600_000

type About = Pick<RegisteredSession, 'documentId' | 'address' | 'connectionId' | 'tell' | 'lag'>

export class SessionRegistration {
  readonly #services: Pick<GatewayServices, 'clock' | 'sessions' | 'serverId' | 'counters' | 'limits'>
  readonly #about: About
  readonly #ended: (error: WeftError) => void
  readonly #since: number
  #sessionId: string | null = null
  #expiresAt: number | null = null
  #timer: Timer | null = null

  /** `ended` is told why the session may not go on. */
  constructor(
    services: Pick<GatewayServices, 'clock' | 'sessions' | 'serverId' | 'counters' | 'limits'>,
    about: About,
    ended: (error: WeftError) => void,
  ) {
    this.#services = services
    this.#about = about
    this.#ended = ended
    this.#since = services.clock.now()
  }

  /** Null until it was let in. */
  get sessionId(): string | null {
    return this.#sessionId
  }

  /** How long the right lasts from now on; null: without end. */
  get expiresInMs(): number | null {
    return this.#expiresAt === null ? null : Math.max(0, this.#expiresAt - this.#services.clock.now())
  }

  /** It was found out who the session is, the first time or again. May end the session. */
  set({ user, name = null, permission, admin = false, tokenId = null, issuedAt = null, expiresAt = null }: Authorization): void {
    const { clock, sessions, serverId, counters, limits } = this.#services
    const { connectionsPerUserMax } = limits
    if (user !== null && sessions.connectionsOf(user, this.#about.connectionId) >= connectionsPerUserMax) {
      this.#ended(
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
    sessions.set({
      sessionId: this.#sessionId,
      ...this.#about,
      user,
      name,
      permission,
      admin,
      expiresAt,
      tokenId,
      issuedAt,
      askedAt: clock.monotonic(),
      since: this.#since,
      end: (error) => {
        counters.add('sessions_revoked')
        this.#ended(error)
      },
    })
  }

  /** The client began or ceased to take too little. */
  setLagging(lagging: boolean): void {
    if (this.#sessionId !== null) this.#services.sessions.setLagging(this.#sessionId, lagging)
  }

  /** The session is over. Idempotent. */
  end(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#expiresAt = null
    if (this.#sessionId !== null) this.#services.sessions.delete(this.#sessionId)
  }

  #watch(): void {
    this.#timer?.cancel()
    this.#timer = null
    const inMs = this.expiresInMs
    if (inMs === null) return
    const { clock, counters } = this.#services
    this.#timer = clock.after(
      Math.min(inMs, LOOKED_AT_MS_MAX),
      () => {
        if ((this.expiresInMs ?? 0) > 0) {
          this.#watch()
          return
        }
        counters.add('sessions_expired')
        this.#ended(new WeftError('unauthenticated', 'Your access has expired; sign in again.'))
      },
      { unref: true },
    )
  }
}
