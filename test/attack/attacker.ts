// An anonymous client that sends what it is told to, counts the bytes, and notes what the server says to it: nothing is decoded but what says no.
import WebSocket from 'ws'
import {
  decodeWeftServer,
  encodeWeftClient,
  type WeftClientMessage,
  type WeftServerMessage,
  weftSubprotocol,
} from '../../protocol/dialects/weft.js'
import { encodeYWebsocket, type YWebsocketMessage } from '../../protocol/dialects/y-websocket.js'
import { until } from '../helpers/until.js'

/** What all sockets of an attack sent and heard. */
export class Tally {
  bytesSent = 0
  bytesReceived = 0
  connections = 0
  readonly #answers = new Map<string, number>()

  add(answer: string, count = 1): void {
    this.#answers.set(answer, (this.#answers.get(answer) ?? 0) + count)
  }

  /** `refused document-too-large ×3, closed 4508 ×1` */
  toString(): string {
    return [...this.#answers].map(([answer, count]) => `${answer} ×${count}`).join(', ')
  }
}

const weftAcknowledged = 37

export class Attacker {
  readonly socket: WebSocket
  readonly #tally: Tally
  readonly #dialect: 'weft' | 'y-websocket'
  /** The last submission that was answered, by channel. */
  readonly #answered = new Map<number, number>()
  /** Messages of the weft dialect that were asked for by type. */
  readonly #kept: WeftServerMessage[] = []
  bytesReceived = 0
  messagesReceived = 0
  closedWith: string | null = null
  #ended = false
  /** Sockets that do not read hear nothing either. */
  onMessage: ((data: Buffer) => void) | null = null

  private constructor(socket: WebSocket, dialect: 'weft' | 'y-websocket', tally: Tally) {
    this.socket = socket
    this.#dialect = dialect
    this.#tally = tally
    tally.connections += 1
    socket.on('message', (data: Buffer) => this.#received(data))
    socket.on('close', (code, reason) => {
      this.closedWith = `closed ${code} ${reason.toString()}`.trim()
      if (!this.#ended) tally.add(this.closedWith)
    })
    socket.on('error', () => {})
  }

  /** The weft dialect; says hello. Rejects when the server does not take the connection. */
  static async weft(url: string, tally: Tally): Promise<Attacker> {
    const attacker = await Attacker.#connect(url, [weftSubprotocol], 'weft', tally)
    attacker.send({ type: 'hello', agent: 'attacker', token: '' })
    return attacker
  }

  /** The y-websocket dialect: the document's name is in the URL. */
  static stock(url: string, documentId: string, tally: Tally): Promise<Attacker> {
    return Attacker.#connect(`${url}/${documentId}`, [], 'y-websocket', tally)
  }

  static async #connect(url: string, protocols: string[], dialect: 'weft' | 'y-websocket', tally: Tally): Promise<Attacker> {
    const socket = new WebSocket(url, protocols, { perMessageDeflate: false, maxPayload: 0 })
    const attacker = new Attacker(socket, dialect, tally)
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('close', () => reject(new Error(`The connection was not taken (${attacker.closedWith}).`)))
    })
    return attacker
  }

  get open(): boolean {
    return this.socket.readyState === WebSocket.OPEN
  }

  send(message: WeftClientMessage): void {
    this.#write(encodeWeftClient(message))
  }

  sendY(message: YWebsocketMessage): void {
    this.#write(encodeYWebsocket(message))
  }

  #write(parts: readonly Uint8Array[]): void {
    const frame = Buffer.concat(parts)
    this.#tally.bytesSent += frame.length
    this.socket.send(frame)
  }

  openDocument(channel: number, documentId: string, known: Uint8Array | null = null): void {
    const said = known === null ? ({ kind: 'nothing' } as const) : ({ kind: 'state-vector', stateVector: known } as const)
    this.send({ type: 'open', channel, documentId, token: '', known: said })
  }

  submit(channel: number, submission: number, update: Uint8Array): void {
    this.send({ type: 'submit', channel, submission, update })
  }

  /** Until the server has answered this submission, whatever it said, or the connection is over. */
  async answered(channel: number, submission: number, limitMs = 90_000): Promise<void> {
    await until(() => (this.#answered.get(channel) ?? 0) >= submission || !this.open, `an answer to submission ${submission}`, limitMs)
  }

  /** The first message of this type that came, of those that are kept: `opened`, `refused`, `closed`. */
  async message<Type extends WeftServerMessage['type']>(type: Type, limitMs = 60_000): Promise<Extract<WeftServerMessage, { type: Type }>> {
    const find = () => this.#kept.find((message): message is Extract<WeftServerMessage, { type: Type }> => message.type === type)
    await until(() => find() !== undefined || !this.open, `a message "${type}"`, limitMs)
    const found = find()
    if (found === undefined) throw new Error(`The connection ended before "${type}" came (${this.closedWith}).`)
    return found
  }

  /** The network is still there, but nobody reads. */
  stopReading(): void {
    this.socket.pause()
  }

  resumeReading(): void {
    this.socket.resume()
  }

  end(): void {
    this.#ended = true
    this.socket.terminate()
  }

  #received(data: Buffer): void {
    this.bytesReceived += data.length
    this.messagesReceived += 1
    this.#tally.bytesReceived += data.length
    this.onMessage?.(data)
    if (this.#dialect === 'y-websocket') {
      if (data[0] === 2) this.#tally.add('denied')
      return
    }
    // Only what is small is decoded.
    const type = data[0] ?? 0
    if (type < 34 || type > 39 || type === 35 || type === 36) return
    const message = decodeWeftServer(data)
    switch (message.type) {
      case 'acknowledged':
        this.#answered.set(message.channel, message.through)
        return
      case 'refused':
        this.#answered.set(message.channel, message.submission)
        this.#tally.add(`refused ${message.code} (${message.reason.slice(0, 90)})`)
        break
      case 'closed':
        this.#answered.set(message.channel, Number.POSITIVE_INFINITY)
        this.#tally.add(`channel closed ${message.code}`)
        break
      default:
    }
    if (this.#kept.length < 100 && type !== weftAcknowledged) this.#kept.push(message)
  }
}
