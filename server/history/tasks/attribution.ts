// Who wrote what is there: for each run of text, element of a list and key of a map, the Yjs client id that wrote it.
import * as Y from 'yjs'
import { insidesOf, kindOf, type RootKind, rootNames, typedRoot } from './roots.js'

/** Text that one client wrote in one go, or one element, which is then without text. */
export interface AttributedRun {
  readonly clientId: number
  readonly text: string | null
  /** Characters, or elements. */
  readonly length: number
}

export interface AttributedRoot {
  readonly name: string
  readonly kind: RootKind
  /** In the order of the content, over all that is nested in it. */
  readonly runs: readonly AttributedRun[]
  /** Key → the client id that set it. */
  readonly keys: Readonly<Record<string, number>>
}

export function attribute(doc: Y.Doc): readonly AttributedRoot[] {
  return rootNames(doc).map((name) => {
    const held = doc.share.get(name)
    const kind = held === undefined ? 'unknown' : kindOf(held)
    typedRoot(doc, name, kind)
    const type = doc.share.get(name)
    const runs: AttributedRun[] = []
    if (type !== undefined) collect(type, runs)
    return { name, kind, runs, keys: type === undefined ? {} : keysOf(type) }
  })
}

function collect(type: object, runs: AttributedRun[]): void {
  for (let item = insidesOf(type)._start; item !== null; item = item.right) {
    if (item.deleted || !item.countable) continue
    const { content } = item
    if (content instanceof Y.ContentString) add(runs, item.id.client, content.str)
    else {
      add(runs, item.id.client, null, item.length)
      if (content instanceof Y.ContentType) {
        collect(content.type, runs)
        for (const value of insidesOf(content.type)._map.values()) collectValue(value, runs)
      }
    }
  }
  for (const value of insidesOf(type)._map.values()) collectNested(value, runs)
}

function collectValue(item: Y.Item, runs: AttributedRun[]): void {
  if (item.deleted) return
  add(runs, item.id.client, null, item.length)
  collectNested(item, runs)
}

function collectNested(item: Y.Item, runs: AttributedRun[]): void {
  if (!item.deleted && item.content instanceof Y.ContentType) collect(item.content.type, runs)
}

function add(runs: AttributedRun[], clientId: number, text: string | null, length = text?.length ?? 1): void {
  const last = runs.at(-1)
  if (last !== undefined && last.clientId === clientId && (last.text === null) === (text === null)) {
    runs[runs.length - 1] = { clientId, text: text === null ? null : last.text + text, length: last.length + length }
    return
  }
  runs.push({ clientId, text, length })
}

function keysOf(type: object): Record<string, number> {
  return Object.fromEntries([...insidesOf(type)._map].filter(([, item]) => !item.deleted).map(([key, item]) => [key, item.id.client]))
}
