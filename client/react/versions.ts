// The versions of a document.
import { useMemo, useSyncExternalStore } from 'react'
import type { OpenDocument } from '../binding/open-document.js'
import { noVersions, type VersionsState, WatchedVersions } from '../binding/versions.js'
import type { VersionsQuery } from '../document-history.js'

export interface Versions extends VersionsState {
  /** Asks again: what others keep is not told by itself. */
  readonly refresh: () => void
  /** Asks for older ones. */
  readonly more: () => void
  /** As `session.keep`; the list follows. Null while the document is not open. */
  readonly keep: WatchedVersions['keep'] | null
  /** As `session.restore`; the list follows, since a version is kept before. Null while the document is not open. */
  readonly restore: WatchedVersions['restore'] | null
}

/** The versions of the document, newest first. It takes the right `admin`; without it `error` is a RefusedError. Of null, none. */
export function useVersions(document: OpenDocument | null, { which, limit }: Pick<VersionsQuery, 'which' | 'limit'> = {}): Versions {
  const watched = useMemo(
    () =>
      document === null
        ? null
        : new WatchedVersions(document.session, {
            ...(which === undefined ? {} : { which }),
            ...(limit === undefined ? {} : { limit }),
          }),
    [document, which, limit],
  )
  const state = useSyncExternalStore(watched?.subscribe ?? ignore, watched?.state ?? none, none)
  return useMemo(
    () => ({
      ...state,
      refresh: watched?.refresh ?? nothing,
      more: watched?.more ?? nothing,
      keep: watched?.keep ?? null,
      restore: watched?.restore ?? null,
    }),
    [state, watched],
  )
}

const nothing = (): void => {}
const ignore = () => nothing
const none = (): VersionsState => noVersions
