// A document that is open while a component shows it.
import { type MaybeRefOrGetter, markRaw, onMounted, type ShallowRef, shallowRef, toValue, watch } from 'vue'
import type { DocumentOptions, OpenDocument } from '../binding/open-document.js'
import { useOpenDocuments } from './plugin.js'

/**
 * The document of this name, with its session: null until it is open, which is when the component is mounted, and where a server renders.
 * However many components use it, it is opened once. It is closed when the last of them is gone and everything is saved. A `name` of null
 * opens nothing. An id that cannot be sent is thrown to the application's error handler.
 */
export function useDocument(
  name: MaybeRefOrGetter<string | null>,
  options: DocumentOptions = {},
): Readonly<ShallowRef<OpenDocument | null>> {
  const documents = useOpenDocuments()
  const opened = (current: string | null): OpenDocument | null => unwatched(current === null ? null : documents.get(current))
  const document = shallowRef(opened(toValue(name)))
  onMounted(() => {
    const open = (current: string | null, _before: string | null | undefined, onCleanup: (run: () => void) => void): void => {
      document.value = null
      if (current !== null) onCleanup(documents.acquire(current, options))
      document.value = opened(current)
    }
    watch(() => toValue(name), open, { immediate: true })
  })
  return document
}

/** Vue is not to look into them, not even where an application holds them in a `ref`. */
export function unwatched(document: OpenDocument | null): OpenDocument | null {
  if (document === null) return null
  markRaw(document.doc)
  markRaw(document.session)
  return markRaw(document)
}
