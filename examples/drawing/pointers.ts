// Everybody's pointer over the sheet, by awareness: it is never stored, and it is gone when its owner is.
import type { Awareness } from 'weft-sync/client'
import { identityIn } from '../react-editor/identity.js'
import { pointOn } from './board.js'
import { sheet } from './drawing.js'

const arrow = 'M1 1 L1 15 L5 11.5 L7.6 17.2 L10.2 16 L7.6 10.5 L13 10.5 Z'

/** Shares this person's pointer, and shows those of the others in `layer`, which lies over the canvas. */
export function sharePointers(canvas: HTMLCanvasElement, layer: HTMLElement, awareness: Awareness): void {
  let frame = 0
  const say = (pointer: readonly [number, number] | null): void => {
    cancelAnimationFrame(frame)
    frame = requestAnimationFrame(() => awareness.setLocalStateField('pointer', pointer?.map(Math.round) ?? null))
  }
  canvas.addEventListener('pointermove', (event) => say(pointOn(canvas, event)))
  canvas.addEventListener('pointerleave', () => say(null))

  const shown = new Map<number, HTMLElement>()
  const show = (): void => {
    for (const [clientId, state] of awareness.getStates()) {
      const identity = identityIn(state['user'])
      const point = pointIn(state['pointer'])
      if (clientId === awareness.clientID || identity === undefined || point === undefined) continue
      let pointer = shown.get(clientId)
      if (pointer === undefined) {
        pointer = createPointer(identity.name, identity.color)
        shown.set(clientId, pointer)
        layer.append(pointer)
      }
      pointer.style.left = `${(100 * point[0]) / sheet.width}%`
      pointer.style.top = `${(100 * point[1]) / sheet.height}%`
    }
    for (const [clientId, pointer] of shown) {
      if (pointIn(awareness.getStates().get(clientId)?.['pointer']) !== undefined) continue
      pointer.remove()
      shown.delete(clientId)
    }
  }
  awareness.on('change', show)
  show()
}

function pointIn(value: unknown): readonly [number, number] | undefined {
  if (!Array.isArray(value)) return undefined
  const [x, y]: unknown[] = value
  return typeof x === 'number' && typeof y === 'number' ? [x, y] : undefined
}

function createPointer(name: string, color: string): HTMLElement {
  const pointer = document.createElement('div')
  pointer.className = 'pointer'
  pointer.style.setProperty('--color', color)
  const picture = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path')
  path.setAttribute('d', arrow)
  picture.append(path)
  const label = document.createElement('span')
  label.textContent = name
  pointer.append(picture, label)
  return pointer
}
