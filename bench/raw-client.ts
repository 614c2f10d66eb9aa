// A client that speaks the y-websocket dialect byte by byte and keeps no document, so that one process can play hundreds of users.
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import WebSocket from 'ws'

const emptyStateVector = new Uint8Array([0])
const MESSAGE_SYNC = 0
const MESSAGE_AWARENESS = 1
const SYNC_STEP_1 = 0
const SYNC_STEP_2 = 1

export interface RawClientEvents {
  /** A step 2 or an update. */
  update?(update: Uint8Array, isStep2: boolean): void
  /** A step 2, whatever is in it: cheaper than `update`, since a large one is not put together. */
  synced?(): void
  awareness?(update: Uint8Array, frame: Uint8Array): void
}

export class RawClient {
  readonly #socket: WebSocket
  bytesReceived = 0
  framesReceived = 0

  private constructor(socket: WebSocket, events: RawClientEvents) {
    this.#socket = socket
    socket.binaryType = 'fragments'
    socket.on('message', (data) => {
      // With this binary type `ws` hands out what it received, piece by piece.
      const fragments = data as unknown as Buffer[]
      const [head = Buffer.alloc(0)] = fragments
      for (const fragment of fragments) this.bytesReceived += fragment.length
      this.framesReceived++
      const isStep2 = head[0] === MESSAGE_SYNC && head[1] === SYNC_STEP_2
      if (isStep2) events.synced?.()
      if (head[0] === MESSAGE_SYNC && events.update !== undefined && head[1] !== SYNC_STEP_1) {
        const whole = fragments.length === 1 ? head : Buffer.concat(fragments)
        events.update(decoding.readVarUint8Array(decoding.createDecoder(whole.subarray(2))), isStep2)
      } else if (head[0] === MESSAGE_AWARENESS && events.awareness !== undefined) {
        const whole = fragments.length === 1 ? head : Buffer.concat(fragments)
        events.awareness(whole.subarray(1), whole)
      }
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
