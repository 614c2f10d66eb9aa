// The formatting toolbar: what each button does, when it is pressed or disabled, and moving along it with the arrow keys.
import type { Editor } from '@tiptap/core'

interface Command {
  readonly run: (editor: Editor) => void
  /** For a toggle: whether it is on at the selection. */
  readonly active?: (editor: Editor) => boolean
  /** For an action: whether there is anything to do. */
  readonly possible?: (editor: Editor) => boolean
}

function heading(level: 1 | 2 | 3): Command {
  return {
    run: (editor) => editor.chain().focus().toggleHeading({ level }).run(),
    active: (editor) => editor.isActive('heading', { level }),
  }
}

const commands: Readonly<Record<string, Command>> = {
  undo: { run: (editor) => editor.chain().focus().undo().run(), possible: (editor) => editor.can().undo() },
  redo: { run: (editor) => editor.chain().focus().redo().run(), possible: (editor) => editor.can().redo() },
  'heading-1': heading(1),
  'heading-2': heading(2),
  'heading-3': heading(3),
  bold: { run: (editor) => editor.chain().focus().toggleBold().run(), active: (editor) => editor.isActive('bold') },
  italic: { run: (editor) => editor.chain().focus().toggleItalic().run(), active: (editor) => editor.isActive('italic') },
  strike: { run: (editor) => editor.chain().focus().toggleStrike().run(), active: (editor) => editor.isActive('strike') },
  code: { run: (editor) => editor.chain().focus().toggleCode().run(), active: (editor) => editor.isActive('code') },
  'bullet-list': { run: (editor) => editor.chain().focus().toggleBulletList().run(), active: (editor) => editor.isActive('bulletList') },
  'ordered-list': { run: (editor) => editor.chain().focus().toggleOrderedList().run(), active: (editor) => editor.isActive('orderedList') },
  quote: { run: (editor) => editor.chain().focus().toggleBlockquote().run(), active: (editor) => editor.isActive('blockquote') },
  'code-block': { run: (editor) => editor.chain().focus().toggleCodeBlock().run(), active: (editor) => editor.isActive('codeBlock') },
}

function readableKeys(keys: string): string {
  const apple = /Mac|iPhone|iPad/.test(navigator.userAgent)
  return apple ? keys.replace('Mod', '⌘').replace('Alt', '⌥').replace('Shift', '⇧').replaceAll('+', '') : keys.replace('Mod', 'Ctrl')
}

export function connectToolbar(toolbar: HTMLElement, editor: Editor): void {
  const buttons = [...toolbar.querySelectorAll<HTMLButtonElement>('button[data-command]')]

  const refresh = (): void => {
    for (const button of buttons) {
      const command = commands[button.dataset['command'] ?? '']
      if (command === undefined) continue
      if (command.active !== undefined) button.setAttribute('aria-pressed', String(editor.isEditable && command.active(editor)))
      // Not the `disabled` attribute: it would take the focus away from a button that was just used.
      button.setAttribute('aria-disabled', String(!editor.isEditable || command.possible?.(editor) === false))
    }
  }

  for (const [index, button] of buttons.entries()) {
    const command = commands[button.dataset['command'] ?? '']
    button.tabIndex = index === 0 ? 0 : -1
    button.title = `${button.ariaLabel} (${readableKeys(button.dataset['keys'] ?? '')})`
    // Keeps the selection in the editor while a mouse presses the button.
    button.addEventListener('pointerdown', (event) => event.preventDefault())
    button.addEventListener('click', () => {
      if (button.ariaDisabled !== 'true') command?.run(editor)
    })
  }

  toolbar.addEventListener('keydown', (event) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    const current = buttons.indexOf(document.activeElement as HTMLButtonElement)
    const next = buttons.at((current + step) % buttons.length)
    if (step === 0 || current === -1 || next === undefined) return
    event.preventDefault()
    for (const button of buttons) button.tabIndex = button === next ? 0 : -1
    next.focus()
  })

  // The undo stack changes after the transaction that is being reported, so look once the turn is over.
  let pending = false
  const refreshSoon = (): void => {
    if (pending) return
    pending = true
    requestAnimationFrame(() => {
      pending = false
      refresh()
    })
  }
  editor.on('transaction', refreshSoon)
  editor.on('update', refreshSoon)
  refresh()
}
