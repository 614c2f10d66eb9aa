// A draft of a document for as long as a component works on it.
import type * as Y from 'yjs'
import { Kept } from './kept.js'
import type { OpenDocument } from './open-document.js'

export interface ShownDraft {
  /** What editors are bound to. Another one after `discard()`. */
  readonly doc: Y.Doc
  /** Whether something was edited in it since the beginning, or since it was merged last. */
  readonly changed: boolean
  /** Puts it into the document as one change, and goes on. Throws where this client may only read. */
  readonly merge: () => void
  /** Gives up what was not merged, and begins anew with the document as it is. */
  readonly discard: () => void
}

export function keptDraft(document: OpenDocument): Kept<ShownDraft | null> {
  return new Kept<ShownDraft | null>(null, (changed) => {
    const begin = () => {
      const draft = document.session.fork()
      draft.doc.on('update', changed)
      return draft
    }
    let draft = begin()
    const merge = (): void => {
      draft.merge()
      changed()
    }
    const discard = (): void => {
      draft.close()
      draft = begin()
      changed()
    }
    return { read: () => ({ doc: draft.doc, changed: draft.changed, merge, discard }), close: () => draft.close() }
  })
}
