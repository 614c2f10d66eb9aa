// What changed between two moments of a document, root by root: words of text, JSON patches (RFC 6902), and for rich text a page with the
// changes marked.
import { diffArrays, diffWordsWithSpace } from 'diff'
import { createPatch } from 'rfc6902'
import type * as Y from 'yjs'
import { escapeHtml, htmlOf } from './html.js'
import { blocksOf, plainTextOf, type RichNode } from './rich-text.js'
import { contentOf, type RootKind, rootNames, rootOf } from './roots.js'

export interface WordChange {
  readonly change: 'same' | 'added' | 'removed'
  readonly text: string
}

export interface RootDifference {
  readonly name: string
  readonly kind: RootKind
  /** For text and XML: what was said then and now, by words. */
  readonly words: readonly WordChange[]
  /** For maps and arrays: the JSON patch from then to now. */
  readonly patch: readonly unknown[]
  /** For XML: the blocks of now, with `<ins>` and `<del>`. */
  readonly html: string | null
}

/** So long may the search for the smallest difference take; past it a text counts as replaced. */
const SEARCH_MS_MAX = 1_500
/** The search in lists takes time by the product of their lengths. */
const LIST_LENGTH_MAX = 1_000

/** Only the roots that differ. */
export function difference(then: Y.Doc, now: Y.Doc): readonly RootDifference[] {
  const names = [...new Set([...rootNames(then), ...rootNames(now)])].sort()
  return names.filter((name) => contentOf(then, name) !== contentOf(now, name)).map((name) => rootDifference(then, now, name))
}

function rootDifference(then: Y.Doc, now: Y.Doc, name: string): RootDifference {
  const [before, after] = [rootOf(then, name), rootOf(now, name)]
  const kind = after.kind === 'unknown' ? before.kind : after.kind
  if (kind === 'text' || kind === 'xml') {
    const [old, young] = [then, now].map((doc) => blocksOf(doc, name, kind))
    const words = wordChanges(plainTextOf(old ?? []), plainTextOf(young ?? []))
    return { name, kind, words, patch: [], html: markedHtml(old ?? [], young ?? []) }
  }
  return { name, kind, words: [], patch: patchOf(before.value, after.value, kind), html: null }
}

export function wordChanges(before: string, after: string): readonly WordChange[] {
  const found = diffWordsWithSpace(before, after, { timeout: SEARCH_MS_MAX })
  if (found === undefined) {
    const parts: WordChange[] = [
      { change: 'removed', text: before },
      { change: 'added', text: after },
    ]
    return parts.filter(({ text }) => text !== '')
  }
  return found.map(({ added, removed, value }) => ({ change: added ? 'added' : removed ? 'removed' : 'same', text: value }))
}

function patchOf(before: unknown, after: unknown, kind: RootKind): readonly unknown[] {
  const empty = kind === 'array' ? [] : {}
  const [old, young] = [before ?? empty, after ?? empty]
  if (longestList(old) > LIST_LENGTH_MAX || longestList(young) > LIST_LENGTH_MAX) return [{ op: 'replace', path: '', value: young }]
  return createPatch(old, young)
}

function longestList(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const own = Array.isArray(value) ? value.length : 0
  return Object.values(value).reduce((longest: number, inner) => Math.max(longest, longestList(inner)), own)
}

interface Block {
  readonly node: RichNode
  readonly html: string
  readonly text: string
}

function blockOf(node: RichNode): Block {
  return { node, html: htmlOf([node]), text: plainTextOf([node]).trimEnd() }
}

/** Blocks that are the same stand as they are; of one that became another the words are marked; the rest is gone or new as a whole. */
function markedHtml(before: readonly RichNode[], after: readonly RichNode[]): string {
  const [old, young] = [before.map(blockOf), after.map(blockOf)]
  const parts = diffArrays(old, young, { comparator: (a, b) => a.html === b.html, timeout: SEARCH_MS_MAX }) ?? [
    { value: old, removed: true, added: false },
    { value: young, removed: false, added: true },
  ]
  let html = ''
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index]
    const next = parts[index + 1]
    if (part === undefined) continue
    if (part.removed && next?.added) {
      html += changedBlocks(part.value, next.value)
      index++
    } else if (part.removed) html += part.value.map(goneBlock).join('')
    else if (part.added) html += part.value.map(newBlock).join('')
    else html += part.value.map((block) => block.html).join('')
  }
  return html
}

const goneBlock = (block: Block): string => `<del>${block.html}</del>`
const newBlock = (block: Block): string => `<ins>${block.html}</ins>`

/** Pairs blocks of two stretches, in their order, each with the one that it has most words in common with. */
function changedBlocks(gone: readonly Block[], come: readonly Block[]): string {
  if (gone.length * come.length > PAIRS_MAX) return gone.map(goneBlock).join('') + come.map(newBlock).join('')
  // The best sum of likenesses for the blocks from (i, j) on, filled from the end.
  const best = Array.from({ length: gone.length + 1 }, () => new Array<number>(come.length + 1).fill(0))
  const at = (i: number, j: number): number => best[i]?.[j] ?? 0
  const likeness = gone.map((one) => come.map((other) => likenessOf(one, other)))
  const alike = (i: number, j: number): number => likeness[i]?.[j] ?? 0
  for (let i = gone.length - 1; i >= 0; i--)
    for (let j = come.length - 1; j >= 0; j--) {
      const row = best[i]
      if (row !== undefined) row[j] = Math.max(at(i + 1, j), at(i, j + 1), alike(i, j) + at(i + 1, j + 1))
    }
  let [i, j, html] = [0, 0, '']
  while (i < gone.length || j < come.length) {
    const [old, young] = [gone[i], come[j]]
    if (old !== undefined && young !== undefined && alike(i, j) > 0 && at(i, j) === alike(i, j) + at(i + 1, j + 1)) {
      html += changedBlock(old, young)
      i++
      j++
    } else if (old !== undefined && (young === undefined || at(i, j) === at(i + 1, j))) {
      html += goneBlock(old)
      i++
    } else if (young !== undefined) {
      html += newBlock(young)
      j++
    }
  }
  return html
}

const PAIRS_MAX = 2_500
/** Of fewer words in common two blocks are two blocks. */
const LIKENESS_MIN = 0.3

/** The share of words in common, 0 to 1; 0 also where it is small. */
function likenessOf(a: Block, b: Block): number {
  const [words, others] = [a, b].map(({ text }) => text.toLowerCase().split(/\s+/).filter(Boolean))
  if (words === undefined || others === undefined || words.length + others.length === 0) return 0
  const left = new Map<string, number>()
  for (const word of words) left.set(word, (left.get(word) ?? 0) + 1)
  let common = 0
  for (const word of others) {
    const count = left.get(word) ?? 0
    if (count === 0) continue
    left.set(word, count - 1)
    common++
  }
  const share = (2 * common) / (words.length + others.length)
  return share < LIKENESS_MIN ? 0 : share
}

const PLACE = '\uE000'

/** The block as it is now, around its words with the changes marked, or around blocks in it, as a list has them. */
function changedBlock(old: Block, young: Block): string {
  const [before, after] = [old.node, young.node]
  if (before.type !== 'element' || after.type !== 'element') return goneBlock(old) + newBlock(young)
  const around = htmlOf([{ ...after, children: [{ type: 'run', text: PLACE, marks: {} }] }])
  const holdsBlocks = [before, after].some(({ children }) => children.some((child) => child.type === 'element'))
  if (!holdsBlocks) return around.replace(PLACE, () => markedWords(old.text, young.text))
  if (before.name !== after.name) return goneBlock(old) + newBlock(young)
  return around.replace(PLACE, () => markedHtml(before.children, after.children))
}

function markedWords(before: string, after: string): string {
  return wordChanges(before, after)
    .map(({ change, text }) => {
      const shown = escapeHtml(text)
      return change === 'same' ? shown : change === 'added' ? `<ins>${shown}</ins>` : `<del>${shown}</del>`
    })
    .join('')
}
