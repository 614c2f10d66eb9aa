// What a command asks: a running server over HTTP, or the API of one that is started for it on a store that nobody else uses: a data
// folder, or the database of a cluster that is stopped.
import { existsSync } from 'node:fs'
import { Readable } from 'node:stream'
import { checkDocumentId } from '../../core/document-id.js'
import { WeftError } from '../../core/errors.js'
import { randomId, systemRandom } from '../../core/random.js'
import type { ServerOptions } from '../composition/server-options.js'
import type { GivenToCommand } from '../config/command-line.js'
import { openStoppedCluster } from './stopped-cluster.js'

/** The server said no, in its words. */
export class Refused extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, detail: string) {
    super(detail)
    this.status = status
    this.code = code
  }
}

type Json = ReturnType<typeof JSON.parse>

type Target = Pick<GivenToCommand, 'url' | 'token' | 'databaseUrl' | 'dataFolder'>

export interface Answered {
  readonly response: Response
  json(): Promise<Json>
  bytes(): Promise<Uint8Array>
  /** As it comes. */
  stream(): Readable
}

export class ApiTarget {
  readonly #fetch: (request: Request) => Promise<Response>
  readonly #base: string
  readonly #token: string | null
  readonly #close: () => Promise<void>

  private constructor(base: string, token: string | null, fetchFrom: (request: Request) => Promise<Response>, close: () => Promise<void>) {
    this.#base = base
    this.#token = token
    this.#fetch = fetchFrom
    this.#close = close
  }

  /** Rejects with what opening a data folder rejects with. */
  static async open({ url, token, databaseUrl, dataFolder }: Target): Promise<ApiTarget> {
    if (url !== null)
      return new ApiTarget(
        url,
        token,
        (request) => fetch(request),
        async () => {},
      )
    if (databaseUrl !== null) {
      const store = await openStoppedCluster(databaseUrl)
      return ApiTarget.#serving({ store }, () => store.close())
    }
    // Opening the store would make the folder, so a folder that is not there is refused before.
    if (!existsSync(dataFolder))
      throw new WeftError(
        'invalid-configuration',
        `There is no data folder ${dataFolder}. Name it with --data, or a running server with --url.`,
      )
    try {
      return await ApiTarget.#serving({ dataDir: dataFolder }, async () => {})
    } catch (thrown) {
      if (thrown instanceof WeftError && thrown.code === 'data-folder-in-use')
        throw new WeftError(
          'data-folder-in-use',
          `A server has the data folder ${dataFolder} open; name it with --url, such as --url http://127.0.0.1:1234.`,
        )
      throw thrown
    }
  }

  static async #serving(where: Pick<ServerOptions, 'dataDir' | 'store'>, closed: () => Promise<void>): Promise<ApiTarget> {
    const [{ createServer }, { createLogger }] = await Promise.all([
      import('../composition/create-server.js'),
      import('../logging/logger.js'),
    ])
    // The store may hold API keys, and then nothing is allowed to whoever shows none.
    const adminKey = randomId(systemRandom, 32)
    const server = await createServer({ ...where, demo: false, logger: createLogger('error', 'auto'), access: { adminKey } })
    return new ApiTarget(
      'http://localhost',
      adminKey,
      (request) => server.fetch(request),
      async () => {
        await server.close()
        await closed()
      },
    )
  }

  /**
   * `path` is below /api/v1. A body that is no bytes is sent as JSON; a stream is that of an archive. Throws `Refused` for anything but a
   * success.
   */
  async ask(method: string, path: string, body?: unknown): Promise<Answered> {
    const headers = new Headers()
    if (this.#token !== null) headers.set('Authorization', `Bearer ${this.#token}`)
    const { type, ...content } = contentOf(body)
    if (type !== null) headers.set('Content-Type', type)
    let response: Response
    try {
      response = await this.#fetch(new Request(`${this.#base}/api/v1${path}`, { method, headers, ...content }))
    } catch (thrown) {
      const reason = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause.message : String(thrown)
      throw new WeftError('invalid-configuration', `There is no server at ${this.#base}: ${reason}.`)
    }
    if (!response.ok) throw inCommandWords(await refusalIn(response), path, this.#token)
    return {
      response,
      json: () => response.json(),
      bytes: async () => new Uint8Array(await response.arrayBuffer()),
      stream: () =>
        response.body === null ? Readable.from([]) : Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]),
    }
  }

  /** Of all pages of a list. */
  async *pages(path: string, cursor: string, limit = 500): AsyncGenerator<readonly Json[]> {
    for (let next: unknown = null, first = true; first || next !== null; first = false) {
      const after = next === null ? '' : `&${cursor}=${encodeURIComponent(String(next))}`
      const page: { readonly items: readonly Json[]; readonly next: unknown } = await (
        await this.ask('GET', `${path}${path.includes('?') ? '&' : '?'}limit=${limit}${after}`)
      ).json()
      yield page.items
      next = page.next
    }
  }

  /** All of a list whose pages have `after`. */
  async list(path: string): Promise<readonly Json[]> {
    const all: Json[] = []
    for await (const page of this.pages(path, 'after')) all.push(...page)
    return all
  }

  close(): Promise<void> {
    return this.#close()
  }
}

/** What a command does with the API of whatever it was given; closed afterwards. */
export async function withApi(given: Target, use: (api: ApiTarget) => Promise<void>): Promise<void> {
  const api = await ApiTarget.open(given)
  try {
    await use(api)
  } finally {
    await api.close()
  }
}

/** `duplex` is what fetch wants to hear before it takes a stream. */
function contentOf(body: unknown): { readonly type: string | null; readonly body?: BodyInit; readonly duplex?: 'half' } {
  if (body === undefined) return { type: null }
  if (body instanceof Readable) return { type: 'application/gzip', body: Readable.toWeb(body) as BodyInit & ReadableStream, duplex: 'half' }
  if (body instanceof Uint8Array) return { type: 'application/octet-stream', body: new Uint8Array(body) }
  return { type: 'application/json', body: JSON.stringify(body) }
}

async function refusalIn(response: Response): Promise<Refused> {
  const text = await response.text()
  try {
    const { code, detail } = JSON.parse(text)
    return new Refused(response.status, String(code), String(detail))
  } catch {
    return new Refused(response.status, 'unexpected', `The server answered ${response.status}: ${text.slice(0, 200)}`)
  }
}

/** With what the command line knows and the server does not say: which document it was, and where a token is given. */
function inCommandWords(refused: Refused, path: string, token: string | null): Refused {
  const { status, code, message } = refused
  if (code === 'unauthenticated' && token === null) return new Refused(status, code, `${message} Give one with --token, or in WEFT_TOKEN.`)
  const encoded = /^\/documents\/([^/?]+)/.exec(path)?.[1]
  if (code !== 'no-such-document' || encoded === undefined) return refused
  const documentId = decodeURIComponent(encoded)
  const hint = documentId.includes('@')
    ? ' What stands behind its @ counts as a moment where a command takes one, and is one: @-15m, @v12, @seq:48.'
    : ''
  return new Refused(status, code, `There is no document "${documentId}".${hint}`)
}

/** Throws `invalid-document-id` for what no URL can name; how long an id may be the server knows. */
export function documentPath(documentId: string): string {
  checkDocumentId(documentId, Number.MAX_SAFE_INTEGER)
  return `/documents/${encodeURIComponent(documentId)}`
}
