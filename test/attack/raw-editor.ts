// An honest editor that types a character every few milliseconds, by the clock, and notes how long each takes until it is acknowledged.
import WebSocket from 'ws'
import { decodeWeftServer, encodeWeftClient, type WeftClientMessage, weftSubprotocol } from '../../protocol/dialects/weft.js'
import type { Editor, EditorPlace, Measured } from './editor.js'
import { keystroke } from './shapes.js'

interface Keystroke {
  readonly clock: number
  readonly sinceMs: number
}

const reconnectMs = 200

export class RawEditor implements Editor {
  readonly place: EditorPlace
  #socket: WebSocket | null = null
  #submission = 0
  /** By submission. */
  readonly #waiting = new Map<number, Keystroke>()
  /** Keystrokes that no connection took yet, oldest first. */
  #unsent: Keystroke[] = []
  #typed = 0
  #acknowledged = 0
  #measured: Measured = { delaysMs: [], disconnections: 0, told: [] }
  #ended = false

  constructor(place: EditorPlace) {
    this.place = place
    this.#connect()
  }

  type(): void {
    this.#unsent.push({ clock: this.#typed, sinceMs: performance.now() })
    this.#typed += 1
    this.#send()
  }

  measured(): Measured {
    const now = performance.now()
    const { delaysMs, disconnections, told } = this.#measured
    this.#measured = { delaysMs: [], disconnections: 0, told: [] }
    // What is still waiting counts with the time that it has waited: else the longest waits would be left out.
    return {
      delaysMs: [...delaysMs, ...[...this.#waiting.values(), ...this.#unsent].map(({ sinceMs }) => now - sinceMs)],
      disconnections,
      told,
    }
  }

  isSaved(): boolean {
    return this.#acknowledged === this.#typed
  }

  acknowledgedClock(): number {
    return this.#acknowledged
  }

  state(): string | null {
    return null
  }

  end(): void {
    this.#ended = true
    this.#socket?.terminate()
  }

  #connect(): void {
    if (this.#ended) return
    const { url, documentId } = this.place
    const socket = new WebSocket(url, [weftSubprotocol], { perMessageDeflate: false })
    socket.on('error', () => {})
    socket.on('open', () => {
      write(socket, { type: 'hello', agent: 'bystander', token: '' })
      write(socket, { type: 'open', channel: 1, documentId, token: '', known: { kind: 'nothing' } })
    })
    socket.on('message', (data: Buffer) => this.#message(socket, data))
    socket.on('close', (code, reason) => {
      if (this.#ended) return
      this.#measured.told.push(`${code} ${reason.toString()}`)
      this.#measured.disconnections += 1
      this.#lost()
      setTimeout(() => this.#connect(), reconnectMs)
    })
  }

  /** What was not acknowledged is sent again on the next connection: repeating is harmless. */
  #lost(): void {
    this.#socket = null
    this.#submission = 0
    this.#unsent = [...this.#waiting.values(), ...this.#unsent]
    this.#waiting.clear()
  }

  #message(socket: WebSocket, data: Buffer): void {
    const message = decodeWeftServer(data)
    if (message.type === 'opened') {
      this.#socket = socket
      this.#send()
    } else if (message.type === 'acknowledged') this.#acknowledge(message.through)
    else if (message.type === 'refused') this.#measured.told.push(`refused: ${message.code}`)
    else if (message.type === 'closed') {
      this.#measured.told.push(`closed: ${message.code}`)
      socket.close()
    }
  }

  #acknowledge(through: number): void {
    const now = performance.now()
    for (const [submission, { clock, sinceMs }] of this.#waiting) {
      if (submission > through) continue
      this.#waiting.delete(submission)
      this.#acknowledged = Math.max(this.#acknowledged, clock + 1)
      this.#measured.delaysMs.push(now - sinceMs)
    }
  }

  #send(): void {
    const socket = this.#socket
    if (socket === null) return
    for (const typed of this.#unsent) {
      this.#submission += 1
      this.#waiting.set(this.#submission, typed)
      write(socket, { type: 'submit', channel: 1, submission: this.#submission, update: keystroke(this.place.clientId, typed.clock) })
    }
    this.#unsent = []
  }
}

function write(socket: WebSocket, message: WeftClientMessage): void {
  socket.send(Buffer.concat(encodeWeftClient(message)))
}
