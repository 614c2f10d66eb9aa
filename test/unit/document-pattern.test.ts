// Patterns that name documents.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { anyPattern, documentPattern } from '../../core/document-pattern.js'

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
