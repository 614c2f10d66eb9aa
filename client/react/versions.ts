// The versions of a document.
import { useMemo, useSyncExternalStore } from 'react'
import type { OpenDocument } from '../binding/open-document.js'
import { noVersions, type Versions, type VersionsChoice, type VersionsState, versionsOf, watchedVersions } from '../binding/versions.js'

/** The versions of the document, newest first. It takes the right `admin`; without it `error` is a RefusedError. Of null, none. */
export function useVersions(document: OpenDocument | null, { which, limit }: VersionsChoice = {}): Versions {
  const watched = useMemo(
    () => (document === null ? null : watchedVersions(document.session, { which, limit } as VersionsChoice)),
    [document, which, limit],
  )
  const state = useSyncExternalStore(watched?.subscribe ?? ignore, watched?.state ?? none, none)
  return useMemo(() => versionsOf(watched, state), [state, watched])
}

const ignore = () => (): void => {}
const none = (): VersionsState => noVersions
