// Whether what was typed is saved, in one document or in all.
import { type ComputedRef, computed, type MaybeRefOrGetter, toValue } from 'vue'
import { type DocumentStatus, notOpenYet, type SavedState } from '../binding/document-status.js'
import type { OpenDocument } from '../binding/open-document.js'
import { useChanges } from './changes.js'
import { subscribeTo, useOpenDocuments } from './plugin.js'

/** What is true of the document now: `state` is `saved`, `saving`, `offline`, `refused`, `connecting` or `syncing`. Of null, that it is being opened. */
export function useStatus(document: MaybeRefOrGetter<OpenDocument | null>): ComputedRef<DocumentStatus> {
  const track = useChanges(
    () => toValue(document),
    (open, changed) => open.subscribe(changed),
  )
  return computed(() => {
    track()
    return toValue(document)?.status() ?? notOpenYet
  })
}

/** What is true of all documents of the application taken together, those included that were left before they were saved. */
export function useAllSaved(): ComputedRef<SavedState> {
  const documents = useOpenDocuments()
  const track = useChanges(() => documents, subscribeTo)
  return computed(() => {
    track()
    return documents.summary()
  })
}
