// A root as a tree of blocks and runs of text with marks, as editors for rich text have it: what HTML, Markdown and plain text are made
// from.
import * as Y from 'yjs'
import { typedRoot } from './roots.js'

export interface RichElement {
  readonly type: 'element'
  readonly name: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly children: readonly RichNode[]
}

export interface RichRun {
  readonly type: 'run'
  readonly text: string
  /** Mark → its attributes, or `true`. */
  readonly marks: Readonly<Record<string, unknown>>
}

export type RichNode = RichElement | RichRun

/** The names under which editors know the same thing. */
const sameName: Readonly<Record<string, string>> = {
  bullet_list: 'bulletList',
  ordered_list: 'orderedList',
  list_item: 'listItem',
  task_list: 'taskList',
  task_item: 'taskItem',
  code_block: 'codeBlock',
  hard_break: 'hardBreak',
  horizontal_rule: 'horizontalRule',
  table_row: 'tableRow',
  table_cell: 'tableCell',
  table_header: 'tableHeader',
}

const sameMark: Readonly<Record<string, string>> = { strong: 'bold', em: 'italic', strikethrough: 'strike', s: 'strike', u: 'underline' }

/** The blocks of a root of XML or text; of anything else there are none. */
export function blocksOf(doc: Y.Doc, name: string, kind: 'text' | 'xml'): readonly RichNode[] {
  const root = typedRoot(doc, name, kind)
  if (root instanceof Y.Text) return linesOf(runsOf(root))
  return root instanceof Y.XmlFragment ? root.toArray().flatMap(nodesOf) : []
}

function nodesOf(node: unknown): readonly RichNode[] {
  if (node instanceof Y.XmlText) return runsOf(node)
  if (node instanceof Y.XmlElement) {
    const name = sameName[node.nodeName] ?? node.nodeName
    return [{ type: 'element', name, attributes: node.getAttributes(), children: node.toArray().flatMap(nodesOf) }]
  }
  return []
}

function runsOf(text: Y.Text): readonly RichNode[] {
  const delta = text.toDelta() as readonly { readonly insert: unknown; readonly attributes?: Readonly<Record<string, unknown>> }[]
  return delta.flatMap(({ insert, attributes = {} }): readonly RichNode[] => {
    if (typeof insert !== 'string') return [embedOf(insert)]
    const marks = Object.fromEntries(
      Object.entries(attributes).flatMap(([mark, value]) => (value === null || value === false ? [] : [[markOf(mark), value]])),
    )
    return [{ type: 'run', text: insert, marks }]
  })
}

/** Some editors keep several marks of one kind apart by a suffix, as in `link--abc123`. */
function markOf(mark: string): string {
  const plain = mark.split('--', 1)[0] ?? mark
  return sameMark[plain] ?? plain
}

/** As text with lines has it: `{ image: 'https://…' }`. */
function embedOf(embed: unknown): RichNode {
  const [[name, value] = ['embed', null]] = typeof embed === 'object' && embed !== null ? Object.entries(embed) : []
  return { type: 'element', name: String(name), attributes: { src: value }, children: [] }
}

/** Text whose lines have the form that stands on the line feed which ends them, as Quill writes it. */
function linesOf(nodes: readonly RichNode[]): readonly RichNode[] {
  const lines: RichElement[] = []
  let line: RichNode[] = []
  const end = (marks: Readonly<Record<string, unknown>>): void => {
    lines.push(lineOf(line, marks))
    line = []
  }
  for (const node of nodes) {
    if (node.type === 'element') {
      line.push(node)
      continue
    }
    const parts = node.text.split('\n')
    for (const [index, part] of parts.entries()) {
      if (part !== '') line.push({ ...node, text: part })
      if (index < parts.length - 1) end(node.marks)
    }
  }
  if (line.length > 0) end({})
  return grouped(lines)
}

function lineOf(children: readonly RichNode[], marks: Readonly<Record<string, unknown>>): RichElement {
  const element = (name: string, attributes: Readonly<Record<string, unknown>> = {}): RichElement => ({
    type: 'element',
    name,
    attributes,
    children,
  })
  if (typeof marks['header'] === 'number') return element('heading', { level: marks['header'] })
  if (marks['list'] === 'ordered') return element('orderedLine')
  if (marks['list'] !== undefined) return element('bulletLine')
  if (marks['blockquote'] === true) return element('blockquote')
  if (marks['code-block'] !== undefined) return element('codeBlock')
  return element('paragraph')
}

/** Lines of a list that follow one another are one list. */
function grouped(lines: readonly RichElement[]): readonly RichNode[] {
  const blocks: RichNode[] = []
  let list: { readonly name: string; readonly items: RichNode[] } = { name: '', items: [] }
  for (const line of lines) {
    const name = line.name === 'orderedLine' ? 'orderedList' : line.name === 'bulletLine' ? 'bulletList' : null
    if (name === null) {
      list = { name: '', items: [] }
      blocks.push(line)
      continue
    }
    if (list.name !== name) {
      list = { name, items: [] }
      blocks.push({ type: 'element', name, attributes: {}, children: list.items })
    }
    list.items.push({ type: 'element', name: 'listItem', attributes: {}, children: [{ ...line, name: 'paragraph' }] })
  }
  return blocks
}

const blockNames: ReadonlySet<string> = new Set([
  'paragraph',
  'heading',
  'codeBlock',
  'listItem',
  'taskItem',
  'tableRow',
  'hardBreak',
  'horizontalRule',
])

/** A line for each block. */
export function plainTextOf(nodes: readonly RichNode[]): string {
  let text = ''
  const write = (node: RichNode): void => {
    if (node.type === 'run') {
      text += node.text
      return
    }
    for (const child of node.children) write(child)
    if (blockNames.has(node.name) && !text.endsWith('\n')) text += '\n'
    if ((node.name === 'tableCell' || node.name === 'tableHeader') && !text.endsWith('\n')) text += '\t'
  }
  for (const node of nodes) write(node)
  return text
}
