// Patterns that name documents, as on the command line: `*` stands for anything within one segment of the path, `**` for anything at all.
import { WeftError } from './errors.js'

const SPECIAL = /[\\^$.|?+()[\]{}]/g

/** Throws `invalid-configuration` for a pattern that names nothing. */
export function documentPattern(pattern: string): (documentId: string) => boolean {
  if (pattern === '') throw new WeftError('invalid-configuration', 'A pattern of documents is empty; it takes an id, with * and ** in it.')
  const source = pattern
    .split(/(\*+)/)
    .map((part) => (part.startsWith('*') ? (part.length > 1 ? '.*' : '[^/]*') : part.replace(SPECIAL, '\\$&')))
    .join('')
  const expression = new RegExp(`^${source}$`, 'su')
  return (documentId) => expression.test(documentId)
}

/** Documents that any of the patterns names. */
export function anyPattern(patterns: readonly string[]): (documentId: string) => boolean {
  const matches = patterns.map(documentPattern)
  return (documentId) => matches.some((match) => match(documentId))
}
