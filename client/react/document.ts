// A document that is open while a component shows it.
import { useCallback, useSyncExternalStore } from 'react'
import type { DocumentOptions, OpenDocument } from '../binding/open-document.js'
import { RefusedError } from '../errors.js'
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

/**
 * As `useDocument`, for a component below a `Suspense` boundary, which stands below the provider: the component waits there until the document has all that the server
 * had, and never sees null. Once it was there it does not wait again, whatever the connection does. A document that is refused before is thrown to the error boundary,
 * as a `RefusedError`. Where a server renders, the boundary shows its fallback.
 */
export function useSuspenseDocument(name: string, options: DocumentOptions = {}): OpenDocument {
  const documents = useOpenDocuments()
  const isServer = useSyncExternalStore(always, no, yes)
  if (isServer) throw new Error('Documents are opened in the page only: where a server renders, the Suspense boundary shows its fallback.')
  const { document, again } = documents.awaited(name, options)
  // What React waits for is thrown; `use` would do the same, and is not in version 18.
  if (again !== null) throw again
  const { synced, refusal } = document.status()
  if (!synced && refusal !== null) throw new RefusedError(refusal)
  return useDocument(name, options) ?? document
}

const always = () => nothing
const no = (): boolean => false
const yes = (): boolean => true
const nothing = (): void => {}
const none = (): null => null
