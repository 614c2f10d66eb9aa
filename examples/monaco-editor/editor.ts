// The text itself: Monaco bound to a Y.Text by y-monaco, which leaves to its user how the cursors of others look.
import 'monaco-editor/esm/vs/basic-languages/markdown/markdown.contribution.js'
import 'monaco-editor/esm/vs/editor/edcore.main.js'
import * as monaco from 'monaco-editor/esm/vs/editor/editor.api.js'
import type { Awareness } from 'weft-sync/client'
import { MonacoBinding } from 'y-monaco'
import * as Y from 'yjs'
import { identityIn } from '../react-editor/identity.js'

Object.assign(self, { MonacoEnvironment: { getWorker: () => new Worker('worker.js', { type: 'module' }) } satisfies monaco.Environment })

export function createEditor(element: HTMLElement, text: Y.Text, awareness: Awareness): monaco.editor.IStandaloneCodeEditor {
  const isDark = matchMedia('(prefers-color-scheme: dark)').matches
  const editor = monaco.editor.create(element, {
    value: '',
    language: 'markdown',
    theme: isDark ? 'vs-dark' : 'vs',
    automaticLayout: true,
    ariaLabel: 'Text',
    wordWrap: 'on',
    minimap: { enabled: false },
    quickSuggestions: false,
  })
  const model = editor.getModel()
  if (model === null) throw new Error('Monaco made an editor without a text.')
  // Positions in the shared text count a line's end as one letter.
  model.setEOL(monaco.editor.EndOfLineSequence.LF)
  const binding = new MonacoBinding(text, model, new Set([editor]), awareness)
  // Monaco's own history would take back what others wrote: this one knows who did what.
  const history = new Y.UndoManager(text, { trackedOrigins: new Set([binding]) })
  const { KeyCode, KeyMod } = monaco
  editor.addCommand(KeyMod.CtrlCmd | KeyCode.KeyZ, () => void history.undo())
  editor.addCommand(KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.KeyZ, () => void history.redo())
  editor.addCommand(KeyMod.CtrlCmd | KeyCode.KeyY, () => void history.redo())
  showIdentities(awareness)
  return editor
}

/** The binding marks the cursors of each client with a class of its own: here these get their colours and names. */
function showIdentities(awareness: Awareness): void {
  const sheet = new CSSStyleSheet()
  document.adoptedStyleSheets.push(sheet)
  let shown = ''
  const show = (): void => {
    const rules = [...awareness.getStates()].map(([clientId, state]) => {
      const { name, color } = identityIn(state['user']) ?? { name: '…', color: '#777777' }
      return `.yRemoteSelection-${clientId}, .yRemoteSelectionHead-${clientId} { --color: ${color}; }
        .yRemoteSelectionHead-${clientId}::after { content: ${JSON.stringify(name).replaceAll('<', '\\3c ')}; }`
    })
    // Awareness changes with each move of a cursor; names do not.
    const text = rules.join('\n')
    if (text !== shown) sheet.replaceSync(text)
    shown = text
  }
  awareness.on('change', show)
  show()
}
