// Edits by a program that has no Yjs: text by position, and maps and arrays by JSON patch (RFC 6902), as one Yjs update on the document as
// it is now.
import { isDeepStrictEqual } from 'node:util'
import * as Y from 'yjs'
import { jsonOf, kindOf, typedRoot } from './roots.js'

/** Positions are in UTF-16 units, as in Yjs, and each edit sees what those before it did. */
export interface TextEdit {
  readonly root: string
  readonly at: number
  readonly delete?: number | undefined
  readonly insert?: string | undefined
  readonly attributes?: Readonly<Record<string, unknown>> | undefined
}

/** The first segment of a path is the root type. Values that are objects or lists become shared maps and arrays. */
export type PatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }
  /** What is there is made anew at `path`, with all that is in it: Yjs moves nothing, so what others change in it at that moment stays where it was. */
  | { readonly op: 'move' | 'copy'; readonly from: string; readonly path: string }

/** What was asked for does not fit the document. */
export class EditMismatch extends Error {}

/** Throws `EditMismatch`; then nothing of it is done. */
export function edit(doc: Y.Doc, texts: readonly TextEdit[], patch: readonly PatchOperation[]): Uint8Array {
  const before = Y.encodeStateVector(doc)
  let failure: unknown = null
  doc.transact(() => {
    try {
      for (const one of texts) editText(doc, one)
      for (const operation of patch) applyOperation(doc, operation)
    } catch (thrown) {
      failure = thrown
    }
  })
  if (failure !== null) throw failure
  return Y.encodeStateAsUpdate(doc, before)
}

function editText(doc: Y.Doc, { root, at, delete: length = 0, insert = '', attributes }: TextEdit): void {
  const held = doc.share.get(root)
  const kind = held === undefined ? 'unknown' : kindOf(held)
  if (kind !== 'text' && kind !== 'unknown') throw new EditMismatch(`"${root}" is of kind ${kind}; only text is edited by position.`)
  const text = doc.getText(root)
  if (at > text.length || at + length > text.length)
    throw new EditMismatch(`"${root}" has ${text.length} characters; an edit at ${at} of ${length} characters lies beyond them.`)
  if (length > 0) text.delete(at, length)
  if (insert !== '') text.insert(at, insert, attributes === undefined ? undefined : { ...attributes })
}

function applyOperation(doc: Y.Doc, operation: PatchOperation): void {
  switch (operation.op) {
    case 'test': {
      const { holder, key } = placeAt(doc, operation.path)
      if (!isDeepStrictEqual(plain(jsonOf(childOf(holder, key, operation.path))), operation.value))
        throw new EditMismatch(`The test of "${operation.path}" failed: something else is there.`)
      return
    }
    case 'move':
    case 'copy': {
      const { from, path } = operation
      if (operation.op === 'move' && path.startsWith(`${from}/`))
        throw new EditMismatch(`"${from}" cannot be moved into itself, to "${path}".`)
      const { holder, key } = placeAt(doc, from)
      const value = anew(childOf(holder, key, from))
      if (operation.op === 'move') change(holder, key, { op: 'remove', path: from })
      const to = placeAt(doc, path)
      change(to.holder, to.key, { op: 'add', path, value })
      return
    }
    default: {
      const { holder, key } = placeAt(doc, operation.path)
      change(holder, key, operation.op === 'remove' ? operation : { ...operation, value: sharedOf(operation.value) })
    }
  }
}

/** The map or list that holds what a path names, and where in it. */
function placeAt(doc: Y.Doc, path: string): { readonly holder: Y.Map<unknown> | Y.Array<unknown>; readonly key: string } {
  const segments = pathOf(path)
  const key = segments.pop()
  const [root, ...inner] = segments
  if (root === undefined || key === undefined)
    throw new EditMismatch(`The path "${path}" names no place in a root type; it begins with the name of one.`)
  let holder = rootFor(doc, root, inner[0] ?? key)
  for (const segment of inner) {
    const next = childOf(holder, segment, path)
    if (!(next instanceof Y.Map || next instanceof Y.Array))
      throw new EditMismatch(`The path "${path}" leads into something that is no map or array.`)
    holder = next
  }
  return { holder, key }
}

/** As JSON pointers have it: `~1` is `/`, `~0` is `~`. */
function pathOf(path: string): string[] {
  if (!path.startsWith('/')) throw new EditMismatch(`The path "${path}" does not begin with a slash.`)
  return path
    .slice(1)
    .split('/')
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function rootFor(doc: Y.Doc, name: string, child: string): Y.Map<unknown> | Y.Array<unknown> {
  const held = doc.share.get(name)
  const kind = held === undefined ? 'unknown' : kindOf(held)
  // Of a root that holds nothing yet, the first child's name says what it is.
  const type = typedRoot(doc, name, kind === 'unknown' ? (/^(\d+|-)$/.test(child) ? 'array' : 'map') : kind)
  if (type instanceof Y.Map || type instanceof Y.Array) return type
  throw new EditMismatch(`"${name}" is of kind ${kind}; a JSON patch is for maps and arrays.`)
}

function childOf(target: Y.Map<unknown> | Y.Array<unknown>, segment: string, path: string): unknown {
  const there = target instanceof Y.Map ? target.has(segment) : indexIn(target, segment, path) < target.length
  if (!there) throw new EditMismatch(`There is nothing at "${segment}" of the path "${path}".`)
  return target instanceof Y.Map ? target.get(segment) : target.get(Number(segment))
}

function indexIn(array: Y.Array<unknown>, segment: string, path: string): number {
  if (segment === '-') return array.length
  const index = /^(0|[1-9]\d*)$/.test(segment) ? Number(segment) : Number.NaN
  if (!(index <= array.length)) throw new EditMismatch(`"${segment}" in the path "${path}" is no position in a list of ${array.length}.`)
  return index
}

/** `value` is as Yjs keeps it. */
type Change =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }

function change(holder: Y.Map<unknown> | Y.Array<unknown>, key: string, operation: Change): void {
  if (holder instanceof Y.Map) changeMap(holder, key, operation)
  else changeArray(holder, key, operation)
}

function changeMap(map: Y.Map<unknown>, key: string, operation: Change): void {
  if (operation.op !== 'add' && !map.has(key)) throw new EditMismatch(`There is nothing at "${operation.path}".`)
  if (operation.op === 'remove') map.delete(key)
  else map.set(key, operation.value)
}

function changeArray(array: Y.Array<unknown>, segment: string, operation: Change): void {
  const index = indexIn(array, segment, operation.path)
  if (operation.op !== 'add') {
    if (index >= array.length) throw new EditMismatch(`There is nothing at "${operation.path}".`)
    array.delete(index, 1)
  }
  if (operation.op !== 'remove') array.insert(index, [operation.value])
}

/** A shared type can stand in one place only. */
function anew(value: unknown): unknown {
  return value instanceof Y.AbstractType ? value.clone() : value
}

/** As it would come over the wire. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value))
}

function sharedOf(value: unknown): unknown {
  if (Array.isArray(value)) return Y.Array.from(value.map(sharedOf) as unknown[] as string[])
  if (typeof value === 'object' && value !== null) return new Y.Map(Object.entries(value).map(([key, inner]) => [key, sharedOf(inner)]))
  return value
}
