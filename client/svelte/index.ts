// Svelte stores over the client: documents that are open while components show them, whether they are saved, who else is there, and what is
// in them.
export type { DocumentOptions, OpenDocument } from '../binding/open-document.js'
export type { Person, PresenceState } from '../binding/people.js'
export type { DocumentState, SavedState } from '../binding/saved-state.js'
export type { SharedType } from '../binding/shared-type.js'
export type { Readable } from './readable.js'
export { presence, saved, shared } from './stores.js'
export { createWeft, type Weft, type WeftSource } from './weft.js'
