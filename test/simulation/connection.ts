// One connection of the simulated network: two pipes, each of which delivers frames in order, in chunks, after seeded delays, and holds a bounded number
// of bytes: what a reader does not take stays in the sender's buffer, as with TCP. It can be cut, or go silent without either end being told.
import type { Random } from '../../core/random.js'
import type { Socket, SocketEvents } from '../../server/transport/socket.js'
import type { HostClock, SimulatedTime } from './time.js'

/** Abnormal closure: the connection went away without a close frame. */
export const LOST = 1006

type Frame =
  | { readonly kind: 'message'; readonly bytes: Uint8Array }
  | { readonly kind: 'ping'; readonly mark: number }
  | { readonly kind: 'pong'; readonly mark: number }
  | { readonly kind: 'close'; readonly code: number; readonly reason: string }

interface Outgoing {
  readonly frame: Frame
  readonly onSent: () => void
  remaining: number
}

interface Arrived {
  readonly bytes: number
  /** Null for all but the last chunk of a frame. */
  readonly frame: Frame | null
}

export interface Quality {
  readonly delayMsMin: number
  readonly delayMsMax: number
  readonly chunkBytes: number
  /** What the network holds between the two ends. */
  readonly windowBytes: number
}

export interface EndEvents extends Omit<SocketEvents, 'closed' | 'text'> {
  closed(code: number, reason: string): void
}

const FRAME_HEADER_BYTES = 6

/** One direction: from the buffer of `sender` to the events of `receiver`. */
class Pipe {
  readonly #connection: SimulatedConnection
  #outgoing: Outgoing[] = []
  #arrived: Arrived[] = []
  #bufferedBytes = 0
  #heldBytes = 0
  #lastArrivalMs = 0
  readonly #sender: HostClock
  #receiver: End | null = null

  constructor(connection: SimulatedConnection, sender: HostClock) {
    this.#connection = connection
    this.#sender = sender
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  leadTo(receiver: End): void {
    this.#receiver = receiver
  }

  put(frame: Frame, onSent: () => void): void {
    const bytes = FRAME_HEADER_BYTES + (frame.kind === 'message' ? frame.bytes.length : 0)
    this.#outgoing.push({ frame, onSent, remaining: bytes })
    this.#bufferedBytes += bytes
    this.pump()
  }

  /** Nothing leaves any more; those who wait for their messages to be sent are told. */
  discard(): void {
    const outgoing = this.#outgoing
    this.#outgoing = []
    this.#arrived = []
    this.#bufferedBytes = 0
    for (const { onSent } of outgoing) this.#sender.soon(onSent)
  }

  /** Hands over what has arrived, while the receiver reads, and lets more in. */
  pump(): void {
    const { quality, time, random } = this.#connection
    for (;;) {
      const next = this.#outgoing[0]
      const room = quality.windowBytes - this.#heldBytes
      // As TCP does it, nothing leaves in crumbs as small as what the receiver has just taken.
      if (next === undefined || room < Math.min(next.remaining, quality.chunkBytes, Math.ceil(quality.windowBytes / 2))) return
      const bytes = Math.min(next.remaining, quality.chunkBytes, room)
      next.remaining -= bytes
      this.#heldBytes += bytes
      this.#bufferedBytes -= bytes
      const last = next.remaining === 0
      if (last) {
        this.#outgoing.shift()
        this.#sender.soon(next.onSent)
      }
      const delayMs = quality.delayMsMin + random.fraction() * (quality.delayMsMax - quality.delayMsMin)
      this.#lastArrivalMs = Math.max(this.#lastArrivalMs, time.nowMs + delayMs)
      time.after(this.#lastArrivalMs - time.nowMs, () => {
        // On a silent connection bytes vanish, and nobody says so.
        if (this.#connection.state !== 'working') return
        this.#arrived.push({ bytes, frame: last ? next.frame : null })
        this.deliver()
      })
    }
  }

  deliver(): void {
    const receiver = this.#receiver
    while (receiver?.reads === true) {
      const next = this.#arrived.shift()
      if (next === undefined) break
      this.#heldBytes -= next.bytes
      receiver.received(next.bytes)
      if (next.frame !== null) receiver.take(next.frame)
    }
    this.pump()
  }
}

type EndState = 'open' | 'closing' | 'closed'

/** One end of a connection: the gateway's `Socket`, and what a client's WebSocket is made of. */
export class End implements Socket {
  readonly host: HostClock
  readonly #connection: SimulatedConnection
  readonly #out: Pipe
  readonly #in: Pipe
  #events: EndEvents | null = null
  #state: EndState = 'open'
  #reading = true

  constructor(connection: SimulatedConnection, host: HostClock, incoming: Pipe, outgoing: Pipe) {
    this.#connection = connection
    this.host = host
    this.#in = incoming
    this.#out = outgoing
    incoming.leadTo(this)
  }

  listen(events: EndEvents): void {
    this.#events = events
  }

  get reads(): boolean {
    return this.#reading && !this.host.stopped && this.#state !== 'closed'
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  get bufferedBytes(): number {
    return this.#out.bufferedBytes
  }

  send(parts: readonly Uint8Array[], onSent: () => void): void {
    if (this.#state !== 'open') {
      this.host.soon(onSent)
      return
    }
    this.#out.put({ kind: 'message', bytes: concatenated(parts) }, onSent)
  }

  ping(mark = 0): void {
    if (this.#state === 'open') this.#out.put({ kind: 'ping', mark }, ignore)
  }

  pause(): void {
    this.#reading = false
  }

  resume(): void {
    this.#reading = true
    this.goOn()
  }

  /** Its process reads again, after it was stopped. */
  goOn(): void {
    this.#connection.time.soon(() => this.#in.deliver())
  }

  close(code: number, reason: string): void {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.resume()
    this.#out.put({ kind: 'close', code, reason }, ignore)
  }

  terminate(): void {
    if (this.#state === 'closed') return
    this.ended(LOST, '')
    this.#connection.cut()
  }

  /** This end learns that the connection is over. */
  ended(code: number, reason: string): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#in.discard()
    if (code === LOST) this.#out.discard()
    // Never from within a call of the one who is told.
    this.host.soon(() => this.#events?.closed(code, reason))
  }

  received(bytes: number): void {
    if (this.host.alive) this.#events?.received(bytes)
  }

  take(frame: Frame): void {
    if (!this.host.alive) return
    switch (frame.kind) {
      case 'message':
        this.#events?.message(frame.bytes)
        return
      case 'ping':
        if (this.#state === 'open') this.#out.put({ kind: 'pong', mark: frame.mark }, ignore)
        return
      case 'pong':
        this.#events?.pong(frame.mark)
        return
      case 'close':
        if (this.#state === 'open') this.#out.put(frame, ignore)
        this.ended(frame.code, frame.reason)
    }
  }
}

type ConnectionState = 'working' | 'silent' | 'cut'

export class SimulatedConnection {
  readonly time: SimulatedTime
  readonly random: Random
  readonly quality: Quality
  readonly client: End
  readonly server: End
  state: ConnectionState = 'working'

  constructor(time: SimulatedTime, random: Random, quality: Quality, client: HostClock, server: HostClock) {
    this.time = time
    this.random = random
    this.quality = quality
    const up = new Pipe(this, client)
    const down = new Pipe(this, server)
    this.client = new End(this, client, down, up)
    this.server = new End(this, server, up, down)
  }

  /** Bytes go nowhere from here on, and neither end is told. */
  silence(): void {
    if (this.state === 'working') this.state = 'silent'
  }

  /** Both ends hear of it, each after a delay of its own. On a silent connection the news gets lost as well. */
  cut(): void {
    if (this.state !== 'working') return
    this.state = 'cut'
    for (const end of [this.client, this.server])
      this.time.after(this.random.fraction() * this.quality.delayMsMax, () => end.ended(LOST, ''))
  }
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}

function ignore(): void {}
