// The text itself: Quill bound to a Y.Text by y-quill.
import Quill from 'quill'
import QuillCursors from 'quill-cursors'
import type { Awareness } from 'weft-sync/client'
import { QuillBinding } from 'y-quill'
import * as Y from 'yjs'

Quill.register('modules/cursors', QuillCursors)

export function createEditor(element: HTMLElement, text: Y.Text, awareness: Awareness): Quill {
  const origins = new Set<unknown>()
  // Quill's own history would take back what others wrote: this one knows who did what.
  const history = new Y.UndoManager(text, { trackedOrigins: origins })
  const undo = (): void => void history.undo()
  const redo = (): void => void history.redo()
  const quill = new Quill(element, {
    theme: 'snow',
    modules: {
      cursors: true,
      history: { maxStack: 0 },
      keyboard: {
        bindings: {
          undo: { key: 'z', shortKey: true, handler: undo },
          redo: { key: ['z', 'Z'], shortKey: true, shiftKey: true, handler: redo },
        },
      },
      toolbar: [
        [{ header: [1, 2, false] }],
        ['bold', 'italic', 'underline'],
        [{ list: 'bullet' }, { list: 'ordered' }],
        ['blockquote'],
        ['clean'],
      ],
    },
  })
  quill.root.ariaLabel = 'Text'
  // The origin of what is typed here.
  origins.add(new QuillBinding(text, quill, awareness))
  return quill
}
