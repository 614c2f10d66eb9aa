// What the server sends of a document, on its way into the Y.Doc: pieces wait until they are complete, and observers see one change.
import * as Y from 'yjs'
import type { Logger } from '../core/log.js'
import { mergeUpdateTree } from '../protocol/updates/merge.js'
import { hasPending } from './document-content.js'

export interface ArrivingUpdatesOptions {
  readonly doc: Y.Doc
  readonly documentId: string
  /** The origin of the transactions. */
  readonly origin: object
  readonly logger: Logger
}

export class ArrivingUpdates {
  readonly #options: ArrivingUpdatesOptions
  /** Pieces of the state or the update that is arriving, not applied yet: an editor must not see half of it. They are kept over a reconnect. */
  #pieces: Uint8Array[] = []
  #completesOthers = false

  constructor(options: ArrivingUpdatesOptions) {
    this.#options = options
  }

  get pieces(): readonly Uint8Array[] {
    return this.#pieces
  }

  /** What is being applied may complete updates that came from elsewhere: those are ours to submit. */
  get completesOthers(): boolean {
    return this.#completesOthers
  }

  add(piece: Uint8Array): void {
    this.#pieces.push(piece)
  }

  /** What was on its way belongs to nothing any more. */
  drop(): void {
    this.#pieces = []
  }

  /** With the pieces before them, in one transaction. Returns false if they could not be applied. */
  apply(updates: readonly Uint8Array[]): boolean {
    const { doc, documentId, origin, logger } = this.#options
    let applied = false
    const pieces = this.#pieces.splice(0)
    this.#completesOthers = hasPending(doc)
    try {
      Y.transact(
        doc,
        () => {
          // Pieces may depend on later ones: applied one by one, Yjs would merge what waits with each of them.
          const all = pieces.length > 0 ? [mergeUpdateTree([...pieces, ...updates])] : updates
          for (const update of all) Y.applyUpdate(doc, update, origin)
          applied = true
        },
        origin,
        false,
      )
    } catch (error) {
      // Observers run when all is applied.
      logger.error(
        { error, documentId },
        applied ? 'An observer of the document threw.' : 'An update from the server could not be applied.',
      )
    } finally {
      this.#completesOthers = false
    }
    return applied
  }
}
