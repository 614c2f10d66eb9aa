// A client that speaks the y-websocket dialect byte by byte and keeps no document, so that one process can play hundreds of users.
// Against Hocuspocus, and where it is asked to, it speaks that provider's: the same messages behind the document's name, after a token.
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import WebSocket from 'ws'
import { peer } from './harness.js'

const emptyStateVector = new Uint8Array([0])
const MESSAGE_SYNC = 0
const MESSAGE_AWARENESS = 1
const SYNC_STEP_1 = 0
const SYNC_STEP_2 = 1
const HOCUSPOCUS_AUTHENTICATION = 2

export type RawDialect = 'y-websocket' | 'hocuspocus'

const dialectOfPeer: RawDialect = peer === 'hocuspocus' ? 'hocuspocus' : 'y-websocket'

export interface RawClientEvents {
  /** A step 2 or an update. */
  update?(update: Uint8Array, isStep2: boolean): void
  /** A step 2, whatever is in it: cheaper than `update`, since a large one is not put together. */
  synced?(): void
  awareness?(update: Uint8Array, frame: Uint8Array): void
}

export class RawClient {
  readonly #socket: WebSocket
  /** What each message begins with. */
  readonly #prefix: Uint8Array
  bytesReceived = 0
  framesReceived = 0

  private constructor(socket: WebSocket, prefix: Uint8Array, events: RawClientEvents) {
    this.#socket = socket
    this.#prefix = prefix
    socket.binaryType = 'fragments'
    socket.on('message', (data) => {
      // With this binary type `ws` hands out what it received, piece by piece.
      const fragments = data as unknown as Buffer[]
      if (fragments[0] !== undefined) fragments[0] = fragments[0].subarray(prefix.length)
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
  static connect(url: string, documentId: string, events: RawClientEvents = {}, dialect: RawDialect = dialectOfPeer): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const prefixed = dialect === 'hocuspocus'
      const socket = new WebSocket(prefixed ? url : `${url}/${documentId}`, { perMessageDeflate: false })
      const client = new RawClient(socket, prefixed ? nameOf(documentId) : new Uint8Array(), events)
      socket.once('open', () => {
        if (prefixed) client.#authenticate()
        resolve(client)
      })
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
    const encoder = this.#message()
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

  #message(): encoding.Encoder {
    const encoder = encoding.createEncoder()
    encoding.writeUint8Array(encoder, this.#prefix)
    return encoder
  }

  #authenticate(): void {
    const encoder = this.#message()
    encoding.writeVarUint(encoder, HOCUSPOCUS_AUTHENTICATION)
    encoding.writeVarUint(encoder, 0)
    encoding.writeVarString(encoder, 'bench')
    this.#socket.send(encoding.toUint8Array(encoder))
  }

  #sendSync(type: number, payload: Uint8Array): void {
    const encoder = this.#message()
    encoding.writeVarUint(encoder, 0)
    encoding.writeVarUint(encoder, type)
    encoding.writeVarUint8Array(encoder, payload)
    this.#socket.send(encoding.toUint8Array(encoder))
  }
}

/** A document's name as each message of Hocuspocus begins with it: its length, then UTF-8. */
function nameOf(documentId: string): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarString(encoder, documentId)
  return encoding.toUint8Array(encoder)
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
