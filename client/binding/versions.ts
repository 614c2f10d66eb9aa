// The versions of a document as a snapshot, asked for when somebody looks, and again when this client has changed them.
import type { DocumentVersion, KeepOptions, Restored, RestoreOptions, VersionsQuery } from '../document-history.js'
import type { DocumentSession } from '../document-session.js'
import { Listeners } from './listeners.js'

export interface VersionsState {
  /** Newest first; null until they came the first time. Those that came stay while they are asked for again. */
  readonly versions: readonly DocumentVersion[] | null
  /** Whether there are older ones, for `more`. */
  readonly hasMore: boolean
  readonly loading: boolean
  /** Why they could not be had the last time: RefusedError where the server says no. */
  readonly error: Error | null
}

/** What components get of it. */
export interface Versions extends VersionsState {
  /** Asks again: what others keep is not told by itself. */
  readonly refresh: () => void
  /** Asks for older ones. */
  readonly more: () => void
  /** As `session.keep`; the list follows. Null while the document is not open. */
  readonly keep: WatchedVersions['keep'] | null
  /** As `session.restore`; the list follows, since a version is kept before. Null while the document is not open. */
  readonly restore: WatchedVersions['restore'] | null
}

/** Which of them, and how many at once. */
export type VersionsChoice = Pick<VersionsQuery, 'which' | 'limit'>

/** Of a document that is not open yet. */
export const noVersions: VersionsState = { versions: null, hasMore: false, loading: false, error: null }

type Source = Pick<DocumentSession, 'versions' | 'keep' | 'restore'>

export class WatchedVersions {
  readonly #source: Source
  readonly #query: VersionsChoice
  readonly #listeners = new Listeners()
  #state: VersionsState = noVersions
  #next: number | null = null
  /** Counts questions: what answers an older one is too late. */
  #asked = 0

  constructor(source: Source, query: VersionsChoice) {
    this.#source = source
    this.#query = query
  }

  readonly state = (): VersionsState => this.#state

  /** Asks when the first one listens. */
  readonly subscribe = (listener: () => void): (() => void) => {
    const remove = this.#listeners.add(listener)
    if (this.#asked === 0) this.refresh()
    return remove
  }

  /** Asks for the newest ones again. */
  readonly refresh = (): void => void this.#ask(null)

  /** Asks for older ones, behind those that there are. */
  readonly more = (): void => {
    if (this.#next !== null && !this.#state.loading) void this.#ask(this.#next)
  }

  readonly keep = async (name: string, options?: KeepOptions): Promise<DocumentVersion> => {
    const version = await this.#source.keep(name, options)
    this.refresh()
    return version
  }

  readonly restore = async (at: string, options?: RestoreOptions): Promise<Restored> => {
    const restored = await this.#source.restore(at, options)
    this.refresh()
    return restored
  }

  /** Never rejects. */
  async #ask(before: number | null): Promise<void> {
    this.#asked += 1
    const asked = this.#asked
    this.#set({ ...this.#state, loading: true })
    try {
      const { items, next } = await this.#source.versions({ ...this.#query, ...(before === null ? {} : { before }) })
      if (asked !== this.#asked) return
      this.#next = next
      const versions = before === null ? items : [...(this.#state.versions ?? []), ...items]
      this.#set({ versions, hasMore: next !== null, loading: false, error: null })
    } catch (thrown) {
      if (asked !== this.#asked) return
      this.#set({ ...this.#state, loading: false, error: thrown instanceof Error ? thrown : new Error(String(thrown)) })
    }
  }

  #set(state: VersionsState): void {
    this.#state = state
    this.#listeners.tell()
  }
}

export function watchedVersions(source: Source, { which, limit }: VersionsChoice): WatchedVersions {
  return new WatchedVersions(source, { ...(which === undefined ? {} : { which }), ...(limit === undefined ? {} : { limit }) })
}

/** Of null, none. */
export function versionsOf(watched: WatchedVersions | null, state: VersionsState): Versions {
  return {
    ...state,
    refresh: watched?.refresh ?? ignore,
    more: watched?.more ?? ignore,
    keep: watched?.keep ?? null,
    restore: watched?.restore ?? null,
  }
}

const ignore = (): void => {}
