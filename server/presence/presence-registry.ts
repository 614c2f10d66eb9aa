// Who is on a document, on all nodes, and where a user is connected. On one machine the awareness hub knows; across nodes each writes down
// its own part.
import type { DocumentAwarenesses, PresentClient } from '../awareness/hub.js'

/** A client on a document. */
export interface ClientPresence {
  readonly clientId: number
  /** The id of the node that its session is on. */
  readonly node: string
  /** Who it is, as authorization said; null when unknown. */
  readonly user: string | null
  /**
   * Its awareness state, parsed; null when it was too large to be passed on. On a document without sessions on the asked node up to 5 s
   * old.
   */
  readonly state: unknown
}

export interface DocumentPresence {
  readonly documentId: string
  /** At most 1,000. Only clients that announced an awareness state. */
  readonly clients: readonly ClientPresence[]
  /** How many such clients there are. */
  readonly clientCount: number
  /** Sessions, with and without a state. */
  readonly sessionCount: number
  /** Whether all nodes are in it; false while they cannot be asked. */
  readonly complete: boolean
}

/** The sessions of a user on one document through one node. */
export interface UserConnection {
  readonly documentId: string
  readonly node: string
  readonly sessionCount: number
}

export interface PresenceRegistry {
  /** Never rejects: what cannot be asked is missing, and `complete` says so. */
  documentPresence(documentId: string): Promise<DocumentPresence>
  /** Where a user is connected, by the name that authorization gave it; at most 1,000 documents per node. Never rejects. */
  connectionsOf(user: string): Promise<readonly UserConnection[]>
  /** Idempotent. */
  close(): Promise<void>
}

export const CLIENTS_MAX = 1_000

/** The presence of one machine: nothing is written down. `isAlone` is false for a node of a cluster that has no way to ask the others. */
export class LocalPresenceRegistry implements PresenceRegistry {
  readonly #hub: DocumentAwarenesses
  readonly #nodeId: string
  readonly #isAlone: boolean

  constructor(hub: DocumentAwarenesses, nodeId: string, isAlone: boolean) {
    this.#hub = hub
    this.#nodeId = nodeId
    this.#isAlone = isAlone
  }

  documentPresence(documentId: string): Promise<DocumentPresence> {
    const clients = this.#hub.presence(documentId)
    return Promise.resolve({
      documentId,
      clients: clients.slice(0, CLIENTS_MAX).map((client) => clientPresence(client, this.#nodeId)),
      clientCount: clients.length,
      sessionCount: this.#hub.documents().get(documentId)?.sessionCount ?? 0,
      complete: this.#isAlone,
    })
  }

  connectionsOf(user: string): Promise<readonly UserConnection[]> {
    const counts = userDocuments(this.#hub).get(user) ?? new Map<string, number>()
    return Promise.resolve(Array.from(counts, ([documentId, sessionCount]) => ({ documentId, node: this.#nodeId, sessionCount })))
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

export function clientPresence({ clientId, node, user, state }: PresentClient, nodeId: string): ClientPresence {
  return { clientId, node: node ?? nodeId, user, state }
}

/** The documents of each user with sessions on this node, with the number of those sessions. */
export function userDocuments(hub: DocumentAwarenesses): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const users = new Map<string, Map<string, number>>()
  for (const [documentId, document] of hub.documents()) {
    for (const user of document.users()) {
      const counts = users.get(user) ?? new Map<string, number>()
      users.set(user, counts)
      counts.set(documentId, (counts.get(documentId) ?? 0) + 1)
    }
  }
  return users
}
