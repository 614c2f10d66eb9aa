// The gateway's Socket over the `ws` library.
import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import type { Socket, SocketEvents } from './socket.js'

/**
 * A larger message leaves as WebSocket fragments of at most this many bytes, a few at a time: nothing is copied, pings pass between them,
 * and how far a slow reader has come stays visible.
 */
const FRAGMENT_BYTES = 256 * 1024
const IN_FLIGHT_BYTES = 2 * FRAGMENT_BYTES
/** Up to here a message is copied behind its frame header, so that it leaves as one buffer. */
const COPIED_BYTES_MAX = 16 * 1024
const CLOSE_REASON_BYTES_MAX = 123
/** Read and dropped of a message that is too large, and behind what is no frame. */
const DRAINED_TOO_LARGE_BYTES_MAX = 32 * 1024 * 1024
const DRAINED_NO_FRAME_BYTES_MAX = 1024 * 1024
const MARK_BYTES = 4
const MARK_END = 2 ** 32
/** Why `ws` closes a socket by itself, by close code (RFC 6455, 7.4.1). */
const explanations: ReadonlyMap<number, string> = new Map([
  [1002, 'What arrived is not a valid WebSocket frame.'],
  [1007, 'A text that arrived is not valid UTF-8.'],
  [1008, 'The message arrived in too many fragments.'],
])

interface TurnFrame {
  readonly bytes: Buffer
  readonly onSent: () => void
}

interface QueuedMessage {
  readonly parts: readonly Uint8Array[]
  readonly onSent: () => void
  partIndex: number
  partOffset: number
}

/** With what `ws` closes a socket by itself on which a message is too large. */
const TOO_LARGE = 1009

/** A server-side WebSocket that gives a reason when `ws` closes it by itself. */
export class ExplainingWebSocket extends WebSocket {
  override close(code?: number, data?: string | Buffer): void {
    // Its `error` follows, at which the connection closes with a code that clients do not come back after.
    if (code === TOO_LARGE && data === undefined) return
    super.close(code, data ?? explanations.get(code ?? 0))
  }
}

export class WsSocket implements Socket {
  readonly #ws: WebSocket
  readonly #stream: Duplex
  readonly #side: 'server' | 'client'
  #queue: QueuedMessage[] = []
  #queuedBytes = 0
  #inFlightBytes = 0
  /** Whole frames of this turn of the event loop, which leave in one write at its end. */
  #frames: TurnFrame[] = []
  #framesBytes = 0

  /** `stream` is the TCP or TLS stream under `ws`: writes of one turn are collected on it. */
  constructor(ws: WebSocket, stream: Duplex, side: 'server' | 'client' = 'server') {
    this.#ws = ws
    this.#stream = stream
    this.#side = side
  }

  listen(events: SocketEvents): void {
    const ws = this.#ws
    ws.on('message', (data, isBinary) => {
      if (!isBinary) events.text()
      else events.message(ownBytes(data as Buffer))
    })
    ws.on('pong', (payload: Buffer) => events.pong(payload.length === MARK_BYTES ? payload.readUInt32BE() : 0))
    // A message that takes minutes to arrive is heard from its first byte on.
    this.#stream.on('data', (chunk: Buffer) => events.received(chunk.length))
    ws.on('close', (code) => events.closed(code))
    // Every error is followed by `close`, which is what the connection acts on.
    ws.on('error', (error) => {
      const isLarge = isTooLarge(error)
      if (isLarge) events.tooLarge?.()
      this.#drain(isLarge ? DRAINED_TOO_LARGE_BYTES_MAX : DRAINED_NO_FRAME_BYTES_MAX)
    })
  }

  get bufferedBytes(): number {
    return this.#ws.bufferedAmount + this.#queuedBytes + this.#framesBytes
  }

  send(parts: readonly Uint8Array[], onSent: () => void): void {
    let length = 0
    for (const part of parts) length += part.length
    const only = parts[0]
    if (this.#queue.length === 0 && length <= FRAGMENT_BYTES && parts.length === 1 && only !== undefined) {
      // Whole frames may pass by `ws`, which has nothing half sent: it does not compress here, and writes each of its own frames in one
      // piece. A client's frames are masked, each in its own way.
      if (this.#side === 'server' && length <= COPIED_BYTES_MAX && this.#ws.readyState === WebSocket.OPEN) this.#collect(only, onSent)
      else this.#write(only, true, onSent)
      return
    }
    this.#queue.push({ parts, onSent, partIndex: 0, partOffset: 0 })
    this.#queuedBytes += length
    this.#pump()
  }

  #collect(content: Uint8Array, onSent: () => void): void {
    const bytes = frameOf(content)
    this.#frames.push({ bytes, onSent })
    this.#framesBytes += bytes.length
    if (this.#frames.length === 1) turn.writeAtEnd(this)
  }

  /** Writes the frames of this turn. */
  flush(): void {
    const frames = this.#frames
    const [first] = frames
    if (first === undefined) return
    this.#frames = []
    this.#framesBytes = 0
    if (frames.length === 1) {
      this.#stream.write(first.bytes, unlessGone(first.onSent))
      return
    }
    this.#stream.cork()
    for (const { bytes, onSent } of frames) this.#stream.write(bytes, unlessGone(onSent))
    this.#stream.uncork()
  }

  ping(mark = 0): void {
    if (mark === 0) {
      this.#ws.ping()
      return
    }
    const payload = Buffer.alloc(MARK_BYTES)
    payload.writeUInt32BE(mark % MARK_END)
    this.#ws.ping(payload)
  }

  pause(): void {
    this.#ws.pause()
  }

  resume(): void {
    this.#ws.resume()
  }

  close(code: number, reason: string): void {
    // Nothing may follow the close frame.
    this.flush()
    // A paused socket would never read the other side's half of the handshake.
    this.#ws.resume()
    this.#ws.close(code, cutUtf8(reason, CLOSE_REASON_BYTES_MAX))
  }

  terminate(): void {
    this.#ws.terminate()
  }

  /**
   * Reads and drops some of what still comes, so that our close frame is read before the connection is reset; what comes after that stays
   * in the network.
   */
  #drain(bytesMax: number): void {
    let bytes = 0
    this.#stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > bytesMax) this.#stream.pause()
    })
  }

  #pump(): void {
    for (;;) {
      const message = this.#queue[0]
      if (message === undefined || this.#inFlightBytes >= IN_FLIGHT_BYTES) return
      const part = message.parts[message.partIndex] ?? new Uint8Array(0)
      const fragment = part.subarray(message.partOffset, message.partOffset + FRAGMENT_BYTES)
      message.partOffset += fragment.length
      if (message.partOffset >= part.length) {
        message.partIndex++
        message.partOffset = 0
      }
      const last = message.partIndex >= message.parts.length
      if (last) this.#queue.shift()
      this.#queuedBytes -= fragment.length
      this.#inFlightBytes += fragment.length
      this.#write(fragment, last, () => {
        this.#inFlightBytes -= fragment.length
        if (last) message.onSent()
        this.#pump()
      })
    }
  }

  #write(bytes: Uint8Array, last: boolean, onWritten: () => void): void {
    // In the order in which they were sent.
    this.flush()
    turn.uncorkAtEnd(this.#stream)
    this.#ws.send(bytes, { binary: true, compress: false, fin: last }, unlessGone(onWritten))
  }
}

/** Holds back what is written in one turn of the event loop, so that each stream is written to once, however many messages it gets. */
class Turn {
  #sockets: WsSocket[] = []
  #streams: Duplex[] = []
  readonly #end = (): void => {
    const [sockets, streams] = [this.#sockets, this.#streams]
    this.#sockets = []
    this.#streams = []
    for (const socket of sockets) socket.flush()
    for (const stream of streams) stream.uncork()
  }

  writeAtEnd(socket: WsSocket): void {
    this.#schedule()
    this.#sockets.push(socket)
  }

  uncorkAtEnd(stream: Duplex): void {
    if (stream.writableCorked > 0) return
    this.#schedule()
    stream.cork()
    this.#streams.push(stream)
  }

  #schedule(): void {
    if (this.#sockets.length + this.#streams.length === 0) process.nextTick(this.#end)
  }
}

const turn = new Turn()

/** Called back by a stream: with an error once for each write that was waiting when it broke, of which nobody needs to hear. */
function unlessGone(run: () => void): (error?: Error | null) => void {
  return (error) => {
    if (error === undefined || error === null) run()
  }
}

let framedContent: Uint8Array | null = null
let lastFrame = Buffer.alloc(0)

/**
 * One whole binary message as a server sends it (RFC 6455, 5.2): 0x82, the length in one byte or in three (below 64 KiB), the content
 * unmasked. A broadcast hands the same content to one socket after the other, so the last frame is kept.
 */
function frameOf(content: Uint8Array): Buffer {
  if (content === framedContent) return lastFrame
  const { length } = content
  const headerBytes = length < 126 ? 2 : 4
  const frame = Buffer.allocUnsafeSlow(headerBytes + length)
  frame[0] = 0x82
  frame[1] = Math.min(length, 126)
  if (headerBytes === 4) frame.writeUInt16BE(length, 2)
  frame.set(content, headerBytes)
  framedContent = content
  lastFrame = frame
  return frame
}

function isTooLarge(error: Error): boolean {
  return 'code' in error && (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' || error.code === 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH')
}

/**
 * The message as bytes that may be kept. `ws` hands out views into the buffers of whole reads: a keystroke kept as such a view
 * would keep 64 KiB alive, so anything that fills less than half of its buffer is copied.
 */
function ownBytes(data: Buffer): Uint8Array {
  if (data.byteLength * 2 < data.buffer.byteLength) return new Uint8Array(data)
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

/** The longest prefix of `text` that has at most `bytesMax` bytes of UTF-8 and splits no character. */
export function cutUtf8(text: string, bytesMax: number): string {
  let bytes = 0
  let end = 0
  for (const character of text) {
    bytes += Buffer.byteLength(character)
    if (bytes > bytesMax) return text.slice(0, end)
    end += character.length
  }
  return text
}
