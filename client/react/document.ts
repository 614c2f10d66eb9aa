// A document that is open while a component shows it.
import { useCallback, useSyncExternalStore } from 'react'
import type { DocumentOptions, OpenDocument } from '../binding/open-document.js'
import { useOpenDocuments } from './provider.js'

/**
 * The document of this name, with its session: null until it is open, which is right after the component was mounted, and where a server renders. However
 * many components use it, it is opened once. It is closed when the last of them is gone and everything is saved.
 * A `name` of null opens nothing. An id that cannot be sent is thrown to the error boundary.
 */
export function useDocument(name: string | null, options: DocumentOptions = {}): OpenDocument | null {
  const documents = useOpenDocuments()
  // biome-ignore lint/correctness/useExhaustiveDependencies: the options count when the document is opened, and most components make new ones each time
  const subscribe = useCallback(() => (name === null ? nothing : documents.acquire(name, options)), [documents, name])
  const getDocument = (): OpenDocument | null => (name === null ? null : documents.get(name))
  return useSyncExternalStore(subscribe, getDocument, none)
}

const nothing = (): void => {}
const none = (): null => null
