// Rich text as HTML that is safe to show: every text and attribute is escaped, and addresses are only those that do nothing by themselves.
import type { RichElement, RichNode } from './rich-text.js'

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => escapes[character] ?? character)
}

/** An address that a page may show: of the web, of mail, or relative. */
export function safeAddress(address: unknown): string | null {
  if (typeof address !== 'string') return null
  // Browsers pass over white space and control characters in front of and within a scheme.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  const plain = address.replace(/[\u0000-\u0020]/g, '')
  return /^(https?:|mailto:|tel:)/i.test(plain) || !/^[a-z][a-z0-9+.-]*:/i.test(plain) ? address : null
}

const blocks: Readonly<Record<string, string>> = {
  paragraph: 'p',
  blockquote: 'blockquote',
  bulletList: 'ul',
  orderedList: 'ol',
  taskList: 'ul',
  listItem: 'li',
  taskItem: 'li',
  table: 'table',
  tableRow: 'tr',
  tableCell: 'td',
  tableHeader: 'th',
}

/** From the innermost outwards. */
const marks: readonly (readonly [string, string])[] = [
  ['code', 'code'],
  ['subscript', 'sub'],
  ['superscript', 'sup'],
  ['highlight', 'mark'],
  ['strike', 's'],
  ['underline', 'u'],
  ['italic', 'em'],
  ['bold', 'strong'],
]

export function htmlOf(nodes: readonly RichNode[]): string {
  return nodes.map(nodeHtml).join('')
}

function nodeHtml(node: RichNode): string {
  if (node.type === 'element') return elementHtml(node)
  let html = escapeHtml(node.text)
  for (const [mark, tag] of marks) if (node.marks[mark] !== undefined) html = `<${tag}>${html}</${tag}>`
  const link = node.marks['link']
  const href = safeAddress(typeof link === 'object' && link !== null ? Reflect.get(link, 'href') : link)
  return href === null || link === undefined ? html : `<a href="${escapeHtml(href)}" rel="noopener noreferrer nofollow">${html}</a>`
}

function elementHtml({ name, attributes, children }: RichElement): string {
  const inner = htmlOf(children)
  switch (name) {
    case 'heading': {
      const level = Math.min(6, Math.max(1, Number(attributes['level']) || 1))
      return `<h${level}>${inner}</h${level}>`
    }
    case 'codeBlock': {
      const language = attributes['language']
      const named = typeof language === 'string' && /^[\w+#-]+$/.test(language) ? ` class="language-${language}"` : ''
      return `<pre><code${named}>${inner}</code></pre>`
    }
    case 'taskItem': {
      const checked = attributes['checked'] === true || attributes['checked'] === 'true'
      return `<li><input type="checkbox" disabled${checked ? ' checked' : ''}> ${inner}</li>`
    }
    case 'hardBreak':
      return '<br>'
    case 'horizontalRule':
      return '<hr>'
    case 'image': {
      const src = safeAddress(attributes['src'])
      const alt = typeof attributes['alt'] === 'string' ? attributes['alt'] : ''
      return src === null ? '' : `<img src="${escapeHtml(src)}" alt="${escapeHtml(alt)}">`
    }
    default: {
      const tag = blocks[name]
      return tag === undefined ? `<div data-node="${escapeHtml(name)}">${inner}</div>` : `<${tag}>${inner}</${tag}>`
    }
  }
}
