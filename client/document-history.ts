// Earlier moments of a document, asked of the server's HTTP API with the session's token.
import { RefusedError } from './errors.js'
import { readToken, type TokenSource } from './options.js'

/** A moment of the document of which all is stored. */
export interface DocumentVersion {
  /** Names the version within its document; its address is `v` and this. */
  readonly seq: number
  /** Null for a snapshot that nobody kept. */
  readonly name: string | null
  /** Null for none. */
  readonly description: string | null
  /** Who kept it; null when nobody knows. */
  readonly author: string | null
  /** Milliseconds since the Unix epoch, by the server's clock. */
  readonly createdAt: number
  /** How large the whole document is there, as one Yjs update. */
  readonly stateBytes: number
}

/** Which versions `session.versions` answers. */
export interface VersionsQuery {
  /** Those before this seq: the `next` of the page before. Default: from the newest on. */
  readonly before?: number
  /** Default 100, at most 1,000. */
  readonly limit?: number
  /** `kept` (default): those that somebody kept. `all`: snapshots too. */
  readonly which?: 'kept' | 'all'
}

/** More about a version that `session.keep` keeps. */
export interface KeepOptions {
  /** For people. Default: none. */
  readonly description?: string
  /** Default: the present. */
  readonly at?: string
}

/** What of a document `session.restore` brings back. */
export interface RestoreOptions {
  /** Only this root type. Default: all. */
  readonly root?: string
  /** Says what it would do, and does nothing. */
  readonly dryRun?: boolean
}

/** What `session.restore` did, or would do. */
export interface Restored {
  /** `undo`: what came since was taken back; `replaced`: for some root types that did not lead there; `nothing`: it read that way already. */
  readonly method: 'undo' | 'replaced' | 'nothing'
  /** Root types that read differently now. */
  readonly roots: readonly string[]
  /** Those of them that were replaced as a whole. */
  readonly replaced: readonly string[]
  /** The version that was kept before: restoring to it takes this back. Null where nothing was done. */
  readonly keptBefore: number | null
  /** The document's seq with it. */
  readonly seq: number
}

export interface HistoryClientOptions {
  /** Of the WebSocket. */
  readonly url: string
  readonly documentId: string
  readonly token: TokenSource
}

/** Asks with `fetch`. Each call rejects with RefusedError where the server says no, and with an Error where it cannot be asked. */
export class HistoryClient {
  readonly #options: HistoryClientOptions

  constructor(options: HistoryClientOptions) {
    this.#options = options
  }

  versions({ before, limit, which }: VersionsQuery): Promise<{ readonly items: readonly DocumentVersion[]; readonly next: number | null }> {
    const query = Object.entries({ before, limit, which }).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
    return this.#ask('GET', `versions?${query.join('&')}`)
  }

  keep(name: string, options: KeepOptions): Promise<DocumentVersion> {
    return this.#ask('POST', 'versions', { name, ...options })
  }

  restore(at: string, options: RestoreOptions): Promise<Restored> {
    return this.#ask('POST', 'restore', { at, ...options })
  }

  async #ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const { url, documentId } = this.#options
    if (typeof fetch !== 'function') throw new Error('This platform has no fetch, by which the history is asked for.')
    const token = await readToken(this.#options.token)
    const place = new URL(url)
    place.protocol = place.protocol.replace('ws', 'http')
    const [address = ''] = place.href.split(/[?#]/)
    const answer = await fetch(`${address.replace(/\/$/, '')}/api/v1/documents/${encodeURIComponent(documentId)}/${path}`, {
      method,
      headers: {
        ...(token === '' ? {} : { Authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (answer.ok) return JSON.parse(text) as Answer
    throw refusalIn(answer.status, text)
  }
}

/** Close codes follow the statuses of HTTP: 404 is 4404. */
function refusalIn(status: number, text: string): Error {
  try {
    const { code, detail } = JSON.parse(text)
    return new RefusedError({ code: String(code), closeCode: 4000 + status, reason: String(detail) })
  } catch {
    return new Error(`The server answered HTTP ${status}.`)
  }
}
