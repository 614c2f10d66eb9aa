// The versions of a document.
import { type ComputedRef, computed, type MaybeRefOrGetter, toValue } from 'vue'
import type { OpenDocument } from '../binding/open-document.js'
import { noVersions, type Versions, type VersionsChoice, versionsOf, watchedVersions } from '../binding/versions.js'
import { useChanges } from './changes.js'

/** The versions of the document, newest first. It takes the right `admin`; without it `error` is a RefusedError. Of null, none. */
export function useVersions(
  document: MaybeRefOrGetter<OpenDocument | null>,
  choice: MaybeRefOrGetter<VersionsChoice> = {},
): ComputedRef<Versions> {
  const watched = computed(() => {
    const open = toValue(document)
    return open === null ? null : watchedVersions(open.session, toValue(choice))
  })
  const track = useChanges(
    () => watched.value,
    (current, changed) => current.subscribe(changed),
  )
  return computed(() => {
    track()
    return versionsOf(watched.value, watched.value?.state() ?? noVersions)
  })
}
