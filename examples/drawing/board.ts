// The sheet on the screen: paints the strokes, and makes strokes out of what a mouse, a pen or a finger does.
import { type Drawing, type Pen, type Stroke, sheet } from './drawing.js'

export interface BoardOptions {
  readonly canvas: HTMLCanvasElement
  readonly drawing: Drawing
  /** What is drawn with; null while nothing may be drawn. */
  readonly pen: () => Pen | null
}

export function showBoard({ canvas, drawing, pen }: BoardOptions): void {
  const context = canvas.getContext('2d')
  if (context === null) throw new Error('This browser has no canvas.')
  let waiting = false

  function paint(): void {
    waiting = false
    if (context === null) return
    context.setTransform(canvas.width / sheet.width, 0, 0, canvas.height / sheet.height, 0, 0)
    context.clearRect(0, 0, sheet.width, sheet.height)
    context.lineCap = 'round'
    context.lineJoin = 'round'
    for (const stroke of drawing.strokes()) {
      context.strokeStyle = stroke.color
      context.lineWidth = stroke.width
      context.stroke(pathOf(stroke))
    }
  }

  /** Once per frame, however much changed. */
  function paintSoon(): void {
    if (!waiting) requestAnimationFrame(paint)
    waiting = true
  }

  drawing.onChange(paintSoon)
  new ResizeObserver(() => {
    canvas.width = canvas.clientWidth * devicePixelRatio
    canvas.height = canvas.clientHeight * devicePixelRatio
    paint()
  }).observe(canvas)
  takeStrokes(canvas, drawing, pen)
}

function takeStrokes(canvas: HTMLCanvasElement, drawing: Drawing, pen: () => Pen | null): void {
  /** The pointer that draws: one at a time, so that a palm beside a pen draws nothing. */
  let drawingPointer: number | null = null

  canvas.addEventListener('pointerdown', (down) => {
    const used = pen()
    if (used === null || drawingPointer !== null || down.button !== 0) return
    drawingPointer = down.pointerId
    // A stroke that leaves the sheet goes on, and ends where the pointer is let go.
    canvas.setPointerCapture(down.pointerId)
    const extend = drawing.begin(used)
    let points: number[] = pointOn(canvas, down)
    let frame = 0
    const flush = (): void => {
      frame = 0
      if (points.length > 0) extend(points)
      points = []
    }
    const move = (event: PointerEvent): void => {
      if (event.pointerId !== down.pointerId) return
      // A frame may have many points, and is one edit.
      const between = event.getCoalescedEvents()
      for (const each of between.length > 0 ? between : [event]) points.push(...pointOn(canvas, each))
      frame ||= requestAnimationFrame(flush)
    }
    const end = (event: PointerEvent): void => {
      if (event.pointerId !== down.pointerId) return
      drawingPointer = null
      cancelAnimationFrame(frame)
      flush()
      canvas.removeEventListener('pointermove', move)
      for (const name of ['pointerup', 'pointercancel'] as const) canvas.removeEventListener(name, end)
    }
    flush()
    canvas.addEventListener('pointermove', move)
    for (const name of ['pointerup', 'pointercancel'] as const) canvas.addEventListener(name, end)
  })
}

/** Where a pointer is, in units of the sheet: x and y. */
export function pointOn(canvas: HTMLCanvasElement, { clientX, clientY }: PointerEvent): [number, number] {
  const { left, top, width, height } = canvas.getBoundingClientRect()
  return [((clientX - left) / width) * sheet.width, ((clientY - top) / height) * sheet.height]
}

const paths = new WeakMap<Stroke, Path2D>()

/** A line through the middles of neighbouring points, bent towards the points: round, where the points alone would be corners. */
function pathOf(stroke: Stroke): Path2D {
  const known = paths.get(stroke)
  if (known !== undefined) return known
  const path = new Path2D()
  const { points } = stroke
  const [startX = 0, startY = 0] = points
  path.moveTo(startX, startY)
  for (let index = 2; index + 1 < points.length; index += 2) {
    const [lastX = 0, lastY = 0, x = 0, y = 0] = points.slice(index - 2, index + 2)
    path.quadraticCurveTo(lastX, lastY, (lastX + x) / 2, (lastY + y) / 2)
  }
  const [endX = startX, endY = startY] = points.length % 2 === 0 ? points.slice(-2) : []
  path.lineTo(endX, endY)
  paths.set(stroke, path)
  return path
}
