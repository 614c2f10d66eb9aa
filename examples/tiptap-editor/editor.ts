// The text itself: Tiptap bound to the document by its collaboration extension, which has `@tiptap/y-tiptap` underneath.
import { Editor } from '@tiptap/core'
import { Collaboration } from '@tiptap/extension-collaboration'
import { CollaborationCaret } from '@tiptap/extension-collaboration-caret'
import { StarterKit } from '@tiptap/starter-kit'
import type { Awareness } from 'weft-sync/client'
import type * as Y from 'yjs'
import { type Identity, identityIn } from '../react-editor/identity.js'

export interface EditorOptions {
  readonly element: HTMLElement
  readonly doc: Y.Doc
  readonly awareness: Awareness
  readonly identity: Identity
}

export function createEditor({ element, doc, awareness, identity }: EditorOptions): Editor {
  return new Editor({
    element,
    extensions: [
      // The collaboration extension's own undo leaves the edits of others. A paragraph that each reader adds at the end would be an edit that nobody made.
      StarterKit.configure({ undoRedo: false, trailingNode: false }),
      Collaboration.configure({ document: doc, field: 'body' }),
      CollaborationCaret.configure({
        // A session has what the extension looks for in a provider.
        provider: { awareness },
        user: { ...identity },
        render: caret,
        selectionRender: selection,
      }),
    ],
    editorProps: { attributes: { 'aria-label': 'Text' } },
  })
}

const nobody: Identity = { name: '…', color: '#777777' }

function caret(user: unknown): HTMLElement {
  const { name, color } = identityIn(user) ?? nobody
  const line = document.createElement('span')
  line.className = 'caret'
  line.style.setProperty('--color', color)
  const label = document.createElement('span')
  label.className = 'caret-name'
  label.textContent = name
  // Word joiners keep the caret from becoming a place where the line may break.
  line.append('\u2060', label, '\u2060')
  return line
}

function selection(user: unknown): { style: string } {
  return { style: `background-color: ${(identityIn(user) ?? nobody).color}3d` }
}
