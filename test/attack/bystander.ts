// An honest editor beside an attack, in a thread of its own: it types a character every few milliseconds into a document of its own, notes how long each
// took until it was acknowledged, counts how often it was disconnected, and reads the server's memory meanwhile.
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import WebSocket from 'ws'
import { decodeWeftServer, encodeWeftClient, type WeftClientMessage, weftSubprotocol } from '../../protocol/dialects/weft.js'
import { memoryOf } from './attacked-server.js'
import { keystroke } from './shapes.js'

export interface BystanderData {
  readonly url: string
  readonly documentId: string
  readonly clientId: number
  readonly periodMs: number
}

/** `watch` names the process whose memory is read; `phase` ends one stretch of measuring and begins the next. */
export type ToBystander = { readonly kind: 'watch'; readonly pid: number | null } | { readonly kind: 'phase' } | { readonly kind: 'stop' }

export interface Phase {
  /** Milliseconds from a keystroke to its acknowledgement; what is still waiting counts with the time that it has waited. */
  readonly delaysMs: readonly number[]
  readonly disconnections: number
  /** Close codes and reasons, refusals. */
  readonly told: readonly string[]
  readonly peakBytes: number
  readonly typed: number
}

const memoryPeriodMs = 25
const reconnectMs = 200

class Bystander {
  readonly #data: BystanderData
  #socket: WebSocket | null = null
  #submission = 0
  /** By submission: which keystroke it is, and when it was typed. */
  readonly #waiting = new Map<number, { readonly clock: number; readonly sinceMs: number }>()
  /** Keystrokes that no connection took yet, oldest first. */
  #unsent: { readonly clock: number; readonly sinceMs: number }[] = []
  #typed = 0
  #delaysMs: number[] = []
  #disconnections = 0
  #told: string[] = []
  #peakBytes = 0
  #pid: number | null = null
  #typedBefore = 0
  #stopped = false

  constructor(data: BystanderData) {
    this.#data = data
  }

  async run(): Promise<void> {
    this.#connect()
    void this.#watchMemory()
    // By the clock and not by the answers: who waits for an answer before typing on would not notice how long others wait.
    for (let next = performance.now(); !this.#stopped; ) {
      next += this.#data.periodMs
      this.#unsent.push({ clock: this.#typed, sinceMs: performance.now() })
      this.#typed += 1
      this.#send()
      await sleep(Math.max(0, next - performance.now()))
    }
  }

  take(message: ToBystander): void {
    if (message.kind === 'watch') this.#pid = message.pid
    else if (message.kind === 'phase') parentPort?.postMessage(this.#phase())
    else {
      this.#stopped = true
      this.#socket?.terminate()
      parentPort?.close()
    }
  }

  #phase(): Phase {
    const now = performance.now()
    const waiting = [...this.#waiting.values(), ...this.#unsent].map(({ sinceMs }) => now - sinceMs)
    const phase: Phase = {
      delaysMs: [...this.#delaysMs, ...waiting],
      disconnections: this.#disconnections,
      told: this.#told,
      peakBytes: this.#peakBytes,
      typed: this.#typed - this.#typedBefore,
    }
    this.#delaysMs = []
    this.#disconnections = 0
    this.#told = []
    this.#peakBytes = 0
    this.#typedBefore = this.#typed
    return phase
  }

  #connect(): void {
    if (this.#stopped) return
    const { url, documentId } = this.#data
    const socket = new WebSocket(url, [weftSubprotocol], { perMessageDeflate: false })
    socket.on('error', () => {})
    socket.on('open', () => {
      this.#write(socket, { type: 'hello', agent: 'bystander', token: '' })
      this.#write(socket, { type: 'open', channel: 1, documentId, token: '', known: { kind: 'nothing' } })
    })
    socket.on('message', (data: Buffer) => this.#message(socket, data))
    socket.on('close', (code, reason) => {
      this.#told.push(`${code} ${reason.toString()}`)
      this.#disconnections += 1
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
    } else if (message.type === 'acknowledged') this.#acknowledged(message.through)
    else if (message.type === 'refused') {
      this.#told.push(`refused: ${message.code}`)
      this.#waiting.delete(message.submission)
    } else if (message.type === 'closed') {
      this.#told.push(`closed: ${message.code}`)
      socket.close()
    }
  }

  #acknowledged(through: number): void {
    const now = performance.now()
    for (const [submission, { sinceMs }] of this.#waiting) {
      if (submission > through) continue
      this.#waiting.delete(submission)
      this.#delaysMs.push(now - sinceMs)
    }
  }

  #send(): void {
    const socket = this.#socket
    if (socket === null) return
    for (const typed of this.#unsent) {
      this.#submission += 1
      this.#waiting.set(this.#submission, typed)
      const update = keystroke(this.#data.clientId, typed.clock)
      this.#write(socket, { type: 'submit', channel: 1, submission: this.#submission, update })
    }
    this.#unsent = []
  }

  #write(socket: WebSocket, message: WeftClientMessage): void {
    socket.send(Buffer.concat(encodeWeftClient(message)))
  }

  async #watchMemory(): Promise<void> {
    while (!this.#stopped) {
      const memory = this.#pid === null ? null : memoryOf(this.#pid)
      this.#peakBytes = Math.max(this.#peakBytes, memory?.held ?? 0)
      await sleep(memoryPeriodMs)
    }
  }
}

const bystander = new Bystander(workerData as BystanderData)
parentPort?.on('message', (message: ToBystander) => bystander.take(message))
await bystander.run()
