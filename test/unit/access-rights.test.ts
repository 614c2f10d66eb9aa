// Which documents a grant names, and which it does not however they are spelled (X2).
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { grantsIn, Rights } from '../../server/access/rights.js'

describe('rights', () => {
  test('X2: what no pattern grants is forbidden, and of several patterns the one that grants most counts', () => {
    const rights = new Rights({ 'notes/*': 'write', 'wiki/**': 'read', 'notes/mine': 'admin', 'notes/**': 'read' })
    const cases: readonly [string, string | null][] = [
      ['notes/today', 'write'],
      ['notes/mine', 'admin'],
      ['notes/2026/today', 'read'],
      ['wiki/a/b/c', 'read'],
      ['wiki/', 'read'],
      ['wiki', null],
      ['notes', null],
      ['other', null],
      ['', null],
    ]
    for (const [documentId, right] of cases) assert.equal(rights.on(documentId), right, documentId)
    assert.equal(new Rights({}).on('notes'), null)
  })

  test('X2: an id that only looks like a granted one has no right: paths, escapes, wildcards, case, Unicode forms, line ends', () => {
    const rights = new Rights({ 'notes/*': 'write', café: 'write', 'a.c': 'write' })
    const others = [
      'notes/../secret',
      'notes/a/b',
      'notes%2Fa',
      'Notes/a',
      'notes\\a',
      'notes/a\n/b',
      '*',
      'notes*',
      '**',
      'xnotes/a',
      'notes/a/',
      'cafe\u0301',
      'CAFÉ',
      'abc',
      'a.c\n',
      ' a.c',
    ]
    for (const documentId of others) assert.equal(rights.on(documentId), null, JSON.stringify(documentId))
    // Within a segment anything goes, dots and line ends too: they are names like others.
    for (const documentId of ['notes/..', 'notes/a\nb', 'notes/%2F', 'notes/*', 'notes/'])
      assert.equal(rights.on(documentId), 'write', documentId)
  })

  test('X2: all documents that begin so are granted only by a beginning and two asterisks', () => {
    const rights = new Rights({ 'notes/**': 'admin', 'wiki/*': 'admin', log: 'admin', '*/x**': 'admin' })
    const cases: readonly [string, string | null][] = [
      ['notes/', 'admin'],
      ['notes/2026', 'admin'],
      ['notes', null],
      ['', null],
      ['wiki/', null],
      ['log', null],
      ['a/x', null],
    ]
    for (const [prefix, right] of cases) assert.equal(rights.onAllUnder(prefix), right, prefix)
    assert.equal(new Rights({ '**': 'admin' }).onAllUnder(''), 'admin')
  })

  test('grants that would cost much to ask, or say nothing that is a right, are refused', () => {
    const many = Object.fromEntries(Array.from({ length: 101 }, (_, number) => [`d${number}`, 'read' as const]))
    assert.throws(() => new Rights(many), /101 patterns/)
    assert.throws(() => new Rights({ ['x'.repeat(513)]: 'read' }), /513 characters/)
    assert.throws(() => new Rights({ '*a*b*c*d*e': 'read' }), /more than 4 wildcards/)
    for (const value of [null, 'x', ['a'], { a: 'owner' }, { a: 1 }]) assert.equal(grantsIn(value), null)
  })
})
