// The text itself: Lexical bound to the document by `@lexical/yjs`, without React.
import { HeadingNode, QuoteNode, registerRichText } from '@lexical/rich-text'
import {
  type Binding,
  createUndoManager,
  createYjsBinding,
  type Provider,
  type ProviderAwareness,
  setLocalStateFocus,
  syncCursorPositions,
  syncLexicalUpdateToYjs,
  syncYjsChangesToLexical,
} from '@lexical/yjs'
import {
  $createParagraphNode,
  $getRoot,
  BLUR_COMMAND,
  COMMAND_PRIORITY_EDITOR,
  createEditor,
  FOCUS_COMMAND,
  type LexicalEditor,
  REDO_COMMAND,
  UNDO_COMMAND,
} from 'lexical'
import type { Awareness } from 'weft-sync/client'
import * as Y from 'yjs'
import type { Identity } from '../react-editor/identity.js'

export interface RichTextOptions {
  readonly element: HTMLElement
  /** Where the cursors of others are drawn. */
  readonly cursors: HTMLElement
  /** With everything that the server had. */
  readonly doc: Y.Doc
  readonly awareness: Awareness
  readonly identity: Identity
}

export function createRichText({ element, cursors, doc, awareness, identity }: RichTextOptions): LexicalEditor {
  const editor = createEditor({
    namespace: 'weft',
    nodes: [HeadingNode, QuoteNode],
    theme: {
      text: { bold: 'bold', italic: 'italic', underline: 'underline' },
      collaboration: { cursor: 'cursor', cursorName: 'cursor-name' },
    },
    onError: (error) => {
      throw error
    },
  })
  editor.setRootElement(element)
  registerRichText(editor)

  const provider = providerOf(awareness)
  awareness.setLocalState({
    ...awareness.getLocalState(),
    ...identity,
    anchorPos: null,
    focusPos: null,
    focusing: false,
    awarenessData: {},
  })
  const binding = createYjsBinding({ editor, id: 'body', doc, docMap: new Map([['body', doc]]), rootName: 'body' })
  binding.cursorsContainer = cursors
  const root = binding.root.getSharedType()
  const history = createUndoManager(binding, root)
  root.observeDeep((events, { origin }) => {
    if (origin !== binding) syncYjsChangesToLexical(binding, provider, events as Y.YEvent<Y.Text>[], origin instanceof Y.UndoManager)
  })
  editor.registerUpdateListener(({ prevEditorState, editorState, dirtyElements, dirtyLeaves, normalizedNodes, tags }) => {
    if (tags.has('skip-collab')) return
    syncLexicalUpdateToYjs(binding, provider, prevEditorState, editorState, dirtyElements, dirtyLeaves, normalizedNodes, tags)
  })
  showWhatIsThere(editor, binding, root)
  editor.registerCommand(UNDO_COMMAND, () => history.undo() !== undefined, COMMAND_PRIORITY_EDITOR)
  editor.registerCommand(REDO_COMMAND, () => history.redo() !== undefined, COMMAND_PRIORITY_EDITOR)
  const setFocus = (focusing: boolean): boolean => {
    setLocalStateFocus(provider, identity.name, identity.color, focusing, {})
    return false
  }
  editor.registerCommand(FOCUS_COMMAND, () => setFocus(true), COMMAND_PRIORITY_EDITOR)
  editor.registerCommand(BLUR_COMMAND, () => setFocus(false), COMMAND_PRIORITY_EDITOR)
  awareness.on('update', () => syncCursorPositions(binding, provider))
  return editor
}

/** The binding shows what changes: what the document has already is shown as a change from nothing. */
function showWhatIsThere(editor: LexicalEditor, binding: Binding, root: Y.XmlText): void {
  editor.update(
    () => {
      binding.root.applyChildrenYjsDelta(binding, root.toDelta())
      binding.root.syncChildrenFromYjs(binding)
    },
    { discrete: true, skipTransforms: true, tag: 'collaboration' },
  )
  if (root.length > 0) return
  // The first one who comes makes the first paragraph, which is no edit to undo.
  binding.isBootstrapping = true
  editor.update(
    () => {
      if ($getRoot().isEmpty()) $getRoot().append($createParagraphNode())
    },
    { discrete: true, tag: 'history-merge' },
  )
  binding.isBootstrapping = false
}

/** Of a provider the binding needs the awareness only. */
function providerOf(awareness: Awareness): Provider {
  const nothing = (): void => {}
  return { awareness: awareness as unknown as ProviderAwareness, connect: nothing, disconnect: nothing, on: nothing, off: nothing }
}
