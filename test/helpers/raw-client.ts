// A WebSocket client that sends what a test tells it to, well formed or not, and keeps what it gets.
import WebSocket from 'ws'
import {
  decodeWeftServer,
  encodeWeftClient,
  type WeftClientMessage,
  type WeftServerMessage,
  weftSubprotocol,
} from '../../protocol/dialects/weft.js'
import { decodeYWebsocket, encodeYWebsocket, type YWebsocketMessage } from '../../protocol/dialects/y-websocket.js'
import { eventually } from './states.js'

export interface Closing {
  readonly code: number
  readonly reason: string
}

export class RawClient {
  readonly socket: WebSocket
  readonly frames: Uint8Array[] = []
  /** Resolves when the socket is closed. */
  readonly closed: Promise<Closing>
  #closing: Closing | null = null

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data: Buffer) => this.frames.push(new Uint8Array(data)))
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.#closing = { code, reason: reason.toString() }
        resolve(this.#closing)
      })
    })
    socket.on('error', () => {})
  }

  /** Connects; rejects with what the server answered when it refuses the upgrade. */
  static async connect(url: string, protocols: readonly string[] = []): Promise<RawClient> {
    const socket = new WebSocket(url, [...protocols])
    const client = new RawClient(socket)
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', reject)
      socket.once('unexpected-response', (_request, response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk
        })
        response.on('end', () => reject(new Error(`HTTP ${response.statusCode}: ${body}`)))
      })
    })
    return client
  }

  /** A weft client that has said hello. */
  static async weft(url: string): Promise<RawClient> {
    const client = await RawClient.connect(url, [weftSubprotocol])
    client.sendWeft({ type: 'hello', agent: 'test', token: '' })
    return client
  }

  get closing(): Closing | null {
    return this.#closing
  }

  get yMessages(): YWebsocketMessage[] {
    return this.frames.map(decodeYWebsocket)
  }

  get weftMessages(): WeftServerMessage[] {
    return this.frames.map(decodeWeftServer)
  }

  send(bytes: Uint8Array | string): void {
    this.socket.send(bytes)
  }

  sendY(message: YWebsocketMessage): void {
    this.socket.send(Buffer.concat(encodeYWebsocket(message)))
  }

  sendWeft(message: WeftClientMessage): void {
    this.socket.send(Buffer.concat(encodeWeftClient(message)))
  }

  /** The first weft message of this type, when it has come. */
  async weftMessage<Type extends WeftServerMessage['type']>(type: Type): Promise<Extract<WeftServerMessage, { type: Type }>> {
    const find = () => this.weftMessages.find((message): message is Extract<WeftServerMessage, { type: Type }> => message.type === type)
    await eventually(`a weft message "${type}"`, () => find() !== undefined)
    const found = find()
    if (found === undefined) throw new Error('unreachable')
    return found
  }

  /** The first y-websocket message of this type, when it has come. */
  async yMessage<Type extends YWebsocketMessage['type']>(type: Type): Promise<Extract<YWebsocketMessage, { type: Type }>> {
    const find = () => this.yMessages.find((message): message is Extract<YWebsocketMessage, { type: Type }> => message.type === type)
    await eventually(`a y-websocket message "${type}"`, () => find() !== undefined)
    const found = find()
    if (found === undefined) throw new Error('unreachable')
    return found
  }

  /** Resolves when the server has answered a ping: both ends have handled what was sent before. */
  async roundTrip(): Promise<void> {
    const answered = new Promise((resolve) => this.socket.once('pong', resolve))
    this.socket.ping()
    await answered
  }

  close(): void {
    this.socket.terminate()
  }
}
