// The one edit that makes a document read as it did at an earlier moment, whatever was written since.
//
// How: what was alive at the moment is loaded into a document that keeps what is deleted, everything that came since is applied as one
// undoable change, and that is undone. It needs no knowledge of the root types, and works whether or not content was collected since: what
// was alive then is in the earlier state. The result is checked against the moment before anybody sees it. Where it differs, the roots that
// differ are replaced as a whole, and the report says so.
import * as Y from 'yjs'
import { contentOf, jsonOf, type RootKind, rootNames, rootOf, typedRoot } from './roots.js'

export interface RestoreReport {
  /**
   * `undo`: exactly the changes since are taken back. `replaced`: some roots had to be replaced as a whole. `nothing`: it reads that way
   * already.
   */
  readonly method: 'undo' | 'replaced' | 'nothing'
  /** The roots that read differently afterwards. */
  readonly roots: readonly string[]
  /** Of these, the ones that were replaced as a whole. */
  readonly replaced: readonly string[]
}

export interface Restored extends RestoreReport {
  /** The forward update, v1 encoding; empty when nothing is to be done. */
  readonly update: Uint8Array
  /** The whole document as it is before the restore, v1 encoding; empty when nothing is to be done. */
  readonly present: Uint8Array
}

/** The document cannot be made to read as it did. */
export class NotRestorable extends Error {}

const ORIGIN = 'what came since'
/** Everything that came since is one change, however long ago. */
const CAPTURE_MS = 1e12

/** `root`: only this one. Throws `NotRestorable`, and whatever Yjs throws for bytes that it cannot apply. */
export function restore(then: readonly Uint8Array[], now: readonly Uint8Array[], root: string | null): Restored {
  const check = docOf(now, { gc: true })
  // What is alive in it at the moment stays in it, whatever comes.
  const past = docOf(then, { gc: false })
  try {
    const wanted = contentsOf(past)
    const current = contentsOf(check)
    if (root !== null && !past.share.has(root) && !check.share.has(root))
      throw new NotRestorable(`There is no root type "${root}", neither then nor now.`)
    const all = [...new Set([...wanted.keys(), ...current.keys()])].sort()
    const names = root === null ? all : [root]
    const roots = names.filter((name) => contentIn(wanted, name) !== contentIn(current, name))
    if (roots.length === 0) return { method: 'nothing', roots: [], replaced: [], update: new Uint8Array(0), present: new Uint8Array(0) }

    const present = Y.encodeStateAsUpdate(check)
    const kindOfRoot = (name: string): RootKind => {
      const { kind } = rootOf(past, name)
      return kind === 'unknown' ? rootOf(check, name).kind : kind
    }
    const kinds = new Map(names.map((name) => [name, kindOfRoot(name)]))
    const since = Y.encodeStateAsUpdate(check, Y.encodeStateVector(past))
    const update = undone(past, since, root === null ? null : typedRoot(past, root, kinds.get(root) ?? 'unknown'), root !== null)
    if (update !== null) Y.applyUpdate(check, update)
    const left = names.filter((name) => contentOf(check, name) !== contentIn(wanted, name))
    const others = all.filter((name) => !names.includes(name) && contentOf(check, name) !== contentIn(current, name))
    if (update !== null && left.length === 0 && others.length === 0) return { method: 'undo', roots, replaced: [], update, present }

    // Root by root, for those that the undoing did not bring back; if it touched others, without it.
    const isOfUse = update !== null && others.length === 0
    const rest = isOfUse ? left : roots
    const replacing = replacement(then, isOfUse ? [...now, update] : now, rest, kinds)
    const whole = isOfUse ? Y.mergeUpdates([update, replacing]) : replacing
    const result = docOf([...now, whole], { gc: true })
    const wrong = names.filter((name) => contentOf(result, name) !== contentIn(wanted, name))
    result.destroy()
    if (wrong.length > 0) throw new NotRestorable(`These root types cannot be made to read as they did: ${wrong.join(', ')}.`)
    return { method: 'replaced', roots, replaced: rest, update: whole, present }
  } finally {
    check.destroy()
    past.destroy()
  }
}

/** What is empty reads like what is not there. */
function contentsOf(doc: Y.Doc): ReadonlyMap<string, string | null> {
  return new Map(rootNames(doc).map((name) => [name, contentOf(doc, name)]))
}

function contentIn(contents: ReadonlyMap<string, string | null>, name: string): string | null {
  return contents.get(name) ?? null
}

function docOf(updates: readonly Uint8Array[], options: { readonly gc: boolean }): Y.Doc {
  const doc = new Y.Doc(options)
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update)
  })
  return doc
}

/**
 * Applies what came since to the document of the moment, and takes it back. Null if there is nothing to undo. `since` is one update, which
 * costs a fraction of the log row by row. `root`: only this one, where `isOneRoot`.
 */
function undone(past: Y.Doc, since: Uint8Array, root: ReturnType<typeof typedRoot>, isOneRoot: boolean): Uint8Array | null {
  const scope = isOneRoot ? root : past
  if (scope === null) return null
  const manager = new Y.UndoManager(scope, { trackedOrigins: new Set([ORIGIN]), captureTimeout: CAPTURE_MS })
  Y.applyUpdate(past, since, ORIGIN)
  const updates: Uint8Array[] = []
  past.on('update', (update: Uint8Array) => updates.push(update))
  manager.undo()
  manager.destroy()
  return updates.length === 0 ? null : Y.mergeUpdates(updates)
}

/** An update that makes these roots read as they do in `wanted`, by replacing what is in them. */
function replacement(
  then: readonly Uint8Array[],
  now: readonly Uint8Array[],
  roots: readonly string[],
  kinds: ReadonlyMap<string, RootKind>,
): Uint8Array {
  const wanted = docOf(then, { gc: true })
  const doc = docOf(now, { gc: true })
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  doc.transact(() => {
    for (const name of roots) replaceRoot(wanted, doc, name, kinds.get(name) ?? 'unknown')
  })
  for (const one of [wanted, doc]) one.destroy()
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
