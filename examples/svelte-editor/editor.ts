// The text itself: CodeMirror bound to the document, with everybody's cursors, as a Svelte action.
import { defaultKeymap } from '@codemirror/commands'
import { Compartment, EditorState } from '@codemirror/state'
import { drawSelection, EditorView, keymap } from '@codemirror/view'
import type { OpenDocument } from 'weft-sync/svelte'
import { yCollab, yUndoManagerKeymap } from 'y-codemirror.next'

interface EditorParameters {
  readonly document: OpenDocument
  readonly readOnly: boolean
}

/** Fills an element with the text of a document. */
export function editor(element: HTMLElement, { document, readOnly }: EditorParameters) {
  const text = document.doc.getText('body')
  const access = new Compartment()
  const view = new EditorView({
    parent: element,
    doc: text.toString(),
    extensions: [
      // Undo takes back one's own edits and leaves those of the others.
      keymap.of([...yUndoManagerKeymap, ...defaultKeymap]),
      drawSelection(),
      EditorView.lineWrapping,
      access.of(EditorState.readOnly.of(readOnly)),
      EditorView.contentAttributes.of({ 'aria-label': 'Text' }),
      yCollab(text, document.session.awareness),
    ],
  })
  return {
    update: (now: EditorParameters) => view.dispatch({ effects: access.reconfigure(EditorState.readOnly.of(now.readOnly)) }),
    destroy: () => view.destroy(),
  }
}
