// An answer over node:http.
import type { ServerResponse } from 'node:http'
import type { HttpReply } from './exchange.js'

export const replyHeaders = {
  // Nobody on the way may keep, change or hold back what is streamed; nginx and others look at the second one.
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
  'X-Content-Type-Options': 'nosniff',
} as const

export class NodeHttpReply implements HttpReply {
  readonly #response: ServerResponse
  #headers: Readonly<Record<string, string>>

  constructor(response: ServerResponse, more: Readonly<Record<string, string>>) {
    this.#response = response
    this.#headers = more
    // Whoever asked may be gone, which `close` tells.
    response.on('error', () => {})
    response.req.on('error', () => {})
  }

  /** No page may read the answer. */
  hideFromPages(): void {
    this.#headers = {}
  }

  retryAfter(seconds: number): void {
    this.#headers = { ...this.#headers, 'Retry-After': String(seconds) }
  }

  /** Nothing more is read from its connection. */
  closeAfter(): void {
    this.#response.shouldKeepAlive = false
  }

  /** Runs `run` when the answer has ended, or whoever asked has gone. */
  whenOver(run: () => void): void {
    if (this.#response.closed) run()
    else this.#response.once('close', run)
  }

  begin(status: number, contentType: string): void {
    if (this.#response.headersSent || this.#response.destroyed) return
    this.#response.writeHead(status, { ...replyHeaders, ...this.#headers, ...(contentType === '' ? {} : { 'Content-Type': contentType }) })
    if (contentType.startsWith('text/event-stream')) this.#response.flushHeaders()
  }

  write(bytes: Uint8Array): void {
    const response = this.#response
    if (response.destroyed || response.writableEnded) return
    if (response.writableCorked === 0) {
      response.cork()
      process.nextTick(() => response.uncork())
    }
    response.write(bytes)
  }

  end(): void {
    if (!this.#response.destroyed && !this.#response.writableEnded) this.#response.end()
  }
}
