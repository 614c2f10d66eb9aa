// A request and an answer as a fetch handler has them.
import { afterAwake } from '../../../core/after-awake.js'
import type { HttpReply } from './exchange.js'
import { replyHeaders } from './node-http-reply.js'
import { type BodyOptions, PROGRESS_BYTES_MIN } from './request-body.js'

export class WebReply implements HttpReply {
  /** Resolves when the answer begins. */
  readonly response: Promise<Response>
  #headers: Readonly<Record<string, string>>
  #respond: (response: Response) => void = () => {}
  #stream: ReadableStreamDefaultController<Uint8Array> | null = null
  #begun = false
  #over = false
  readonly #whenOver: (() => void)[] = []

  /** `signal` says that whoever asked has gone. */
  constructor(more: Readonly<Record<string, string>>, signal: AbortSignal) {
    this.#headers = more
    this.response = new Promise((resolve) => {
      this.#respond = resolve
    })
    if (signal.aborted) this.#isOver()
    else signal.addEventListener('abort', () => this.#isOver(), { once: true })
  }

  /** No page may read the answer. */
  hideFromPages(): void {
    this.#headers = {}
  }

  retryAfter(seconds: number): void {
    this.#headers = { ...this.#headers, 'Retry-After': String(seconds) }
  }

  /** Whoever calls the handler has the connection. */
  closeAfter(): void {}

  /** Runs `run` when the answer has ended, or whoever asked has gone. */
  whenOver(run: () => void): void {
    if (this.#over) run()
    else this.#whenOver.push(run)
  }

  begin(status: number, contentType: string): void {
    if (this.#begun) return
    this.#begun = true
    const headers = { ...replyHeaders, ...this.#headers, ...(contentType === '' ? {} : { 'Content-Type': contentType }) }
    const body =
      status === 204
        ? null
        : new ReadableStream<Uint8Array>({
            start: (stream) => {
              this.#stream = stream
            },
            cancel: () => this.#isOver(),
          })
    this.#respond(new Response(body, { status, headers }))
  }

  write(bytes: Uint8Array): void {
    if (!this.#over) this.#stream?.enqueue(bytes)
  }

  end(): void {
    if (this.#over) return
    this.#stream?.close()
    this.#isOver()
  }

  #isOver(): void {
    if (this.#over) return
    this.#over = true
    for (const run of this.#whenOver.splice(0)) run()
  }
}

/** As `readBody`, of a fetch handler's request. */
export async function readWebBody({ headers, body }: Request, options: BodyOptions): Promise<Uint8Array | 'too-large' | null> {
  const { clock, bytesMax, progressMsMax, charge } = options
  if (Number(headers.get('content-length') ?? 0) > bytesMax) return 'too-large'
  if (body === null) return new Uint8Array(0)
  const reader = body.getReader()
  const pieces: Uint8Array[] = []
  let bytes = 0
  let seen = 0
  const giveUp = (): void => void reader.cancel().catch(() => {})
  const watch = (): ReturnType<typeof afterAwake> =>
    afterAwake(clock, progressMsMax, () => {
      if (bytes - seen < PROGRESS_BYTES_MIN) {
        isGivenUp = true
        giveUp()
        return
      }
      seen = bytes
      timer = watch()
    })
  let isGivenUp = false
  let timer = watch()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (isGivenUp) return null
      if (done) return Buffer.concat(pieces)
      bytes += value.length
      if (bytes > bytesMax) {
        giveUp()
        return 'too-large'
      }
      charge.set(bytes)
      pieces.push(value)
    }
  } catch {
    // It ended early.
    return null
  } finally {
    timer.cancel()
  }
}
