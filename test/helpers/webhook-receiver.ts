// A real HTTP server that takes webhooks, checks their signatures, and can fail, hang or be away.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { Webhook } from 'standardwebhooks'

export const webhookSecret = 'a secret of the receiver and the server'

/** A receiver that is closed after the test. */
export async function webhookReceiver(context: TestContext): Promise<WebhookReceiver> {
  const receiver = await WebhookReceiver.start(webhookSecret)
  context.after(() => receiver.close())
  return receiver
}

export interface ReceivedEvent {
  readonly id: string
  readonly type: string
  readonly documentId: string
  readonly created: boolean
  readonly fromSeq: number
  readonly throughSeq: number
  readonly users: readonly string[]
}

export type ReceiverMood = 'takes' | 'fails' | 'hangs'

export class WebhookReceiver {
  /** What it took, and said so. */
  readonly events: ReceivedEvent[] = []
  /** Requests of any outcome. */
  requests = 0
  mood: ReceiverMood = 'takes'
  readonly #server: Server
  readonly #signer: Webhook

  private constructor(secret: string) {
    this.#signer = new Webhook(Buffer.from(secret).toString('base64'))
    this.#server = createServer((request, response) => void this.#receive(request, response))
  }

  static async start(secret: string): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(secret)
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve))
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hooks?key=hunter2`
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    this.requests += 1
    if (this.mood === 'hangs') return
    if (this.mood === 'fails') {
      response.writeHead(500).end('out of order')
      return
    }
    const body = Buffer.concat(parts).toString('utf8')
    const id = String(request.headers['webhook-id'])
    // Throws for a signature that is not good, or a time that is not now.
    const { type, data } = this.#signer.verify(body, {
      'webhook-id': id,
      'webhook-timestamp': String(request.headers['webhook-timestamp']),
      'webhook-signature': String(request.headers['webhook-signature']),
    }) as { type: string; data: Omit<ReceivedEvent, 'id' | 'type'> }
    this.events.push({ ...data, id, type })
    response.writeHead(204).end()
  }
}
