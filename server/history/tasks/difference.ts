// What changed between two moments of a document, root by root: words of text, JSON patches (RFC 6902), and for rich text a page with the changes marked.
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

/** Blocks that are the same stand as they are; of those that follow one another as gone and new, the words are marked. */
function markedHtml(before: readonly RichNode[], after: readonly RichNode[]): string {
  const [old, young] = [before, after].map((nodes) => nodes.map((node) => ({ html: htmlOf([node]), text: plainTextOf([node]).trimEnd() })))
  const parts = diffArrays(old ?? [], young ?? [], { comparator: (a, b) => a.html === b.html, timeout: SEARCH_MS_MAX }) ?? [
    { value: old ?? [], removed: true, added: false },
    { value: young ?? [], removed: false, added: true },
  ]
  let html = ''
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index]
    const next = parts[index + 1]
    if (part === undefined) continue
    if (part.removed && next?.added && part.value.length === next.value.length) {
      html += part.value.map((block, position) => `<p>${markedWords(block.text, next.value[position]?.text ?? '')}</p>`).join('')
      index++
    } else if (part.removed) html += part.value.map((block) => `<del>${block.html}</del>`).join('')
    else if (part.added) html += part.value.map((block) => `<ins>${block.html}</ins>`).join('')
    else html += part.value.map((block) => block.html).join('')
  }
  return html
}

function markedWords(before: string, after: string): string {
  return wordChanges(before, after)
    .map(({ change, text }) => {
      const shown = escapeHtml(text)
      return change === 'same' ? shown : change === 'added' ? `<ins>${shown}</ins>` : `<del>${shown}</del>`
    })
    .join('')
}
