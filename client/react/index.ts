'use client'

// React hooks over the client: documents that are open while components show them, whether they are saved, who else is there, and what is in them.
export type { DocumentOptions, OpenDocument } from '../binding/open-document.js'
export type { Person, PresenceState } from '../binding/people.js'
export type { DocumentState, SavedState } from '../binding/saved-state.js'
export type { SharedType } from '../binding/shared-type.js'
export { useDocument, useSuspenseDocument } from './document.js'
export { usePresence } from './presence.js'
export { useConnection, WeftProvider, type WeftProviderProps } from './provider.js'
export { useAllSaved, useSaved } from './saved.js'
export { useShared } from './shared.js'
export { useVersions, type Versions } from './versions.js'
