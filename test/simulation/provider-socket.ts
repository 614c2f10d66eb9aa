// The socket of a client that behaves like somebody's provider: given up when nothing came on it for 30 s, and made again, after longer and longer waits. On the simulated
// clock and network.
import type { Timer } from '../../core/clock.js'
import type { SimulatedNetwork } from './network.js'
import type { HostClock, SimulatedTime } from './time.js'
import { SimulatedWebSocket } from './web-socket.js'

const CHECK_MS = 3_000
const SILENCE_MS = 30_000
const BACKOFF_MS_MAX = 2_500

export interface ProviderSocketOptions {
  readonly time: SimulatedTime
  readonly clock: HostClock
  readonly network: SimulatedNetwork
  readonly url: string
  opened(): void
  received(bytes: Uint8Array): void
  /** `wasOpen`: it was said to be open. `silent`: nothing came on it any more. */
  lost(wasOpen: boolean, why: 'silent' | 'closed'): void
}

export class ProviderSocket {
  readonly #options: ProviderSocketOptions
  #socket: SimulatedWebSocket | null = null
  #isOpen = false
  #attempts = 0
  #heardAt = 0
  #timers: Timer[] = []

  constructor(options: ProviderSocketOptions) {
    this.#options = options
    this.#check()
    this.#connect()
  }

  /** Whether it was said to be open. It may be lost, as long as nobody has said that. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** The connection is good: after the next loss the first wait is short again. */
  proven(): void {
    this.#attempts = 0
  }

  send(message: Uint8Array): void {
    if (this.#isOpen && this.#socket?.isOpen === true) this.#socket.send(message)
  }

  after(delayMs: number, run: () => void): void {
    this.#timers.push(this.#options.clock.after(delayMs, run))
  }

  /** For good. */
  close(): void {
    for (const timer of this.#timers) timer.cancel()
    const socket = this.#socket
    this.#socket = null
    this.#isOpen = false
    socket?.close()
  }

  #connect(): void {
    const { network, clock, url, opened, received } = this.#options
    const socket = new SimulatedWebSocket(network, clock, url, [])
    this.#socket = socket
    socket.addEventListener('open', () => {
      if (this.#socket !== socket) return
      this.#isOpen = true
      this.#heardAt = clock.monotonic()
      opened()
    })
    socket.addEventListener('message', ({ data }: { readonly data: unknown }) => {
      if (this.#socket !== socket) return
      this.#heardAt = clock.monotonic()
      received(new Uint8Array(data as ArrayBuffer))
    })
    socket.addEventListener('close', ({ code }: { readonly code: number }) => {
      if (this.#socket === socket) this.#lost(code, 'closed')
    })
  }

  #lost(code: number, why: 'silent' | 'closed'): void {
    const { time, clock, lost } = this.#options
    const wasOpen = this.#isOpen
    this.#socket = null
    this.#isOpen = false
    lost(wasOpen, why)
    if (code >= 4400 && code <= 4499) {
      time.fail(new Error(`G5: ${clock.name} was refused for good with ${code}`))
      return
    }
    const delayMs = Math.min(BACKOFF_MS_MAX, 100 * 2 ** this.#attempts)
    this.#attempts += 1
    this.after(delayMs, () => this.#connect())
  }

  #check(): void {
    const { clock } = this.#options
    const timer = clock.after(CHECK_MS, () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
      const socket = this.#socket
      if (socket !== null && this.#isOpen && clock.monotonic() - this.#heardAt > SILENCE_MS) {
        this.#lost(1006, 'silent')
        socket.close()
      }
      this.#check()
    })
    this.#timers.push(timer)
  }
}
