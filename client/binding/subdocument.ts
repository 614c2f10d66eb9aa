// A subdocument that is loaded, and open, while a component shows it.
import type * as Y from 'yjs'
import { Kept } from './kept.js'
import type { DocumentOptions, OpenDocument } from './open-document.js'
import type { OpenDocuments } from './open-documents.js'

export interface SubdocumentOptions extends DocumentOptions {
  /** The id on the server. Default: that of the document, `/`, and the guid, as `weft-sync/subdocuments` has it. */
  readonly id?: string
}

/** Null for as long as there is no subdocument of this guid in the document. */
export function keptSubdocument(
  documents: OpenDocuments,
  parent: OpenDocument,
  guid: string,
  { id = `${parent.name}/${guid}`, ...options }: SubdocumentOptions,
): Kept<OpenDocument | null> {
  return new Kept<OpenDocument | null>(null, (changed) => {
    let seen: Y.Doc | null = null
    let shown: { readonly document: OpenDocument; readonly leave: () => void } | null = null
    let failure: { readonly error: unknown } | null = null
    const look = (): void => {
      // One that was unloaded is in the document as another object of the same guid.
      const found = [...parent.doc.subdocs].find((subdocument) => subdocument.guid === guid) ?? null
      // A document that is being destroyed unloads those in it.
      const doc = parent.doc.isDestroyed ? null : found
      if (doc === seen) return
      seen = doc
      shown?.leave()
      shown = null
      try {
        if (doc !== null) shown = documents.acquireSubdocument(parent, doc, id, options)
      } catch (error) {
        // Thrown to Yjs, it would keep the document's other observers from hearing of the change.
        failure = { error }
      }
      changed()
    }
    parent.doc.on('subdocs', look)
    look()
    return {
      read: () => {
        if (failure !== null) throw failure.error
        return shown?.document ?? null
      },
      close: () => {
        parent.doc.off('subdocs', look)
        shown?.leave()
      },
    }
  })
}
