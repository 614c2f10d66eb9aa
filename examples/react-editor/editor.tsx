// The text itself: CodeMirror bound to the document, with everybody's cursors. CodeMirror draws itself; React only makes room for it.
import { defaultKeymap } from '@codemirror/commands'
import { EditorState } from '@codemirror/state'
import { drawSelection, EditorView, keymap } from '@codemirror/view'
import { type ReactElement, useEffect, useRef } from 'react'
import type { OpenDocument } from 'weft-sync/react'
import { yCollab, yUndoManagerKeymap } from 'y-codemirror.next'

interface EditorProps {
  readonly document: OpenDocument
  readonly readOnly: boolean
}

export function Editor({ document, readOnly }: EditorProps): ReactElement {
  const room = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (room.current === null) return
    const text = document.doc.getText('body')
    const view = new EditorView({
      parent: room.current,
      doc: text.toString(),
      extensions: [
        // Undo takes back one's own edits and leaves those of the others.
        keymap.of([...yUndoManagerKeymap, ...defaultKeymap]),
        drawSelection(),
        EditorView.lineWrapping,
        EditorState.readOnly.of(readOnly),
        EditorView.contentAttributes.of({ 'aria-label': 'Text' }),
        yCollab(text, document.session.awareness),
      ],
    })
    return () => view.destroy()
  }, [document, readOnly])
  return <div className="text" ref={room} />
}
