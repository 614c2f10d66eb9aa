// A request of a client without a WebSocket, and how it is answered: the same whether it came to this node or over another one.

export interface HttpRequest {
  readonly action: 'events' | 'poll' | 'messages' | 'close'
  /** The connection that it belongs to. */
  readonly connection: string
  /** The number of the last record that the client has. */
  readonly after: number
  /** The number of the first message in `body`. */
  readonly first: number
  /** Records, see `decodeRecords`. */
  readonly body: Uint8Array
}

/** Where the answer goes. Nothing of it throws, also when nobody is there any more. */
export interface HttpReply {
  /** Once, before anything else. */
  begin(status: number, contentType: string): void
  write(bytes: Uint8Array): void
  end(): void
}

/** What is done when whoever asked has gone before the answer ended. */
export interface HttpExchange {
  gone(): void
}

export const contentTypes = {
  events: 'text/event-stream; charset=utf-8',
  records: 'application/octet-stream',
  json: 'application/problem+json; charset=utf-8',
  none: '',
} as const

/** An answer in one piece. */
export function answer(reply: HttpReply, status: number, contentType: string, body: Uint8Array = new Uint8Array(0)): void {
  reply.begin(status, contentType)
  if (body.length > 0) reply.write(body)
  reply.end()
}

/** A refusal as RFC 9457 has it. */
export function refuse(reply: HttpReply, status: number, code: string, detail: string, more: Readonly<Record<string, unknown>> = {}): void {
  const problem = { type: 'about:blank', title: code, status, code, detail, ...more }
  answer(reply, status, contentTypes.json, new TextEncoder().encode(`${JSON.stringify(problem)}\n`))
}
