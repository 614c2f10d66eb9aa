// Who hears of which change. Movements of a client that looks at a part of the document go to those who look there; that it is here, and where it looks,
// goes to everybody (A6). A session whose client names no part hears everything, and so does everybody of a client that names none.
//
// What a session holds of a client that looks elsewhere is an older state of it, at the clock of that state: so clocks decide as ever, and whoever comes to
// look there is sent the newest ones.
import type { Clock, Timer } from '../../core/clock.js'
import { LazyMap } from '../../core/lazy-collections.js'
import { isBoundTo } from './binding-rules.js'
import type { AwarenessFrame } from './contract.js'
import { type ClientRecord, frameOf, type Speaker } from './record.js'
import { scopeOf } from './scope.js'

/** A change of who is here or where that lasts so long is told to those who look elsewhere: one that is taken back before is not. */
const SETTLED_MS = 2_000
/** Those who look elsewhere get the state of a client that moves this often, since stock clients take one that is silent for 30 s as gone. */
const REPEATED_MS = 10_000
const LOOKED_AFTER_MS = 500

/** A client that looks at a part, and what those who look elsewhere know of it. */
interface Told {
  at: string
  presence: string
  atMs: number
  /** What else it says by now, and since when. */
  news: { readonly presence: string; readonly sinceMs: number } | null
  /** They lack its newest state. */
  withheld: boolean
}

interface Near {
  readonly record: ClientRecord
  readonly at: string
  /** Where it looked before: its cursor disappears there. */
  readonly left: string
}

/** What is told at once. */
interface Beat {
  readonly everybody: readonly ClientRecord[]
  readonly near: readonly Near[]
  /** For those who do not look where the client does. */
  readonly elsewhere: readonly ClientRecord[]
}

export interface AudienceOptions {
  readonly clock: Clock
  readonly sessions: Iterable<Speaker>
  readonly record: (clientId: number) => ClientRecord | undefined
}

export class Audience {
  readonly #options: AudienceOptions
  readonly #told = new LazyMap<ClientRecord, Told>()
  #timer: Timer | null = null

  constructor(options: AudienceOptions) {
    this.#options = options
  }

  /** Tells each session what concerns it of what changed since the last call. `whole` is a frame of all of it. */
  tell(changed: readonly ClientRecord[], whole: AwarenessFrame): void {
    const { sessions } = this.#options
    const beat = this.#beatOf(changed)
    const frames = new Map<string, AwarenessFrame | null>()
    for (const session of sessions) {
      const { heardAt } = session
      const at = this.#whereLooks(session)
      session.heardAt = at
      const comes = heardAt !== at && heardAt !== null
      if (at === null && !comes) {
        if (changed.length > 0) session.sink.awareness(whole)
        continue
      }
      const key = `${comes}:${at === null}:${at}`
      let frame = frames.get(key)
      if (frame === undefined) {
        frame = this.#frameFor(at, comes, beat)
        frames.set(key, frame)
      }
      if (frame !== null) session.sink.awareness(frame)
    }
    this.#lookAfter()
  }

  /** Idempotent. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  /** By what its client says for its own id, or said where others may not see it. */
  #whereLooks(session: Speaker): string | null {
    if (session.looksAt !== null || this.#told.size === 0 || typeof session.ownId !== 'number') return session.looksAt
    const record = this.#options.record(session.ownId)
    return record === undefined || !isBoundTo(record, session) ? null : (this.#told.get(record)?.at ?? null)
  }

  #beatOf(changed: readonly ClientRecord[]): Beat {
    const nowMs = this.#options.clock.monotonic()
    const everybody: ClientRecord[] = []
    const near: Near[] = []
    for (const record of changed) {
      const scope = record.state === null ? null : scopeOf(record.state)
      const told = this.#told.get(record)
      if (scope === null || told === undefined) {
        everybody.push(record)
        if (scope === null) this.#told.delete(record)
        else this.#told.set(record, { ...scope, atMs: nowMs, news: null, withheld: false })
        continue
      }
      near.push({ record, at: scope.at, left: told.at })
      told.at = scope.at
      told.withheld = true
      if (scope.presence === told.presence) told.news = null
      else if (scope.presence !== told.news?.presence) told.news = { presence: scope.presence, sinceMs: nowMs }
    }
    const elsewhere: ClientRecord[] = []
    for (const [record, told] of this.#told) {
      if (!isDue(told, nowMs)) continue
      elsewhere.push(record)
      told.presence = told.news?.presence ?? told.presence
      told.news = null
      told.withheld = false
      told.atMs = nowMs
    }
    return { everybody, near, elsewhere }
  }

  /** For the sessions that look at `at`, null for the whole document; those that have just come lack what was not for them before. */
  #frameFor(at: string | null, come: boolean, { everybody, near, elsewhere }: Beat): AwarenessFrame | null {
    const records = new Set(everybody)
    for (const change of near) if (at === null || change.at === at || change.left === at) records.add(change.record)
    for (const record of elsewhere) if (this.#told.get(record)?.at !== at) records.add(record)
    if (come) for (const [record, told] of this.#told) if (at === null || told.at === at) records.add(record)
    return records.size === 0 ? null : frameOf(records)
  }

  /** While somebody lacks something, it is looked whether its time has come. */
  #lookAfter(): void {
    if (this.#timer !== null) return
    let withheld = false
    for (const told of this.#told.values()) withheld ||= told.withheld
    if (!withheld) return
    const look = (): void => {
      this.#timer = null
      this.tell([], frameOf([]))
    }
    this.#timer = this.#options.clock.after(LOOKED_AFTER_MS, look, { unref: true })
  }
}

function isDue({ withheld, news, atMs }: Told, nowMs: number): boolean {
  if (!withheld) return false
  return nowMs - atMs >= REPEATED_MS || (news !== null && nowMs - news.sinceMs >= SETTLED_MS)
}
