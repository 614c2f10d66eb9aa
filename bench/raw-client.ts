// A client that speaks the y-websocket dialect byte by byte and keeps no document, so that one process can play hundreds of users.
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import WebSocket from 'ws'

const emptyStateVector = new Uint8Array([0])

export interface RawClientEvents {
  /** A step 2 or an update. */
  update?(update: Uint8Array, isStep2: boolean): void
  awareness?(update: Uint8Array, frame: Uint8Array): void
}

export class RawClient {
  readonly #socket: WebSocket
  bytesReceived = 0
  framesReceived = 0

  private constructor(socket: WebSocket, events: RawClientEvents) {
    this.#socket = socket
    socket.on('message', (data: Buffer) => {
      this.bytesReceived += data.length
      this.framesReceived++
      if (data[0] === 0 && events.update !== undefined && data[1] !== 0) {
        const decoder = decoding.createDecoder(data.subarray(2))
        events.update(decoding.readVarUint8Array(decoder), data[1] === 1)
      } else if (data[0] === 1) events.awareness?.(data.subarray(1), data)
    })
  }

  /** Connects to a document. Resolves when the socket is open; nothing has been asked yet. */
  static connect(url: string, documentId: string, events: RawClientEvents = {}): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`${url}/${documentId}`, { perMessageDeflate: false })
      const client = new RawClient(socket, events)
      socket.once('open', () => resolve(client))
      socket.once('error', reject)
    })
  }

  /** Asks for what is missing behind a state vector (default: everything). */
  sync(stateVector: Uint8Array = emptyStateVector): void {
    this.#sendSync(0, stateVector)
  }

  submit(update: Uint8Array): void {
    this.#sendSync(2, update)
  }

  awareness(update: Uint8Array): void {
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, 1)
    encoding.writeVarUint8Array(encoder, update)
    this.#socket.send(encoding.toUint8Array(encoder))
  }

  sendFrame(frame: Uint8Array): void {
    this.#socket.send(frame)
  }

  close(): void {
    this.#socket.terminate()
  }

  #sendSync(type: number, payload: Uint8Array): void {
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, 0)
    encoding.writeVarUint(encoder, type)
    encoding.writeVarUint8Array(encoder, payload)
    this.#socket.send(encoding.toUint8Array(encoder))
  }
}

/** Connects `count` clients, a few at a time. */
export async function connectMany(count: number, connect: (index: number) => Promise<RawClient>): Promise<RawClient[]> {
  const clients: RawClient[] = []
  for (let start = 0; start < count; start += 50) {
    const group = Array.from({ length: Math.min(50, count - start) }, (_, offset) => connect(start + offset))
    clients.push(...(await Promise.all(group)))
  }
  return clients
}
