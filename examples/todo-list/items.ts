// What is to be done, as a Y.Array of Y.Maps: two people may change, add and remove things at once, and nothing of either is lost.
import { useMemo } from 'react'
import { type OpenDocument, useUndo, useY } from 'weft-sync/react'
import * as Y from 'yjs'

export interface Item {
  readonly id: string
  readonly text: string
  readonly done: boolean
}

export interface Items {
  /** Undefined until the list is there. */
  readonly all: readonly Item[] | undefined
  add(text: string): void
  change(id: string, change: Partial<Omit<Item, 'id'>>): void
  remove(id: string): void
  /** Takes back what was done here last, and nothing of others. */
  undo(): boolean
}

export function useItems(document: OpenDocument | null): Items {
  const list = document?.doc.getArray<Y.Map<unknown>>('items')
  const all = useY(list, (items) => items.map(itemOf))
  const actions = useMemo(() => (list === undefined ? null : actionsOn(list)), [list])
  const { undo } = useUndo(document, (doc) => doc.getArray('items'), { captureTimeoutMs: 0 })
  return { all, ...(actions ?? nothingYet), undo }
}

function itemOf(item: Y.Map<unknown>): Item {
  const [id, text, done] = ['id', 'text', 'done'].map((key) => item.get(key))
  return { id: String(id), text: typeof text === 'string' ? text : '', done: done === true }
}

const ignore = (): void => {}
const nothingYet = { add: ignore, change: ignore, remove: ignore }

function actionsOn(list: Y.Array<Y.Map<unknown>>): Omit<Items, 'all' | 'undo'> {
  // One step for undo, and one edit for the server.
  const act = (run: () => void): void => list.doc?.transact(run)
  const indexOf = (id: string): number => list.toArray().findIndex((item) => item.get('id') === id)
  return {
    add: (text) => act(() => list.push([new Y.Map<unknown>(Object.entries({ id: crypto.randomUUID(), text, done: false }))])),
    change: (id, change) =>
      act(() => {
        const index = indexOf(id)
        // Somebody else may have removed it just now.
        if (index >= 0) for (const [key, value] of Object.entries(change)) list.get(index).set(key, value)
      }),
    remove: (id) =>
      act(() => {
        const index = indexOf(id)
        if (index >= 0) list.delete(index)
      }),
  }
}
