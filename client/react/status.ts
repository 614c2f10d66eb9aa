// Whether what was typed is saved, in one document or in all.
import { useCallback, useSyncExternalStore } from 'react'
import { type DocumentStatus, nothingOpen, notOpenYet, type SavedState } from '../binding/document-status.js'
import type { OpenDocument } from '../binding/open-document.js'
import { useOpenDocuments } from './provider.js'
import { useSelected } from './selected.js'

/** What is true of the document now: `state` is `saved`, `saving`, `offline`, `refused`, `connecting` or `syncing`. Of null, that it is being opened. */
export function useStatus(document: OpenDocument | null): DocumentStatus
/** What `select` makes of it: the component is drawn again when that is another value. */
export function useStatus<Selected>(document: OpenDocument | null, select: (status: DocumentStatus) => Selected): Selected
export function useStatus(document: OpenDocument | null, select: (status: DocumentStatus) => unknown = whole): unknown {
  const selectStatus = useCallback((status: DocumentStatus) => select(status), [select])
  return useSelected(document?.subscribe ?? ignore, document?.status ?? ofNone, selectStatus)
}

/** What is true of all documents of the provider taken together, those included that were left before they were saved. */
export function useAllSaved(): SavedState {
  const documents = useOpenDocuments()
  return useSyncExternalStore(documents.subscribe, documents.summary, ofNothing)
}

const whole = (status: DocumentStatus): DocumentStatus => status
const ignore = () => (): void => {}
const ofNone = (): DocumentStatus => notOpenYet
const ofNothing = (): SavedState => nothingOpen
