// What is drawn, as shared types: a list of strokes, each a map with its colour, its width and the list of its points. Everybody sees a stroke grow while it is
// drawn, and undo takes back one's own strokes only.
import * as Y from 'yjs'

/** The sheet's size in its own units. Windows show all of it, at whatever size there is room for. */
export const sheet = { width: 1600, height: 1000 } as const

export interface Pen {
  readonly color: string
  /** In units of the sheet. */
  readonly width: number
}

export interface Stroke extends Pen {
  /** x, y, x, y, … in units of the sheet. */
  readonly points: readonly number[]
}

export interface Undoable {
  readonly undo: boolean
  readonly redo: boolean
}

export class Drawing {
  readonly #doc: Y.Doc
  readonly #strokes: Y.Array<unknown>
  readonly #undo: Y.UndoManager
  /** What was read of each stroke, until it changes. */
  readonly #read = new Map<Y.Map<unknown>, Stroke | null>()
  readonly #listeners: (() => void)[] = []

  constructor(doc: Y.Doc) {
    this.#doc = doc
    this.#strokes = doc.getArray('strokes')
    // What belongs together is said by `stopCapturing`, not by how fast it was drawn.
    this.#undo = new Y.UndoManager(this.#strokes, { trackedOrigins: new Set([this]), captureTimeout: Number.POSITIVE_INFINITY })
    this.#strokes.observeDeep((events) => {
      for (const { target } of events) {
        const stroke = target instanceof Y.Map ? target : target.parent
        if (stroke instanceof Y.Map) this.#read.delete(stroke)
      }
      this.#tell()
    })
    for (const event of ['stack-item-added', 'stack-item-popped', 'stack-cleared'] as const) this.#undo.on(event, () => this.#tell())
  }

  /** The lowest first. States come from other browsers and may have any shape: what is no stroke is left out. */
  strokes(): Stroke[] {
    const strokes: Stroke[] = []
    for (const shared of this.#strokes) {
      if (!(shared instanceof Y.Map)) continue
      let stroke = this.#read.get(shared)
      if (stroke === undefined) {
        stroke = strokeIn(shared)
        this.#read.set(shared, stroke)
      }
      if (stroke !== null) strokes.push(stroke)
    }
    return strokes
  }

  /** Starts a stroke and answers what makes it longer. */
  begin({ color, width }: Pen): (points: readonly number[]) => void {
    const points = new Y.Array<number>()
    this.#undo.stopCapturing()
    this.#change(() => {
      this.#strokes.push([
        new Y.Map<unknown>([
          ['color', color],
          ['width', width],
          ['points', points],
        ]),
      ])
    })
    return (more) => this.#change(() => points.push(more.map(Math.round)))
  }

  clear(): void {
    this.#undo.stopCapturing()
    this.#change(() => this.#strokes.delete(0, this.#strokes.length))
  }

  undo(): void {
    this.#undo.undo()
  }

  redo(): void {
    this.#undo.redo()
  }

  get undoable(): Undoable {
    return { undo: this.#undo.canUndo(), redo: this.#undo.canRedo() }
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  #change(change: () => void): void {
    this.#doc.transact(change, this)
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}

function strokeIn(shared: Y.Map<unknown>): Stroke | null {
  const [color, width, points] = ['color', 'width', 'points'].map((key) => shared.get(key))
  if (typeof color !== 'string' || typeof width !== 'number' || !(points instanceof Y.Array)) return null
  return { color, width, points: points.toArray().filter((value) => Number.isFinite(value)) }
}
