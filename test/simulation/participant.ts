// A client's copy of one document, whatever brings it to the server: what the world edits, and compares in the end.
import * as Y from 'yjs'
import type { Random } from '../../core/random.js'
import { SimulatedAwareness } from './presence.js'
import type { HostClock } from './time.js'

export class Participant {
  readonly documentId: string
  readonly doc = new Y.Doc()
  readonly awareness: SimulatedAwareness

  constructor(documentId: string, clientId: number, clock: HostClock) {
    this.documentId = documentId
    // Yjs would draw it at random.
    this.doc.clientID = clientId
    this.awareness = new SimulatedAwareness(this.doc, clock)
  }

  destroy(): void {
    this.awareness.destroy()
    this.doc.destroy()
  }
}

/** A page or a program: one process with one connection and some documents. */
export interface SimulatedClient {
  readonly clock: HostClock
  readonly random: Random
  readonly participants: readonly Participant[]
  /** Throws if the client says what is not true. */
  check(): void
  /** Throws unless it is up to date and has nothing to save. */
  checkQuiet(): void
  /** Leaves in order. */
  close(): Promise<void>
}
