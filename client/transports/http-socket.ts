// A socket where no WebSocket gets through: frames come by server-sent events or long polls, and go with POSTs, one at a time. To its user it is a WebSocket.
//
// Each side numbers what it sends. What the network cuts goes on where it ended: a stream with the number after the last one received, a POST with the same numbers.
import type { Clock, Timer } from '../../core/clock.js'
import {
  bodyBytesMax,
  connectionsPath,
  decodeRecords,
  encodeRecord,
  type HttpClosing,
  type HttpRecord,
  httpHeaders,
} from '../../protocol/http-frames.js'
import { readEvents } from './event-stream.js'
import { joined } from './joined.js'
import { Retries } from './retries.js'

type Listener = (event: never) => void

export interface HttpSocketOptions {
  /** How frames come. */
  readonly down: 'sse' | 'poll'
  readonly clock: Clock
  readonly fetch: typeof fetch
}

/** So much may have come without a confirmation, or what has come so long. */
const unconfirmedBytesMax = 16 * 1024
const unconfirmedMsMax = 2_000
/** What browsers send for a page that is gone. */
const keepaliveBytesMax = 60_000

const LOST = 1006

export class HttpSocket {
  binaryType = 'arraybuffer'
  readonly protocol = ''
  /** Bytes that have arrived, those of frames that are not whole too. */
  bytesRead = 0
  readonly #url: string
  readonly #query: string
  readonly #options: HttpSocketOptions
  readonly #listeners = new Map<string, Listener[]>()
  /** Of the requests under way. Each has its own: what Node's fetch hangs onto a signal stays as long as the signal. */
  readonly #aborts = new Set<AbortController>()
  #state: 'opening' | 'open' | 'closing' | 'closed' = 'opening'
  #connection = ''
  #received = 0
  #unconfirmedBytes = 0
  #confirming: Timer | null = null
  /** Messages that the server has not said to have; the first one has the number `#first`. */
  #queue: Uint8Array[] = []
  #first = 1
  #sending: 'idle' | 'scheduled' | 'running' = 'idle'
  #confirmNow = false
  readonly #retries: Retries
  readonly #leave = (): void => {
    this.#farewell()
    this.#over(LOST, 'The page was left.')
  }

  /** `url` is that of the WebSocket. */
  constructor(url: string, protocols: readonly string[], options: HttpSocketOptions) {
    const [path = '', query] = url.replace(/^ws/, 'http').split('?')
    this.#url = `${path.replace(/\/+$/, '')}${connectionsPath}`
    this.#query = query === undefined ? '' : `?${query}`
    this.#options = options
    this.#retries = new Retries(options.clock)
    // A page that is left says so, or others would see its user for a while.
    ;(globalThis as Partial<EventTarget>).addEventListener?.('pagehide', this.#leave)
    void this.#open(protocols)
  }

  get bufferedAmount(): number {
    return this.#queue.reduce((bytes, { length }) => bytes + length, 0)
  }

  send(data: Uint8Array): void {
    if (this.#state !== 'open') return
    this.#queue.push(Uint8Array.from(data))
    this.#sendSoon()
  }

  close(): void {
    if (this.#state === 'closed' || this.#state === 'closing') return
    if (this.#state === 'opening') this.#over(LOST, '')
    else {
      this.#state = 'closing'
      this.#sendSoon()
    }
  }

  terminate(): void {
    this.#farewell()
    this.#over(LOST, '')
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener])
  }

  async #open(protocols: readonly string[]): Promise<void> {
    try {
      const headers = { [httpHeaders.transport]: this.#options.down, [httpHeaders.protocols]: protocols.join(', ') }
      this.#connection = await this.#fetch('POST', this.#query, headers, async (answer) => {
        const body: { readonly connection?: string; readonly detail?: string } = await answer.json().catch(() => ({}))
        if (answer.status === 201 && body.connection !== undefined) return body.connection
        throw new Error(body.detail ?? `${this.#url} answered with HTTP ${answer.status}.`)
      })
      if (this.#state !== 'opening') return this.#farewell()
      this.#state = 'open'
      this.#emit('open', {})
      await this.#receive()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Asks for what comes, again and again. */
  async #receive(): Promise<void> {
    await this.#retries.persist((succeeded) =>
      this.#fetch('GET', this.#options.down === 'sse' ? '/events' : '/poll', this.#headers(), async (answer) => {
        if (await this.#isRefused(answer)) return true
        const read = (bytes: number): void => {
          this.bytesRead += bytes
          succeeded()
        }
        if (this.#options.down === 'poll') {
          const body = new Uint8Array(await answer.arrayBuffer())
          read(body.length)
          for (const record of decodeRecords(body)) this.#record(record)
          return false
        }
        if (answer.body === null) throw new Error('This platform reads no streams.')
        await readEvents(answer.body, read, (record) => this.#record(record))
        return false
      }),
    )
  }

  #record({ kind, content }: HttpRecord): void {
    if (this.#state === 'closed') return
    this.#received += 1
    if (kind === 'close') {
      const { code, reason } = JSON.parse(new TextDecoder().decode(content)) as HttpClosing
      // The server waits for the confirmation, as for the other half of a handshake.
      this.#farewell()
      this.#over(code, reason)
      return
    }
    this.#unconfirmedBytes += content.length
    if (this.#options.down === 'sse') {
      if (kind === 'ping' || this.#unconfirmedBytes >= unconfirmedBytesMax) this.#confirm()
      else this.#confirmLater()
    }
    if (kind === 'message') this.#emit('message', { data: Uint8Array.from(content).buffer })
  }

  #confirm(): void {
    if (this.#state === 'closed') return
    if (this.#sending !== 'running') {
      this.#confirmNow = true
      this.#sendSoon()
      return
    }
    // The server may not be reading what is under way: it hears all the same what has arrived.
    const headers = this.#headers()
    this.#fetch('POST', '/messages', headers, async () => {}).catch(() => this.#confirmLater())
  }

  #confirmLater(): void {
    if (this.#state === 'closed') return
    this.#confirming ??= this.#options.clock.after(unconfirmedMsMax, () => this.#confirm(), { unref: true })
  }

  /** What is sent in one turn leaves together. */
  #sendSoon(): void {
    if (this.#sending !== 'idle' || this.#state === 'closed') return
    this.#sending = 'scheduled'
    queueMicrotask(() => {
      this.#sending = 'running'
      void this.#send()
    })
  }

  async #send(): Promise<void> {
    try {
      await this.#retries.persist(async (succeeded) => {
        if (this.#state === 'closed') return true
        const isClosing = this.#state === 'closing'
        if (!isClosing && this.#queue.length === 0 && !this.#confirmNow) return true
        const { body, count } = this.#body()
        const isLast = isClosing && count === this.#queue.length
        this.#confirmNow = false
        const refused = (answer: Response): Promise<boolean> => this.#isRefused(answer)
        const isOver = await this.#fetch('POST', isLast ? '/close' : '/messages', this.#headers(), refused, body).catch((error) => {
          // What it confirmed may not have arrived.
          this.#confirmNow = true
          throw error
        })
        if (isOver) return true
        succeeded()
        this.#queue.splice(0, count)
        this.#first += count
        if (isLast) this.#over(1000, '')
        return false
      })
    } catch (error) {
      this.#fail(error)
    }
    this.#sending = 'idle'
    // What came in the meantime.
    if (this.#queue.length > 0 || this.#confirmNow || this.#state === 'closing') this.#sendSoon()
  }

  /** The numbers that a request says, and what it thereby confirms. */
  #headers(): Record<string, string> {
    this.#unconfirmedBytes = 0
    this.#confirming?.cancel()
    this.#confirming = null
    return {
      [httpHeaders.connection]: this.#connection,
      [httpHeaders.after]: String(this.#received),
      [httpHeaders.first]: String(this.#first),
    }
  }

  #body(): { readonly body: Uint8Array<ArrayBuffer>; readonly count: number } {
    const parts: Uint8Array[] = []
    let bytes = 0
    let count = 0
    for (const message of this.#queue) {
      const record = encodeRecord('message', message)
      const length = record.reduce((sum, part) => sum + part.length, 0)
      if (count > 0 && bytes + length > bodyBytesMax) break
      parts.push(...record)
      bytes += length
      count += 1
    }
    return { body: joined(parts) as Uint8Array<ArrayBuffer>, count }
  }

  /** Whether the server has ended the connection. Throws for what may pass. */
  async #isRefused(answer: Response): Promise<boolean> {
    if (answer.ok) return false
    if (answer.status >= 500 || answer.status === 408 || answer.status === 429) throw new Error(`HTTP ${answer.status}`)
    const problem: { readonly closeCode?: number; readonly detail?: string } = await answer.json().catch(() => ({}))
    this.#over(problem.closeCode ?? LOST, problem.detail ?? '')
    return true
  }

  /** The server need not wait for this client. Nobody waits for the answer. */
  #farewell(): void {
    if (this.#connection === '' || this.#state === 'closed') return
    const { body, count } = this.#body()
    const small = count === this.#queue.length && body.length <= keepaliveBytesMax
    this.#request('POST', '/close', this.#headers(), small ? body : undefined, { keepalive: small }).catch(() => {})
  }

  /** Ends with the connection. */
  async #fetch<T>(
    method: string,
    path: string,
    headers: Record<string, string>,
    read: (answer: Response) => Promise<T>,
    body?: Uint8Array<ArrayBuffer>,
  ): Promise<T> {
    const abort = new AbortController()
    this.#aborts.add(abort)
    try {
      return await read(await this.#request(method, path, headers, body, { signal: abort.signal }))
    } finally {
      this.#aborts.delete(abort)
    }
  }

  #request(
    method: string,
    path: string,
    headers: Record<string, string>,
    body: Uint8Array<ArrayBuffer> | undefined,
    more: RequestInit,
  ): Promise<Response> {
    return this.#options.fetch(this.#url + path, {
      method,
      headers: body === undefined ? headers : { ...headers, 'content-type': 'application/octet-stream' },
      // As with a WebSocket: whether they count, the server decides.
      credentials: 'include',
      // Nothing about a cache, which the answers are kept out of: with a word about it Chromium asks before each request whether a page of another origin may make it.
      ...(body === undefined ? {} : { body }),
      ...more,
    })
  }

  #fail(error: unknown): void {
    if (this.#state === 'closed') return
    // What fetch throws says only that it failed; why is in its cause, where the platform tells.
    const { message = '', cause } = Object(error) as Partial<Error>
    const why = (Object(cause) as { readonly code?: string }).code
    this.#over(LOST, error instanceof TypeError ? `${this.#url} cannot be reached${why ? `: ${why}` : ''}.` : message)
  }

  #over(code: number, reason: string): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    ;(globalThis as Partial<EventTarget>).removeEventListener?.('pagehide', this.#leave)
    this.#confirming?.cancel()
    for (const abort of this.#aborts) abort.abort()
    this.#queue = []
    this.#retries.stop()
    this.#emit('close', { code, reason })
  }

  #emit(type: string, event: object): void {
    for (const listener of this.#listeners.get(type) ?? []) (listener as (event: object) => void)(event)
  }
}
