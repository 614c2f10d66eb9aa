// The text itself: BlockNote, which has its collaboration built in, on `y-prosemirror`. Its menus are React components; the core works without them.
import { BlockNoteEditor } from '@blocknote/core'
import type { Awareness } from 'weft-sync/client'
import type * as Y from 'yjs'
import type { Identity } from '../react-editor/identity.js'

export function createEditor(fragment: Y.XmlFragment, awareness: Awareness, { name, color }: Identity): BlockNoteEditor {
  return BlockNoteEditor.create({
    // A session has what BlockNote looks for in a provider.
    collaboration: { fragment, provider: { awareness }, user: { name, color }, showCursorLabels: 'always' },
    // A paragraph that each reader adds at the end would be an edit that nobody made.
    trailingBlock: false,
    domAttributes: { editor: { 'aria-label': 'Text' } },
  })
}
