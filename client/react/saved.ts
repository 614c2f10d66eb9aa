// Whether what was typed is saved, in one document or in all.
import { useSyncExternalStore } from 'react'
import type { OpenDocument } from '../binding/open-document.js'
import { type DocumentState, nothingOpen, notOpenYet, type SavedState } from '../binding/saved-state.js'
import { useOpenDocuments } from './provider.js'

/** What is true of the document now; of null, that it is being opened. */
export function useSaved(document: OpenDocument | null): DocumentState {
  return useSyncExternalStore(document?.subscribe ?? ignore, document?.state ?? ofNone, ofNone)
}

/** What is true of all documents of the provider taken together, those included that were left before they were saved. */
export function useAllSaved(): SavedState {
  const documents = useOpenDocuments()
  return useSyncExternalStore(documents.subscribe, documents.summary, ofNothing)
}

const ignore = () => (): void => {}
const ofNone = (): DocumentState => notOpenYet
const ofNothing = (): SavedState => nothingOpen
