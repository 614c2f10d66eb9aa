// Patterns that name documents, as on the command line: `*` stands for anything within one segment of the path, `**` for anything at all.
import { WeftError } from './errors.js'

type Step = { readonly kind: 'unit'; readonly unit: number } | { readonly kind: 'within-segment' } | { readonly kind: 'anything' }

/**
 * Throws `invalid-configuration` for a pattern that names nothing. What a match costs is bounded by the length of the pattern times that of
 * the id.
 */
export function documentPattern(pattern: string): (documentId: string) => boolean {
  if (pattern === '') throw new WeftError('invalid-configuration', 'A pattern of documents is empty; it takes an id, with * and ** in it.')
  const literalEnd = pattern.indexOf('*')
  if (literalEnd < 0) return (documentId) => documentId === pattern
  const stem = pattern.slice(0, literalEnd)
  const steps = stepsOf(pattern.slice(literalEnd))
  return (documentId) => documentId.startsWith(stem) && walk(steps, documentId, stem.length)
}

function stepsOf(pattern: string): readonly Step[] {
  return pattern.split(/(\*+)/).flatMap((part): Step[] => {
    if (part.startsWith('*')) return [{ kind: part.length > 1 ? 'anything' : 'within-segment' }]
    return Array.from({ length: part.length }, (_, index) => ({ kind: 'unit', unit: part.charCodeAt(index) }))
  })
}

const SLASH = 0x2f

/**
 * Goes through the id once, with all the places of the pattern where it may be at the same time: an expression that goes back and tries
 * again would cost a power of the id's length for each wildcard.
 */
function walk(steps: readonly Step[], id: string, from: number): boolean {
  let places = reached(steps, new Set(), 0)
  for (let index = from; index < id.length && places.size > 0; index++) {
    const unit = id.charCodeAt(index)
    const next = new Set<number>()
    for (const place of places) {
      const step = steps[place]
      if (step === undefined) continue
      if (step.kind === 'unit') {
        if (step.unit === unit) reached(steps, next, place + 1)
      } else if (step.kind === 'anything' || unit !== SLASH) reached(steps, next, place)
    }
    places = next
  }
  return places.has(steps.length)
}

/** Adds a place, and those behind the wildcards there, which may stand for nothing. */
function reached(steps: readonly Step[], places: Set<number>, place: number): Set<number> {
  for (let at = place; !places.has(at); at++) {
    places.add(at)
    const step = steps[at]
    if (step === undefined || step.kind === 'unit') break
  }
  return places
}

/** Documents that any of the patterns names. */
export function anyPattern(patterns: readonly string[]): (documentId: string) => boolean {
  const matches = patterns.map(documentPattern)
  return (documentId) => matches.some((match) => match(documentId))
}
