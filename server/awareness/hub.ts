// The awareness of all documents with sessions on this node.
import type { Timer } from '../../core/clock.js'
import { parseState } from '../../protocol/awareness.js'
import type { AwarenessSessionPort, AwarenessSink } from './contract.js'
import { type AwarenessEnvironment, DocumentAwareness } from './document-awareness.js'
import type { Speaker } from './record.js'
import type { SpeakerIdentity } from './stamp.js'

/** Someone who is on a document now. */
export interface PresentClient {
  readonly clientId: number
  /** The node that it speaks through; null for this one. */
  readonly node: string | null
  /** Who it is, if it speaks through this node and authorization knows. */
  readonly user: string | null
  /** The client's awareness state, parsed; null for clients past `presenceStateBytesMax`. */
  readonly state: unknown
}

const SWEEP_MS = 5_000

const unknown: SpeakerIdentity = { user: null, name: null }

export class DocumentAwarenesses {
  readonly #environment: AwarenessEnvironment
  readonly #documents = new Map<string, DocumentAwareness>()
  #sweepTimer: Timer | null = null

  constructor(environment: AwarenessEnvironment) {
    this.#environment = environment
  }

  /**
   * Adds a session to a document's awareness. It hears of every change from now on; `fullState()` has what was before. `identity` is for
   * presence and stamps.
   */
  join(documentId: string, sink: AwarenessSink, identity: SpeakerIdentity = unknown): AwarenessSessionPort {
    const document = this.#documents.get(documentId) ?? this.#open(documentId)
    return new Place(this, documentId, document, document.join(sink, identity))
  }

  /** Who is on a document now, as far as this node has heard. States are parsed here and nowhere else. */
  presence(documentId: string): PresentClient[] {
    const document = this.#documents.get(documentId)
    if (document === undefined) return []
    let stateBytes = 0
    return Array.from(document.live(), ({ clientId, state, binding }) => {
      stateBytes += state.length
      return {
        clientId,
        node: binding.kind === 'remote' ? binding.origin.nodeId : null,
        user: binding.kind === 'session' ? binding.session.identity.user : null,
        state: stateBytes <= this.#environment.limits.presenceStateBytesMax ? parseState(state) : null,
      }
    })
  }

  /** The documents that have sessions on this node. */
  documents(): ReadonlyMap<string, DocumentAwareness> {
    return this.#documents
  }

  /** Membership says that a node is gone, in all its boots or one: its clients' states are removed from every document (A4). */
  removeNode(nodeId: string, boot?: string): void {
    this.#environment.bus.removeNode(nodeId, boot)
  }

  /** Forgets everything and stops every timer. Nothing is called on any sink afterwards. Idempotent. */
  close(): void {
    for (const [documentId, document] of this.#documents) this.#drop(documentId, document)
  }

  #open(documentId: string): DocumentAwareness {
    const document = new DocumentAwareness(documentId, this.#environment)
    this.#documents.set(documentId, document)
    if (this.#sweepTimer === null) this.#scheduleSweep()
    return document
  }

  /** For sessions: one has left. */
  left(documentId: string, document: DocumentAwareness): void {
    if (document.sessionCount === 0 && this.#documents.get(documentId) === document) this.#drop(documentId, document)
  }

  #drop(documentId: string, document: DocumentAwareness): void {
    this.#documents.delete(documentId)
    document.close()
    if (this.#documents.size > 0) return
    this.#sweepTimer?.cancel()
    this.#sweepTimer = null
  }

  #scheduleSweep(): void {
    const sweep = (): void => {
      for (const document of this.#documents.values()) document.sweep()
      this.#scheduleSweep()
    }
    this.#sweepTimer = this.#environment.clock.after(SWEEP_MS, sweep, { unref: true })
  }
}

/** A session's place in the awareness of a document. */
class Place implements AwarenessSessionPort {
  readonly #hub: DocumentAwarenesses
  readonly #documentId: string
  readonly #document: DocumentAwareness
  readonly #session: Speaker
  #state: 'joined' | 'left' = 'joined'

  constructor(hub: DocumentAwarenesses, documentId: string, document: DocumentAwareness, session: Speaker) {
    this.#hub = hub
    this.#documentId = documentId
    this.#document = document
    this.#session = session
  }

  receive(bytes: Uint8Array): void {
    if (this.#state === 'joined') this.#document.receive(this.#session, bytes)
  }

  look(bytes: Uint8Array): void {
    if (this.#state === 'joined') this.#document.look(this.#session, bytes)
  }

  identify(identity: SpeakerIdentity): void {
    if (this.#state === 'joined') this.#document.identify(this.#session, identity)
  }

  fullState(): readonly Uint8Array[] {
    return this.#state === 'joined' ? this.#document.fullState(this.#session) : []
  }

  leave(): void {
    if (this.#state === 'left') return
    this.#state = 'left'
    this.#document.leave(this.#session)
    this.#hub.left(this.#documentId, this.#document)
  }
}
