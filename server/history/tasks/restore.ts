// The one edit that makes a document read as it did at an earlier moment, whatever was written since.
//
// How: what was alive at the moment is loaded into a document that keeps what is deleted, everything that came since is applied as one undoable change, and that is
// undone. It needs no knowledge of the root types, and works whether or not content was collected since: what was alive then is in the earlier state.
// The result is checked against the moment before anybody sees it. Where it differs, the roots that differ are replaced as a whole, and the report says so.
import * as Y from 'yjs'
import { contentOf, jsonOf, type RootKind, rootNames, rootOf, typedRoot } from './roots.js'

export interface RestoreReport {
  /** `undo`: exactly the changes since are taken back. `replaced`: some roots had to be replaced as a whole. `nothing`: it reads that way already. */
  readonly method: 'undo' | 'replaced' | 'nothing'
  /** The roots that read differently afterwards. */
  readonly roots: readonly string[]
  /** Of these, the ones that were replaced as a whole. */
  readonly replaced: readonly string[]
}

export interface Restored extends RestoreReport {
  /** The forward update, v1 encoding; empty when nothing is to be done. */
  readonly update: Uint8Array
}

/** The document cannot be made to read as it did. */
export class NotRestorable extends Error {}

const ORIGIN = 'what came since'
/** Everything that came since is one change, however long ago. */
const CAPTURE_MS = 1e12

/** `root`: only this one. Throws `NotRestorable`, and whatever Yjs throws for bytes that it cannot apply. */
export function restore(then: readonly Uint8Array[], now: readonly Uint8Array[], root: string | null): Restored {
  const wanted = docOf(then, { gc: true })
  const current = docOf(now, { gc: true })
  try {
    const names = root === null ? [...new Set([...rootNames(wanted), ...rootNames(current)])].sort() : [root]
    if (root !== null && !wanted.share.has(root) && !current.share.has(root))
      throw new NotRestorable(`There is no root type "${root}", neither then nor now.`)
    const differing = (doc: Y.Doc): string[] => names.filter((name) => !sameRoot(wanted, doc, name))
    const roots = differing(current)
    if (roots.length === 0) return { method: 'nothing', roots: [], replaced: [], update: new Uint8Array(0) }

    const kinds = new Map(names.map((name) => [name, kindIn(wanted, current, name)]))
    const update = undone(then, now, root === null ? null : { name: root, kind: kinds.get(root) ?? 'unknown' })
    const attempt = docOf([...now, ...(update === null ? [] : [update])], { gc: true })
    const left = differing(attempt)
    const others = root === null ? [] : rootNames(current).filter((name) => name !== root && !sameRoot(current, attempt, name))
    attempt.destroy()
    if (left.length === 0 && others.length === 0 && update !== null) return { method: 'undo', roots, replaced: [], update }

    // Root by root, for those that the undoing did not bring back; if it touched others, without it.
    const start = others.length === 0 && update !== null ? [...now, update] : now
    const rest = others.length === 0 && update !== null ? left : roots
    const replacing = replacement(wanted, start, rest, kinds)
    const whole = others.length === 0 && update !== null ? Y.mergeUpdates([update, replacing]) : replacing
    const check = docOf([...now, whole], { gc: true })
    const wrong = differing(check)
    check.destroy()
    if (wrong.length > 0) throw new NotRestorable(`These root types cannot be made to read as they did: ${wrong.join(', ')}.`)
    return { method: 'replaced', roots, replaced: rest, update: whole }
  } finally {
    wanted.destroy()
    current.destroy()
  }
}

function docOf(updates: readonly Uint8Array[], options: { readonly gc: boolean }): Y.Doc {
  const doc = new Y.Doc(options)
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update)
  })
  return doc
}

function kindIn(wanted: Y.Doc, current: Y.Doc, name: string): RootKind {
  const { kind } = rootOf(wanted, name)
  return kind === 'unknown' ? rootOf(current, name).kind : kind
}

function sameRoot(a: Y.Doc, b: Y.Doc, name: string): boolean {
  return contentOf(a, name) === contentOf(b, name)
}

/** Null if there is nothing to undo. */
function undone(
  then: readonly Uint8Array[],
  now: readonly Uint8Array[],
  only: { readonly name: string; readonly kind: RootKind } | null,
): Uint8Array | null {
  const doc = docOf(then, { gc: false })
  try {
    const scope = only === null ? doc : typedRoot(doc, only.name, only.kind)
    if (scope === null) return null
    const manager = new Y.UndoManager(scope, { trackedOrigins: new Set([ORIGIN]), captureTimeout: CAPTURE_MS })
    doc.transact(() => {
      for (const update of now) Y.applyUpdate(doc, update, ORIGIN)
    }, ORIGIN)
    const updates: Uint8Array[] = []
    doc.on('update', (update: Uint8Array) => updates.push(update))
    manager.undo()
    manager.destroy()
    return updates.length === 0 ? null : Y.mergeUpdates(updates)
  } finally {
    doc.destroy()
  }
}

/** An update that makes these roots read as they do in `wanted`, by replacing what is in them. */
function replacement(
  wanted: Y.Doc,
  now: readonly Uint8Array[],
  roots: readonly string[],
  kinds: ReadonlyMap<string, RootKind>,
): Uint8Array {
  const doc = docOf(now, { gc: true })
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  doc.transact(() => {
    for (const name of roots) replaceRoot(wanted, doc, name, kinds.get(name) ?? 'unknown')
  })
  doc.destroy()
  return updates.length === 0 ? Uint8Array.of(0, 0) : Y.mergeUpdates(updates)
}

function replaceRoot(wanted: Y.Doc, doc: Y.Doc, name: string, kind: RootKind): void {
  const [from, to] = [typedRoot(wanted, name, kind), typedRoot(doc, name, kind)]
  if (from instanceof Y.Text && to instanceof Y.Text) {
    to.delete(0, to.length)
    to.applyDelta(from.toDelta())
  } else if (from instanceof Y.Map && to instanceof Y.Map) {
    for (const key of to.keys()) if (!from.has(key)) to.delete(key)
    for (const [key, value] of from.entries())
      if (JSON.stringify(jsonOf(value)) !== JSON.stringify(jsonOf(to.get(key)))) to.set(key, copyOf(value))
  } else if (from instanceof Y.Array && to instanceof Y.Array) {
    to.delete(0, to.length)
    to.insert(0, from.toArray().map(copyOf))
  } else if (from instanceof Y.XmlFragment && to instanceof Y.XmlFragment) {
    to.delete(0, to.length)
    to.insert(
      0,
      from.toArray().map((node) => copyOf(node) as Y.XmlElement),
    )
  }
}

function copyOf(value: unknown): unknown {
  return value instanceof Y.AbstractType ? value.clone() : value
}
