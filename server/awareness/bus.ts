// What a document's awareness asks of the bus that joins it to the same document on other nodes, and the other way round.
// Messages may be lost, repeated or reordered: clocks decide what is newest, and full states mend what was missed.

/** A start of a node: who says something on the bus. */
export interface Origin {
  readonly nodeId: string
  /** A random id of this start of its process. */
  readonly boot: string
}

/** A document's awareness, as the bus sees it. The updates are encoded awareness updates; the first two throw `malformed`. */
export interface AwarenessSubscriber {
  /** What changed for the sessions of another node. */
  states(origin: Origin, update: Uint8Array): void
  /** The states of all sessions of another node: whatever it said before and does not repeat here is gone. */
  fullStates(origin: Origin, update: Uint8Array): void
  /** Another node has no sessions on the document any more. */
  gone(origin: Origin): void
  /** The states of the sessions of this node. */
  localStates(): Uint8Array
}

export interface AwarenessChannel {
  /** Sends what changed for the sessions of this node. Never throws or waits: awareness is the first thing dropped (A3). */
  publish(update: Uint8Array): void
  /** Idempotent. */
  unsubscribe(): void
}

/** Carries what applications say between nodes: at most once, and not at all while the bus is away. */
export interface MessageBus {
  /** To the nodes with sessions on the document; null: to all nodes. Never throws or waits. */
  send(documentId: string | null, message: Uint8Array): void
  /** To be called once: `receive` is told what other nodes send. It must not throw. */
  listen(receive: (message: Uint8Array) => void): void
}

export interface AwarenessBus {
  /** One subscription per document and node at a time. */
  subscribe(documentId: string, subscriber: AwarenessSubscriber): AwarenessChannel
  /** A node is gone for good, in all its boots or one: its states are removed from every document (A4). */
  removeNode(nodeId: string, boot?: string): void
  readonly messages: MessageBus
}

/** The bus of a node that runs alone. */
export const soloAwarenessBus: AwarenessBus = {
  subscribe: () => ({ publish: () => {}, unsubscribe: () => {} }),
  removeNode: () => {},
  messages: { send: () => {}, listen: () => {} },
}

export function isSameOrigin(a: Origin, b: Origin): boolean {
  return a.nodeId === b.nodeId && a.boot === b.boot
}
