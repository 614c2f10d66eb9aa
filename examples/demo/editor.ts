// The rich-text editor: Tiptap bound to a Yjs document, with everybody's carets.
import { Editor } from '@tiptap/core'
import { Collaboration } from '@tiptap/extension-collaboration'
import { CollaborationCaret } from '@tiptap/extension-collaboration-caret'
import { StarterKit } from '@tiptap/starter-kit'
import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import type { Identity } from './identity.js'

/** The name of the shared type that holds the text, in every document of the demo. */
export const bodyField = 'body'

/** The awareness `user` field, as the caret extension expects it. */
function userField(identity: Identity, clientId: number): Record<string, unknown> {
  return { name: identity.name, color: identity.colour, clientId }
}

function renderCaret(user: Record<string, unknown>): HTMLElement {
  const colour = String(user['color'])
  const caret = document.createElement('span')
  caret.className = 'caret'
  caret.dataset['clientId'] = String(user['clientId'])
  caret.style.borderColor = colour
  const label = document.createElement('span')
  label.className = 'caret-label'
  label.style.backgroundColor = colour
  label.textContent = String(user['name'])
  // Word joiners keep the caret from becoming a place where the line may break.
  caret.append('\u2060', label, '\u2060')
  return caret
}

function selectionLook(user: Record<string, unknown>): { class: string; style: string } {
  return { class: 'selection', style: `background-color: ${String(user['color'])}3d` }
}

/** Shows a caret's name again; it fades when the caret rests. */
function showNames(element: HTMLElement, clientIds: readonly number[]): void {
  for (const clientId of clientIds) {
    const label = element.querySelector(`[data-client-id="${clientId}"] .caret-label`)
    for (const animation of label?.getAnimations() ?? []) {
      animation.currentTime = 0
      animation.play()
    }
  }
}

export interface EditorOptions {
  readonly element: HTMLElement
  readonly doc: Y.Doc
  readonly awareness: Awareness
  readonly identity: Identity
}

/** Read-only until the caller sets it editable, so that nobody types into a page whose text is still on its way. */
export function createEditor({ element, doc, awareness, identity }: EditorOptions): Editor {
  const editor = new Editor({
    element,
    editable: false,
    // The page's policy allows no inline styles; style.css has what this would inject.
    injectCSS: false,
    extensions: [
      // The document's own undo keeps others' edits; a trailing paragraph added by every reader would be an edit that nobody made.
      StarterKit.configure({ undoRedo: false, trailingNode: false }),
      Collaboration.configure({ document: doc, field: bodyField }),
      CollaborationCaret.configure({
        provider: { awareness },
        user: userField(identity, awareness.clientID),
        render: renderCaret,
        selectionRender: selectionLook,
      }),
    ],
    editorProps: { attributes: { 'aria-label': 'Document text', role: 'textbox', 'aria-multiline': 'true', class: 'prose' } },
  })
  awareness.on('change', ({ updated }: { updated: number[] }) => requestAnimationFrame(() => showNames(element, updated)))
  return editor
}

export function setIdentity(awareness: Awareness, identity: Identity): void {
  awareness.setLocalStateField('user', userField(identity, awareness.clientID))
}

/** Scrolls to a person's caret and shows its name. */
export function goToCaret(element: HTMLElement, clientId: number): void {
  element.querySelector(`[data-client-id="${clientId}"]`)?.scrollIntoView({ block: 'center', behavior: 'smooth' })
  showNames(element, [clientId])
}
