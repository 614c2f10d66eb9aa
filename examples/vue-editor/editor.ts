// The text itself: CodeMirror bound to the document, with everybody's cursors. CodeMirror draws itself; Vue only makes room for it.
import { defaultKeymap } from '@codemirror/commands'
import { EditorState } from '@codemirror/state'
import { drawSelection, EditorView, keymap } from '@codemirror/view'
import { defineComponent, h, type PropType, shallowRef, watch } from 'vue'
import type { OpenDocument } from 'weft-sync/vue'
import { yCollab, yUndoManagerKeymap } from 'y-codemirror.next'

export const Editor = defineComponent({
  props: { document: { type: Object as PropType<OpenDocument>, required: true }, readOnly: { type: Boolean, required: true } },
  setup(props) {
    const room = shallowRef<HTMLElement | null>(null)
    watch([room, () => props.document, () => props.readOnly] as const, ([parent, { doc, session }, readOnly], _before, onCleanup) => {
      if (parent === null) return
      const text = doc.getText('body')
      const view = new EditorView({
        parent,
        doc: text.toString(),
        extensions: [
          // Undo takes back one's own edits and leaves those of the others.
          keymap.of([...yUndoManagerKeymap, ...defaultKeymap]),
          drawSelection(),
          EditorView.lineWrapping,
          EditorState.readOnly.of(readOnly),
          EditorView.contentAttributes.of({ 'aria-label': 'Text' }),
          yCollab(text, session.awareness),
        ],
      })
      onCleanup(() => view.destroy())
    })
    return () => h('div', { class: 'text', ref: room })
  },
})
