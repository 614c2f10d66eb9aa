// A transport whose frames carry the cluster's proof: what somebody else says on it is dropped and counted.
import type { Counters } from '../../../core/counters.js'
import type { Logger } from '../../../core/log.js'
import type { ClusterSeal } from '../../redis/cluster-seal.js'
import type { FrameTransport, TransportListener } from './transport.js'

export interface SealedTransportOptions {
  /** Closed with this one. */
  readonly inner: FrameTransport
  readonly seal: ClusterSeal
  readonly counters: Counters
  readonly logger: Logger
}

export class SealedTransport implements FrameTransport {
  readonly #options: SealedTransportOptions
  #told = false

  constructor(options: SealedTransportOptions) {
    this.#options = options
  }

  listen(listener: TransportListener): void {
    this.#options.inner.listen({
      subscribed: (documentId) => listener.subscribed(documentId),
      received: (documentId, sealed) => {
        const frame = this.#options.seal.open(documentId, sealed)
        if (frame === null) this.#refuse(documentId)
        else listener.received(documentId, frame)
      },
      lost: (documentId) => listener.lost(documentId),
      writable: () => listener.writable(),
    })
  }

  subscribe(documentId: string): void {
    this.#options.inner.subscribe(documentId)
  }

  unsubscribe(documentId: string): void {
    this.#options.inner.unsubscribe(documentId)
  }

  publish(documentId: string, frame: Uint8Array): boolean {
    return this.#options.inner.publish(documentId, this.#options.seal.seal(documentId, frame))
  }

  close(): Promise<void> {
    return this.#options.inner.close()
  }

  #refuse(documentId: string): void {
    const { counters, logger } = this.#options
    counters.add('awareness_bus_frames_forged')
    // There may be many such frames, and one line of the log says it all.
    if (!this.#told)
      logger.warn({ documentId }, 'Somebody without the cluster secret publishes on the Redis channels of this cluster; it is ignored.')
    this.#told = true
  }
}
