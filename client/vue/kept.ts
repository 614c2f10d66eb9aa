// What a component has of a document for as long as it is mounted: a draft, an undo history, a subdocument.
import { type ComputedRef, computed, type MaybeRefOrGetter, markRaw, toValue } from 'vue'
import { keptDraft, type ShownDraft } from '../binding/draft.js'
import type { Kept } from '../binding/kept.js'
import type { OpenDocument } from '../binding/open-document.js'
import { keptSubdocument, type SubdocumentOptions } from '../binding/subdocument.js'
import { keptUndo, nothingToUndo, type ShownUndo, type UndoOptions, type UndoScopeOf } from '../binding/undo.js'
import { useChanges } from './changes.js'
import { unwatched } from './document.js'
import { useOpenDocuments } from './plugin.js'

/**
 * A copy of the document to try something out in; null until it is there. It belongs to the component: what was not merged when the component goes is given up. To keep
 * one longer, make it with `document.value.session.fork()`.
 */
export function useDraft(document: MaybeRefOrGetter<OpenDocument | null>): ComputedRef<ShownDraft | null> {
  const draft = useKept<ShownDraft | null>(() => {
    const open = toValue(document)
    return open === null ? null : keptDraft(open)
  }, null)
  return computed(() => {
    // Vue is not to look into the Y.Doc.
    if (draft.value !== null) markRaw(draft.value.doc)
    return draft.value
  })
}

/** Undo of what is edited here from when the component is mounted, in what `scope` answers, by default the whole document. Both options count at the beginning. */
export function useUndo(
  document: MaybeRefOrGetter<OpenDocument | null>,
  scope?: UndoScopeOf,
  options: UndoOptions = {},
): ComputedRef<ShownUndo> {
  return useKept(() => {
    const open = toValue(document)
    return open === null ? null : keptUndo(open, scope, options)
  }, nothingToUndo)
}

/**
 * The subdocument of this guid as a document for the other composables, loaded and open while a component shows it, over the same connection; null while there is none.
 * It is unloaded when the last component is gone and everything is saved. An id that cannot be sent is thrown to the application's error handler.
 */
export function useSubdocument(
  document: MaybeRefOrGetter<OpenDocument | null>,
  guid: MaybeRefOrGetter<string | null>,
  options: SubdocumentOptions = {},
): ComputedRef<OpenDocument | null> {
  const documents = useOpenDocuments()
  const subdocument = useKept<OpenDocument | null>(() => {
    const [open, id] = [toValue(document), toValue(guid)]
    return open === null || id === null ? null : keptSubdocument(documents, open, id, options)
  }, null)
  return computed(() => unwatched(subdocument.value))
}

function useKept<Shown>(make: () => Kept<Shown> | null, rest: Shown): ComputedRef<Shown> {
  const kept = computed(make)
  const track = useChanges(
    () => kept.value,
    (current, changed) => current.subscribe(changed),
  )
  return computed(() => {
    track()
    return kept.value === null ? rest : kept.value.shown()
  })
}
