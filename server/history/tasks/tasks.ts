// What history does with decoded documents: each a function from bytes to bytes or JSON, carried out where it can harm nobody.
import * as Y from 'yjs'
import { type AttributedRoot, attribute } from './attribution.js'
import { difference, type RootDifference } from './difference.js'
import { EditMismatch, edit, type PatchOperation, type TextEdit } from './edit.js'
import { htmlOf } from './html.js'
import { markdownOf } from './markdown.js'
import { NotRestorable, type Restored, restore } from './restore.js'
import { blocksOf, plainTextOf, type RichNode } from './rich-text.js'
import { type Root, rootOf, rootsOf } from './roots.js'

/** A document as it was stored: a base and what came after it, in order. */
export type Updates = readonly Uint8Array[]

export const textFormats = ['text', 'html', 'markdown'] as const
export type TextFormat = (typeof textFormats)[number]

export type Task =
  /** Everything in one update, collected. */
  | { readonly kind: 'merge'; readonly updates: Updates }
  | { readonly kind: 'read'; readonly updates: Updates }
  /** `root` null: of all roots that have text, one after the other. */
  | { readonly kind: 'render'; readonly updates: Updates; readonly format: TextFormat; readonly root: string | null }
  | { readonly kind: 'attribute'; readonly updates: Updates }
  | { readonly kind: 'compare'; readonly before: Updates; readonly after: Updates }
  /** The update that carries out edits of a program on the document as it is now. */
  | { readonly kind: 'edit'; readonly updates: Updates; readonly texts: readonly TextEdit[]; readonly patch: readonly PatchOperation[] }
  | { readonly kind: 'restore'; readonly before: Updates; readonly after: Updates; readonly root: string | null }

export interface TaskResults {
  readonly merge: Uint8Array
  readonly read: readonly Root[]
  readonly render: string
  readonly attribute: readonly AttributedRoot[]
  readonly compare: readonly RootDifference[]
  /** A text: why it does not fit. */
  readonly edit: Uint8Array | string
  /** A text: why it cannot be restored. */
  readonly restore: Restored | string
}

export type TaskKind = Task['kind']
export type TaskOf<Kind extends TaskKind> = Extract<Task, { readonly kind: Kind }>

/** Throws what Yjs throws for bytes that it cannot apply. */
export function perform(task: Task): TaskResults[TaskKind] {
  switch (task.kind) {
    case 'merge':
      return withDoc(task.updates, (doc) => Y.encodeStateAsUpdate(doc))
    case 'read':
      return withDoc(task.updates, rootsOf)
    case 'render':
      return withDoc(task.updates, (doc) => rendered(doc, task.format, task.root))
    case 'attribute':
      return withDoc(task.updates, attribute)
    case 'compare':
      return withDoc(task.before, (before) => withDoc(task.after, (after) => difference(before, after)))
    case 'edit':
      return orReason(EditMismatch, () => withDoc(task.updates, (doc) => edit(doc, task.texts, task.patch)))
    case 'restore':
      return orReason(NotRestorable, () => restore(task.before, task.after, task.root))
  }
}

/** An error of this kind says something about the request: its words are the answer. */
function orReason<Result>(refusal: new () => Error, act: () => Result): Result | string {
  try {
    return act()
  } catch (thrown) {
    if (thrown instanceof refusal) return thrown.message
    throw thrown
  }
}

/** All that goes into a task: what it will cost is told from these bytes. */
export function updatesOf(task: Task): Updates {
  return 'updates' in task ? task.updates : [...task.before, ...task.after]
}

function withDoc<Result>(updates: Updates, use: (doc: Y.Doc) => Result): Result {
  const doc = new Y.Doc()
  try {
    doc.transact(() => {
      for (const update of updates) Y.applyUpdate(doc, update)
    })
    return use(doc)
  } finally {
    doc.destroy()
  }
}

function rendered(doc: Y.Doc, format: TextFormat, root: string | null): string {
  const roots = (root === null ? rootsOf(doc) : [rootOf(doc, root)]).filter(({ kind }) => kind === 'text' || kind === 'xml')
  // A plain text is itself, to the character.
  if (format === 'text')
    return roots
      .map(({ name, kind }) => (kind === 'text' ? doc.getText(name).toString() : plainTextOf(blocksOf(doc, name, 'xml'))))
      .join('\n')
  const blocks = roots.flatMap(({ name, kind }): readonly RichNode[] =>
    kind === 'text' || kind === 'xml' ? blocksOf(doc, name, kind) : [],
  )
  return format === 'html' ? htmlOf(blocks) : markdownOf(blocks)
}
