// What somebody may do with which documents: patterns, and a right for each. Nothing that is not granted is allowed (X2).
import { documentPattern } from '../../core/document-pattern.js'
import { WeftError } from '../../core/errors.js'

/** Each holds those before it: `write` is reading and writing, `admin` is also history, restoring and deleting. */
export type Right = 'read' | 'write' | 'admin'

/** Pattern → right: `*` stands for anything within a segment of the path, `**` for anything at all. */
export type Grants = Readonly<Record<string, Right>>

const ranks: Readonly<Record<Right, number>> = { read: 1, write: 2, admin: 3 }

/** Each is asked for every document that is opened. */
export const GRANTS_MAX = 100
const PATTERN_CHARACTERS_MAX = 512

export function isRight(value: unknown): value is Right {
  return typeof value === 'string' && Object.hasOwn(ranks, value)
}

/** Whether the first is the second, or more. Null is none. */
export function isAtLeast(right: Right | null, wanted: Right): boolean {
  return right !== null && ranks[right] >= ranks[wanted]
}

interface Grant {
  readonly pattern: string
  readonly right: Right
  readonly matches: (documentId: string) => boolean
}

export class Rights {
  readonly #grants: readonly Grant[]

  /** Throws `invalid-configuration` for grants that cannot be read, naming what is wrong. */
  constructor(grants: Grants) {
    const entries = Object.entries(grants)
    if (entries.length > GRANTS_MAX) throw invalid(`grants ${entries.length} patterns of documents; ${GRANTS_MAX} is the most.`)
    this.#grants = entries.map(([pattern, right]) => {
      if (pattern === '' || pattern.length > PATTERN_CHARACTERS_MAX)
        throw invalid(`has a pattern of ${pattern.length} characters; it takes 1 to ${PATTERN_CHARACTERS_MAX}.`)
      // Each run of wildcards multiplies what matching may cost, so a pattern has few of them.
      if ((pattern.match(/\*+/g)?.length ?? 0) > WILDCARDS_MAX) throw invalid(`has a pattern with more than ${WILDCARDS_MAX} wildcards.`)
      if (!isRight(right)) throw invalid(`grants something else than read, write or admin.`)
      return { pattern, right, matches: documentPattern(pattern) }
    })
  }

  get isEmpty(): boolean {
    return this.#grants.length === 0
  }

  /**
   * The most that any matching pattern grants; null for nothing. Letters of another case, and other Unicode forms of one text, are other
   * documents.
   */
  on(documentId: string): Right | null {
    return mostOf(this.#grants.filter(({ matches }) => matches(documentId)))
  }

  /** On every document that begins so: only a pattern that is a beginning and `**` grants that. */
  onAllUnder(prefix: string): Right | null {
    return mostOf(
      this.#grants.filter(({ pattern }) => {
        const stem = pattern.endsWith('**') ? pattern.slice(0, -2) : null
        return stem !== null && !stem.includes('*') && prefix.startsWith(stem)
      }),
    )
  }
}

const WILDCARDS_MAX = 4

function mostOf(grants: readonly Grant[]): Right | null {
  return grants.reduce<Right | null>((most, { right }) => (isAtLeast(most, right) ? most : right), null)
}

function invalid(problem: string): WeftError {
  return new WeftError('invalid-configuration', `It ${problem}`)
}

/** The grants in something that came from outside. Null if it is nothing of the kind. */
export function grantsIn(value: unknown): Grants | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  return Object.values(value).every(isRight) ? (value as Grants) : null
}
