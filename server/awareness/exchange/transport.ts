// Carries frames between nodes, one channel per document, without knowing what is in them. Redis is one; the other one here lies in memory,
// for simulations and tests: its messages can be delayed and lost, and its nodes cut off.
import type { Clock } from '../../../core/clock.js'

export interface TransportListener {
  /** The subscription holds from now on; what was published before may be missing. Called again after every interruption. */
  subscribed(documentId: string): void
  received(documentId: string, frame: Uint8Array): void
  /** A frame that `publish` took did not arrive at the bus. */
  lost(documentId: string): void
  /** `publish` takes frames again. */
  writable(): void
}

export interface FrameTransport {
  /** To be called once, before anything else. */
  listen(listener: TransportListener): void
  subscribe(documentId: string): void
  unsubscribe(documentId: string): void
  /**
   * Sends a frame to all subscribers of the document, or answers false when it cannot do so now. Never throws, and keeps nothing for later.
   */
  publish(documentId: string, frame: Uint8Array): boolean
  /** Idempotent. */
  close(): Promise<void>
}

/** How long a frame takes from one node to another, in milliseconds; null if it is lost. */
export type FrameFate = (from: string, to: string) => number | null

/** Nodes of one process, joined in memory. Frames arrive at once, in order, unless `fate` says otherwise. */
export class MemoryNetwork {
  readonly #clock: Clock
  readonly #fate: FrameFate
  readonly #transports = new Set<MemoryTransport>()

  constructor(clock: Clock, fate: FrameFate = () => 0) {
    this.#clock = clock
    this.#fate = fate
  }

  /** A node's place in the network. */
  transport(nodeId: string): MemoryTransport {
    const transport = new MemoryTransport(nodeId, {
      send: (documentId, frame) => this.#send(transport, documentId, frame),
      leave: () => void this.#transports.delete(transport),
      soon: (run) => this.#clock.soon(run),
    })
    this.#transports.add(transport)
    return transport
  }

  #send(from: MemoryTransport, documentId: string, frame: Uint8Array): void {
    for (const to of this.#transports) {
      // As with Redis, the publisher hears its own frames too.
      const delayMs = to === from ? 0 : this.#fate(from.nodeId, to.nodeId)
      if (delayMs === null) continue
      if (delayMs === 0) this.#clock.soon(() => to.deliver(documentId, frame))
      else this.#clock.after(delayMs, () => to.deliver(documentId, frame))
    }
  }
}

interface Wiring {
  send(documentId: string, frame: Uint8Array): void
  leave(): void
  soon(run: () => void): void
}

export class MemoryTransport implements FrameTransport {
  readonly nodeId: string
  readonly #wiring: Wiring
  readonly #subscriptions = new Set<string>()
  #listener: TransportListener | null = null
  #connected = true

  constructor(nodeId: string, wiring: Wiring) {
    this.nodeId = nodeId
    this.#wiring = wiring
  }

  listen(listener: TransportListener): void {
    this.#listener = listener
  }

  subscribe(documentId: string): void {
    this.#subscriptions.add(documentId)
    this.#wiring.soon(() => {
      if (this.#connected && this.#subscriptions.has(documentId)) this.#listener?.subscribed(documentId)
    })
  }

  unsubscribe(documentId: string): void {
    this.#subscriptions.delete(documentId)
  }

  publish(documentId: string, frame: Uint8Array): boolean {
    if (this.#connected) this.#wiring.send(documentId, frame)
    return this.#connected
  }

  deliver(documentId: string, frame: Uint8Array): void {
    if (this.#connected && this.#subscriptions.has(documentId)) this.#listener?.received(documentId, frame)
  }

  /** Cuts this node off from the bus, or joins it again. */
  setConnected(connected: boolean): void {
    if (this.#connected === connected) return
    this.#connected = connected
    if (!connected) return
    this.#listener?.writable()
    for (const documentId of [...this.#subscriptions]) this.#listener?.subscribed(documentId)
  }

  close(): Promise<void> {
    this.#wiring.leave()
    this.#subscriptions.clear()
    return Promise.resolve()
  }
}
