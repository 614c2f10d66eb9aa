// The bar with colours, widths, undo, redo and clear.
import type { Drawing, Pen } from './drawing.js'

const widths = [
  ['Fine', 4],
  ['Medium', 9],
  ['Broad', 22],
] as const

const colors = [
  ['Ink', '#22262b'],
  ['Red', '#d23b2e'],
  ['Orange', '#e8890c'],
  ['Green', '#2f9e5b'],
  ['Blue', '#2f6fde'],
  ['Violet', '#8b46c9'],
] as const

export interface Tools {
  readonly bar: HTMLElement
  /** What is chosen; null while nothing may be drawn. */
  pen(): Pen | null
  permit(writable: boolean): void
}

export function createTools(drawing: Drawing): Tools {
  const bar = document.createElement('fieldset')
  bar.className = 'tools'
  bar.ariaLabel = 'Tools'
  let color: string = colors[4][1]
  let width: number = widths[1][1]
  let writable = false

  for (const [label, value] of colors)
    bar.append(
      choice(
        'color',
        label,
        value === color,
        (dot) => dot.style.setProperty('--dot', value),
        () => {
          color = value
        },
      ),
    )
  bar.append(document.createElement('hr'))
  for (const [label, value] of widths)
    bar.append(
      choice(
        'width',
        label,
        value === width,
        (dot) => dot.style.setProperty('--size', `${value}px`),
        () => {
          width = value
        },
      ),
    )
  bar.append(document.createElement('hr'))
  const undo = action('Undo', '↶', () => drawing.undo())
  const redo = action('Redo', '↷', () => drawing.redo())
  const clear = action('Clear', 'Clear', () => drawing.clear())
  bar.append(undo, redo, clear)

  const refresh = (): void => {
    bar.disabled = !writable
    undo.disabled = !drawing.undoable.undo
    redo.disabled = !drawing.undoable.redo
    clear.disabled = drawing.strokes().length === 0
  }
  drawing.onChange(refresh)
  refresh()

  addEventListener('keydown', (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'z' || event.target instanceof HTMLInputElement) return
    event.preventDefault()
    if (!writable) return
    if (event.shiftKey) drawing.redo()
    else drawing.undo()
  })

  return {
    bar,
    pen: () => (writable ? { color, width } : null),
    permit(value) {
      writable = value
      refresh()
    },
  }
}

function choice(group: string, label: string, checked: boolean, look: (dot: HTMLElement) => void, choose: () => void): HTMLElement {
  const input = document.createElement('input')
  input.type = 'radio'
  input.name = group
  input.checked = checked
  input.title = label
  input.ariaLabel = label
  look(input)
  input.addEventListener('change', choose)
  return input
}

function action(label: string, sign: string, run: () => void): HTMLButtonElement {
  const button = document.createElement('button')
  button.type = 'button'
  button.title = label
  button.ariaLabel = label
  button.textContent = sign
  button.addEventListener('click', run)
  return button
}
