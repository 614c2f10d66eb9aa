// The buttons above the text.
import type { ChainedCommands, Editor } from '@tiptap/core'

interface Command {
  readonly label: string
  readonly sign: string
  readonly run: (chain: ChainedCommands) => ChainedCommands
  /** Of a switch: whether it is on at the selection. */
  readonly active?: (editor: Editor) => boolean
}

const commands: readonly Command[] = [
  { label: 'Heading', sign: 'H', run: (chain) => chain.toggleHeading({ level: 2 }), active: (editor) => editor.isActive('heading') },
  { label: 'Bold', sign: 'B', run: (chain) => chain.toggleBold(), active: (editor) => editor.isActive('bold') },
  { label: 'Italic', sign: 'I', run: (chain) => chain.toggleItalic(), active: (editor) => editor.isActive('italic') },
  { label: 'List', sign: '•', run: (chain) => chain.toggleBulletList(), active: (editor) => editor.isActive('bulletList') },
  { label: 'Quote', sign: '”', run: (chain) => chain.toggleBlockquote(), active: (editor) => editor.isActive('blockquote') },
  { label: 'Undo', sign: '↶', run: (chain) => chain.undo() },
  { label: 'Redo', sign: '↷', run: (chain) => chain.redo() },
]

export function createToolbar(editor: Editor): HTMLElement {
  const toolbar = document.createElement('div')
  toolbar.className = 'toolbar'
  toolbar.role = 'toolbar'
  toolbar.ariaLabel = 'Formatting'
  for (const { label, sign, run, active } of commands) {
    const button = document.createElement('button')
    button.type = 'button'
    button.title = label
    button.ariaLabel = label
    button.textContent = sign
    // The selection stays in the text while a mouse presses the button.
    button.addEventListener('pointerdown', (event) => event.preventDefault())
    button.addEventListener('click', () => run(editor.chain().focus()).run())
    const refresh = (): void => {
      button.disabled = !editor.isEditable
      if (active !== undefined) button.ariaPressed = String(active(editor))
    }
    editor.on('transaction', refresh)
    editor.on('update', refresh)
    refresh()
    toolbar.append(button)
  }
  return toolbar
}
