// What a component has of a document for as long as it is mounted: a draft, an undo history, a subdocument.
import { useState, useSyncExternalStore } from 'react'
import { keptDraft, type ShownDraft } from '../binding/draft.js'
import type { Kept } from '../binding/kept.js'
import type { OpenDocument } from '../binding/open-document.js'
import { keptSubdocument, type SubdocumentOptions } from '../binding/subdocument.js'
import { keptUndo, nothingToUndo, type ShownUndo, type UndoOptions, type UndoScopeOf } from '../binding/undo.js'
import { useOpenDocuments } from './provider.js'

/**
 * A copy of the document to try something out in; null until it is there. It belongs to the component: what was not merged when the component goes is given up. To keep
 * one longer, make it with `document.session.fork()`.
 */
export function useDraft(document: OpenDocument | null): ShownDraft | null {
  return useKept([document], () => (document === null ? null : keptDraft(document)), null)
}

/** Undo of what is edited here from when the component is mounted, in what `scope` answers, by default the whole document. Both options count at the beginning. */
export function useUndo(document: OpenDocument | null, scope?: UndoScopeOf, options: UndoOptions = {}): ShownUndo {
  return useKept([document], () => (document === null ? null : keptUndo(document, scope, options)), nothingToUndo)
}

/**
 * The subdocument of this guid as a document for the other hooks, loaded and open while a component shows it, over the same connection; null while there is none. It is
 * unloaded when the last component is gone and everything is saved. An id that cannot be sent is thrown to the error boundary.
 */
export function useSubdocument(document: OpenDocument | null, guid: string | null, options: SubdocumentOptions = {}): OpenDocument | null {
  const documents = useOpenDocuments()
  const make = () => (document === null || guid === null ? null : keptSubdocument(documents, document, guid, options))
  return useKept([documents, document, guid], make, null)
}

/** Held as state: fast refresh makes what is memoised anew, and with it a draft would be gone. */
function useKept<Shown>(keys: readonly unknown[], make: () => Kept<Shown> | null, rest: Shown): Shown {
  const [held, setHeld] = useState(() => ({ keys, kept: make() }))
  let current = held
  if (!keys.every((key, index) => key === held.keys[index])) {
    current = { keys, kept: make() }
    setHeld(current)
  }
  const { kept } = current
  return useSyncExternalStore(kept?.subscribe ?? ignore, kept?.shown ?? (() => rest), () => rest)
}

const nothing = (): void => {}
const ignore = () => nothing
