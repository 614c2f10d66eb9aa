// Rich text as Markdown (CommonMark, with tables and task lists as GitHub has them). What Markdown has no word for stays as its text.
import { safeAddress } from './html.js'
import { plainTextOf, type RichElement, type RichNode } from './rich-text.js'

/** Ends with one line feed, unless there is nothing. */
export function markdownOf(nodes: readonly RichNode[]): string {
  const text = blocksText(nodes)
  return text === '' ? '' : `${text}\n`
}

function blocksText(nodes: readonly RichNode[]): string {
  const parts: string[] = []
  let inline: RichNode[] = []
  const flush = (): void => {
    if (inline.length > 0) parts.push(inlineText(inline))
    inline = []
  }
  for (const node of nodes) {
    if (node.type === 'run' || node.name === 'hardBreak' || node.name === 'image') {
      inline.push(node)
      continue
    }
    flush()
    const text = blockText(node)
    if (text !== '') parts.push(text)
  }
  flush()
  return parts.join('\n\n')
}

function blockText(block: RichElement): string {
  const { name, attributes, children } = block
  switch (name) {
    case 'heading':
      return `${'#'.repeat(Math.min(6, Math.max(1, Number(attributes['level']) || 1)))} ${inlineText(children)}`
    case 'codeBlock': {
      const code = plainTextOf(children).replace(/\n$/, '')
      const fence = '`'.repeat(Math.max(3, ...[...code.matchAll(/`+/g)].map(([ticks]) => ticks.length + 1)))
      const language = typeof attributes['language'] === 'string' ? attributes['language'] : ''
      return `${fence}${language}\n${code}\n${fence}`
    }
    case 'blockquote':
      return indented(blocksText(children), '> ', '> ')
    case 'bulletList':
      return listText(children, () => '- ')
    case 'taskList':
      return listText(
        children,
        (item) => `- [${item.attributes['checked'] === true || item.attributes['checked'] === 'true' ? 'x' : ' '}] `,
      )
    case 'orderedList': {
      const start = Number(attributes['start']) || 1
      return listText(children, (_item, index) => `${start + index}. `)
    }
    case 'horizontalRule':
      return '---'
    case 'table':
      return tableText(block)
    case 'paragraph':
      return inlineText(children)
    default:
      return blocksText(children)
  }
}

function listText(items: readonly RichNode[], bullet: (item: RichElement, index: number) => string): string {
  const elements = items.filter((item): item is RichElement => item.type === 'element')
  return elements
    .map((item, index) => {
      const mark = bullet(item, index)
      return indented(blocksText(item.children), mark, ' '.repeat(mark.length))
    })
    .join('\n')
}

function indented(text: string, first: string, rest: string): string {
  return text
    .split('\n')
    .map((line, index) => (index === 0 ? first : line === '' ? rest.trimEnd() : rest) + line)
    .join('\n')
}

function tableText({ children }: RichElement): string {
  const rows = children
    .filter((row): row is RichElement => row.type === 'element')
    .map((row) => row.children.map((cell) => inlineText(cell.type === 'element' ? leavesOf(cell) : [cell]).replaceAll('|', '\\|')))
  const [head = [], ...body] = rows
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n')
}

function leavesOf(node: RichElement): readonly RichNode[] {
  return node.children.flatMap((child) => (child.type === 'element' && child.children.length > 0 ? leavesOf(child) : [child]))
}

const wraps: readonly (readonly [string, string])[] = [
  ['strike', '~~'],
  ['italic', '*'],
  ['bold', '**'],
]

function inlineText(nodes: readonly RichNode[]): string {
  return nodes
    .map((node) => {
      if (node.type === 'element') {
        if (node.name === 'hardBreak') return '\\\n'
        if (node.name === 'image')
          return `![${escaped(String(node.attributes['alt'] ?? ''))}](${safeAddress(node.attributes['src']) ?? ''})`
        return inlineText(node.children)
      }
      const { text, marks } = node
      // A mark holds to the words: Markdown knows none that begins or ends with a space.
      const [, before = '', middle = '', after = ''] = /^(\s*)([\s\S]*?)(\s*)$/.exec(text) ?? []
      if (middle === '') return text
      let inner = marks['code'] === undefined ? escaped(middle) : codeSpan(middle)
      for (const [mark, sign] of wraps) if (marks[mark] !== undefined) inner = `${sign}${inner}${sign}`
      const link = marks['link']
      const href = safeAddress(typeof link === 'object' && link !== null ? Reflect.get(link, 'href') : link)
      if (link !== undefined && href !== null)
        inner = `[${inner}](${href.replace(/[()\s]/g, (character) => encodeURIComponent(character))})`
      return `${before}${inner}${after}`
    })
    .join('')
}

function codeSpan(text: string): string {
  const ticks = '`'.repeat(1 + Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length)))
  const space = text.startsWith('`') || text.endsWith('`') ? ' ' : ''
  return `${ticks}${space}${text}${space}${ticks}`
}

/** What would be read as a sign, with a backslash in front. */
function escaped(text: string): string {
  return text.replace(/[\\`*_[\]<>~]/g, '\\$&').replace(/^(\s*)(#{1,6}\s|[-+]\s|\d+[.)]\s|>)/gm, '$1\\$2')
}
