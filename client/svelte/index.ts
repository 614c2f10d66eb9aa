// Svelte stores over the client: documents that are open while components show them, whether they are saved, who else is there, and what is
// in them.
export type { DocumentStatus, SavedState } from '../binding/document-status.js'
export type { ShownDraft as Draft } from '../binding/draft.js'
export type { DocumentOptions, OpenDocument } from '../binding/open-document.js'
export type { Person, PresenceState } from '../binding/people.js'
export type { SharedType } from '../binding/shared-type.js'
export type { SubdocumentOptions } from '../binding/subdocument.js'
export type { ShownUndo as Undo, UndoOptions, UndoScopeOf } from '../binding/undo.js'
export type { Versions } from '../binding/versions.js'
export type { Participant, ParticipantCursor, PresenceOptions, SessionPresence } from '../session-presence.js'
export type { Readable } from './readable.js'
export { cursors, draft, others, presence, self, status, undo, versions, y } from './stores.js'
export { createWeft, type Weft, type WeftSource } from './weft.js'
