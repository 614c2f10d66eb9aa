// Vue composables over the client: documents that are open while components show them, whether they are saved, who else is there, and what
// is in them.
export type { DocumentOptions, OpenDocument } from '../binding/open-document.js'
export type { Person, PresenceState } from '../binding/people.js'
export type { DocumentState, SavedState } from '../binding/saved-state.js'
export type { SharedType } from '../binding/shared-type.js'
export { useDocument } from './document.js'
export { createWeft, useConnection, type WeftSource } from './plugin.js'
export { usePresence } from './presence.js'
export { useAllSaved, useSaved } from './saved.js'
export { useShared } from './shared.js'
