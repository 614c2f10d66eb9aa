// Undo of what is edited here, for as long as a component has it.
import type * as Y from 'yjs'
import { type UndoHistory, type UndoOptions, type UndoScope, undoHistory } from '../undo/index.js'
import { Kept } from './kept.js'
import type { OpenDocument } from './open-document.js'

export type { UndoOptions }

/** What can be undone: the whole document by default, or some of its types with all that is in them. It counts when the history begins. */
export type UndoScopeOf = (doc: Y.Doc) => UndoScope

export interface ShownUndo {
  readonly canUndo: boolean
  readonly canRedo: boolean
  /** Takes back the last step. Answers whether something changed. */
  readonly undo: () => boolean
  readonly redo: () => boolean
  /** What follows is a step of its own. */
  readonly separate: () => void
  /** For editor bindings that take one; null while there is no document. */
  readonly manager: Y.UndoManager | null
}

/** Of a document that is not open yet. */
export const nothingToUndo: ShownUndo = {
  canUndo: false,
  canRedo: false,
  undo: () => false,
  redo: () => false,
  separate: () => {},
  manager: null,
}

export function keptUndo(document: OpenDocument, scope: UndoScopeOf = wholeDocument, options: UndoOptions = {}): Kept<ShownUndo> {
  return new Kept(nothingToUndo, (changed) => {
    const history: UndoHistory = undoHistory(document.session, scope(document.doc), options)
    history.on('changed', changed)
    const actions = { undo: () => history.undo(), redo: () => history.redo(), separate: () => history.separate() }
    return {
      read: () => ({ canUndo: history.canUndo, canRedo: history.canRedo, ...actions, manager: history.manager }),
      close: () => history.close(),
    }
  })
}

const wholeDocument: UndoScopeOf = (doc) => doc
