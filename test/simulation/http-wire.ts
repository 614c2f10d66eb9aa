// HTTP over the simulated network: a connection for each request, which a `fetch` sends as one message, and on which the answer comes back as it is written.
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import type { End } from './connection.js'
import type { SimulatedNetwork } from './network.js'
import type { HostClock } from './time.js'

export interface WireRequest {
  readonly method: string
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export type WireAnswer =
  | { readonly kind: 'begin'; readonly status: number; readonly contentType: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }

const BEGIN = 0
const BYTES = 1
const END = 2
const NO_CONTENT = 204

function encodeRequest({ method, headers, body }: WireRequest): Uint8Array {
  return encoding.encode((encoder) => {
    encoding.writeVarString(encoder, JSON.stringify({ method, headers }))
    encoding.writeVarUint8Array(encoder, body)
  })
}

export function decodeRequest(bytes: Uint8Array): WireRequest {
  const decoder = decoding.createDecoder(bytes)
  const head: Omit<WireRequest, 'body'> = JSON.parse(decoding.readVarString(decoder))
  return { ...head, body: decoding.readVarUint8Array(decoder) }
}

export function encodeAnswer(answer: WireAnswer): Uint8Array {
  return encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, answer.kind === 'begin' ? BEGIN : answer.kind === 'bytes' ? BYTES : END)
    if (answer.kind === 'begin') {
      encoding.writeVarUint(encoder, answer.status)
      encoding.writeVarString(encoder, answer.contentType)
    } else if (answer.kind === 'bytes') encoding.writeVarUint8Array(encoder, answer.bytes)
  })
}

function decodeAnswer(bytes: Uint8Array): WireAnswer {
  const decoder = decoding.createDecoder(bytes)
  const kind = decoding.readVarUint(decoder)
  if (kind === BEGIN) return { kind: 'begin', status: decoding.readVarUint(decoder), contentType: decoding.readVarString(decoder) }
  if (kind === BYTES) return { kind: 'bytes', bytes: decoding.readVarUint8Array(decoder) }
  return { kind: 'end' }
}

/** Pass it as a client's `fetch`. */
export function simulatedFetch(network: SimulatedNetwork, host: HostClock): typeof fetch {
  return (input, init = {}) => new Promise((resolve, reject) => new Exchange(network, host, String(input), init, resolve, reject))
}

class Exchange {
  readonly #resolve: (answer: Response) => void
  readonly #reject: (error: Error) => void
  readonly #signal: AbortSignal | null
  readonly #abort = (): void => {
    this.#fail('the request was given up')
    this.#end?.terminate()
  }
  #end: End | null = null
  #stream: ReadableStreamDefaultController<Uint8Array> | null = null
  #over = false

  constructor(
    network: SimulatedNetwork,
    host: HostClock,
    url: string,
    { method = 'GET', headers, body, signal }: RequestInit,
    resolve: (answer: Response) => void,
    reject: (error: Error) => void,
  ) {
    this.#resolve = resolve
    this.#reject = reject
    this.#signal = signal ?? null
    this.#signal?.addEventListener('abort', this.#abort)
    const request: WireRequest = {
      method,
      headers: headers as Record<string, string>,
      body: (body as Uint8Array | undefined) ?? new Uint8Array(0),
    }
    network.dial(
      host,
      url,
      [],
      (end) => {
        this.#end = end
        host.soon(() => (this.#over ? end.terminate() : end.send([encodeRequest(request)], () => {})))
        return {
          received: () => {},
          message: (bytes) => this.#answered(decodeAnswer(bytes)),
          pong: () => {},
          closed: () => this.#fail('the connection was closed'),
        }
      },
      () => this.#fail('nobody answers'),
    )
  }

  #answered(answer: WireAnswer): void {
    if (this.#over) return
    switch (answer.kind) {
      case 'begin': {
        const stream = new ReadableStream<Uint8Array>({
          start: (controller) => {
            this.#stream = controller
          },
          cancel: () => this.#end?.terminate(),
        })
        const { status, contentType } = answer
        this.#resolve(new Response(status === NO_CONTENT ? null : stream, { status, headers: { 'content-type': contentType } }))
        return
      }
      case 'bytes':
        this.#stream?.enqueue(answer.bytes)
        return
      case 'end':
        this.#ended()
        this.#stream?.close()
        this.#end?.close(1000, '')
    }
  }

  #fail(why: string): void {
    if (this.#over) return
    this.#ended()
    const error = new TypeError(why)
    if (this.#stream === null) this.#reject(error)
    else this.#stream.error(error)
  }

  #ended(): void {
    this.#over = true
    this.#signal?.removeEventListener('abort', this.#abort)
  }
}
