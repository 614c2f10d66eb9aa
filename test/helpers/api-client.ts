// Asks the API of a server as a program would, and says what came.
import { strict as assert } from 'node:assert'

/** Whatever it turns out to be: the test says. */
export type Json = ReturnType<typeof JSON.parse>

export interface ApiAnswer {
  readonly status: number
  /** Of JSON, parsed. */
  readonly body: Json
  readonly text: string
  readonly headers: Headers
}

export class ApiClient {
  readonly url: string
  readonly #token: string | null

  constructor(url: string, token: string | null = null) {
    this.url = url
    this.#token = token
  }

  /** `path` is below /api/v1. A body that is no bytes is sent as JSON. */
  async ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<ApiAnswer> {
    const isBytes = body instanceof Uint8Array
    const answer = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: {
        ...(this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }),
        ...(body === undefined ? {} : { 'content-type': isBytes ? 'application/octet-stream' : 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isBytes ? new Uint8Array(body) : JSON.stringify(body) }),
    })
    const text = await answer.text()
    const isJson = /json/.test(answer.headers.get('content-type') ?? '')
    return { status: answer.status, text, body: isJson ? JSON.parse(text) : null, headers: answer.headers }
  }

  /** The body of an answer that has to be a success. */
  async expect(method: string, path: string, body?: unknown): Promise<Json> {
    const answer = await this.ask(method, path, body)
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`)
    return answer.body ?? answer.text
  }

  /** The code of an answer that has to be a refusal. */
  async refusal(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<string> {
    const answer = await this.ask(method, path, body, headers)
    assert.ok(answer.status >= 400, `${method} ${path}: ${answer.status} ${answer.text}`)
    assert.equal(answer.body?.status, answer.status)
    return `${answer.status} ${answer.body.code}`
  }
}

/** The path of a document, with its id in one segment. */
export function documentPath(documentId: string): string {
  return `/documents/${encodeURIComponent(documentId)}`
}
