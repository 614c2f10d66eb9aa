// Patterns that name documents.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { anyPattern, documentPattern } from '../../core/document-pattern.js'
import { seededRandom } from '../../core/random.js'

test('* stands for anything within a segment, ** for anything at all, everything else for itself', () => {
  const cases: readonly (readonly [pattern: string, documentId: string, matches: boolean])[] = [
    ['notes/today', 'notes/today', true],
    ['notes/today', 'notes/today/', false],
    ['notes/*', 'notes/today', true],
    ['notes/*', 'notes/2026/today', false],
    ['notes/*', 'other/notes/today', false],
    ['notes/**', 'notes/2026/today', true],
    ['notes/**', 'notes', false],
    ['**/draft', 'a/b/draft', true],
    ['*/draft', 'a/b/draft', false],
    ['a.b', 'axb', false],
    ['[ab](c)+?$^{1}|\\', '[ab](c)+?$^{1}|\\', true],
    ['a*c', 'a\nc', true],
    ['**', 'ünïcode 🎉\nin two lines', true],
  ]
  for (const [pattern, documentId, matches] of cases)
    assert.equal(documentPattern(pattern)(documentId), matches, `${pattern} ${documentId}`)
})

test('any of several patterns; of none, none', () => {
  const any = anyPattern(['a', 'b/*'])
  assert.deepEqual(['a', 'b/c', 'c'].map(any), [true, true, false])
  assert.equal(anyPattern([])('a'), false)
})

test('an empty pattern is refused', () => {
  assert.throws(() => documentPattern(''), { code: 'invalid-configuration' })
})

test('G7: what a match costs grows with the bytes of pattern and id, not with a power of them for each wildcard', () => {
  const matches = documentPattern('**a**a**a**a*c')
  // An expression that goes back would take minutes for each of these, and never end for the last.
  for (const length of [64, 512, 4_096]) assert.equal(matches(`${'a'.repeat(length)}b`), false, `at the cost of ${length} units`)
  assert.equal(matches(`${'a'.repeat(512)}c`), true)
})

test('random patterns and ids match as an expression says', () => {
  const random = seededRandom(5)
  const pick = (letters: string, length: number): string => Array.from({ length }, () => letters[random.below(letters.length)]).join('')
  let matched = 0
  for (let round = 0; round < 20_000; round++) {
    const pattern = pick('ab/*', 1 + random.below(6))
    const id = pick('ab/', random.below(6))
    const source = pattern
      .split(/(\*+)/)
      .map((part) => (part.startsWith('*') ? (part.length > 1 ? '.*' : '[^/]*') : part))
      .join('')
    const expected = new RegExp(`^${source}$`, 'su').test(id)
    assert.equal(documentPattern(pattern)(id), expected, `${pattern} on ${id}`)
    if (expected) matched += 1
  }
  assert.ok(matched > 500, `${matched} matched`)
})
