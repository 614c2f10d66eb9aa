// A quota as an operator writes it: which documents, and how much of what. `users/{user}/** documents=100 document-bytes=8MiB log-bytes-per-day=256MiB`
import { documentPattern } from '../../core/document-pattern.js'
import { WeftError } from '../../core/errors.js'

/** What one quota bounds; null: nothing. */
export interface QuotaBounds {
  /** How many documents there may be of those that the pattern names, in all. */
  readonly documents: number | null
  /** Bytes of each of them. */
  readonly documentBytes: number | null
  /** Bytes that may be added to the log of each of them in a day. */
  readonly logBytesPerDay: number | null
}

export interface QuotaRule extends QuotaBounds {
  readonly pattern: string
  matches(documentId: string): boolean
  /** Those that are counted together with this document: they begin so, and `of` tells which of those that begin so they are. */
  groupOf(documentId: string): { readonly prefix: string; readonly of: (other: string) => boolean }
}

/** Stands for one segment of the path; what it stands for has a quota of its own. */
const EACH = '{user}'

const factors: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['kib', 1024],
  ['mib', 1024 ** 2],
  ['gib', 1024 ** 3],
])

/** Throws `invalid-configuration`; `name` is where the text came from. */
export function quotaRule(text: string, name: string): QuotaRule {
  const refuse = (problem: string): never => {
    throw new WeftError(
      'invalid-configuration',
      `${name} is "${text}", ${problem}; it takes a pattern of documents and what they may have, such as: ` +
        'users/{user}/** documents=100 document-bytes=8MiB log-bytes-per-day=256MiB',
    )
  }
  const words = text.trim().split(/\s+/)
  // A pattern may hold spaces, and a bound does not.
  const boundsFrom = words.findIndex((word) => /^[a-z-]+=\S+$/.test(word))
  if (boundsFrom < 1) return refuse(boundsFrom === 0 ? 'which names no documents' : 'which bounds nothing')
  const pattern = words.slice(0, boundsFrom).join(' ')
  const bounds = new Map<string, number>()
  for (const word of words.slice(boundsFrom)) {
    const [, key = '', digits = '', suffix = ''] = /^([a-z-]+)=(\d+)([A-Za-z]*)$/.exec(word) ?? []
    const factor = key === 'documents' && suffix !== '' ? undefined : factors.get(suffix.toLowerCase())
    const value = factor === undefined || digits === '' ? Number.NaN : Number(digits) * factor
    if (!['documents', 'document-bytes', 'log-bytes-per-day'].includes(key) || !Number.isSafeInteger(value) || value < 1)
      return refuse(`of which "${word}" is not understood`)
    bounds.set(key, value)
  }
  const each = pattern.indexOf(EACH)
  const stem = pattern.slice(0, Math.max(each, 0))
  if (each >= 0 && (stem.includes('*') || !/^(.*\/)?$/.test(stem) || !/^(\/|$)/.test(pattern.slice(each + EACH.length))))
    return refuse(`in which ${EACH} is not a whole segment in front of every *`)
  const matches = documentPattern(pattern.replace(EACH, '*'))
  return {
    pattern,
    documents: bounds.get('documents') ?? null,
    documentBytes: bounds.get('document-bytes') ?? null,
    logBytesPerDay: bounds.get('log-bytes-per-day') ?? null,
    matches,
    groupOf: (documentId) => {
      if (each < 0) return { prefix: pattern.split('*')[0] ?? '', of: matches }
      const end = documentId.indexOf('/', stem.length)
      // With the slash behind it: ada is not adam.
      const prefix = end < 0 ? documentId : documentId.slice(0, end + 1)
      return { prefix, of: (other) => matches(other) && (end >= 0 || other === documentId) }
    },
  }
}
