// Carries awareness between nodes: one channel per document that has sessions here. Losing messages is allowed, order is not required.

export interface AwarenessChannel {
  /** Sends an encoded awareness update to all other subscribers of the document. Never throws: awareness is the first thing dropped. */
  publish(update: Uint8Array): void
  /** Idempotent. */
  unsubscribe(): void
}

export interface AwarenessBus {
  /** `receive` gets what other subscribers publish, never what is published on the returned channel. */
  subscribe(documentId: string, receive: (update: Uint8Array) => void): AwarenessChannel
}

/** A bus within one process: for a server that runs alone, and for tests that run several hubs. */
export class MemoryAwarenessBus implements AwarenessBus {
  readonly #subscribers = new Map<string, Set<(update: Uint8Array) => void>>()

  subscribe(documentId: string, receive: (update: Uint8Array) => void): AwarenessChannel {
    const subscribers = this.#subscribers.get(documentId) ?? new Set()
    this.#subscribers.set(documentId, subscribers)
    // A function of its own, so that one `receive` may subscribe twice.
    const own = (update: Uint8Array): void => receive(update)
    subscribers.add(own)
    return {
      publish(update) {
        for (const subscriber of subscribers) if (subscriber !== own) subscriber(update)
      },
      unsubscribe: () => {
        subscribers.delete(own)
        if (subscribers.size === 0 && this.#subscribers.get(documentId) === subscribers) this.#subscribers.delete(documentId)
      },
    }
  }
}
