// Quotas as operators write them: what they name, what they bound, and who is counted together.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { quotaRule } from '../../server/document/quota-rule.js'

test('a quota names documents, also with spaces in their ids, and bounds some of three things', () => {
  const rule = quotaRule('team notes/** documents=100 document-bytes=8MiB log-bytes-per-day=1000', '--quota')
  assert.equal(rule.pattern, 'team notes/**')
  assert.deepEqual([rule.documents, rule.documentBytes, rule.logBytesPerDay], [100, 8 * 1024 * 1024, 1_000])
  assert.equal(rule.matches('team notes/a/b'), true)
  assert.equal(rule.matches('team'), false)
  const bytes = quotaRule('** document-bytes=1KiB', '--quota')
  assert.deepEqual([bytes.documents, bytes.documentBytes, bytes.logBytesPerDay], [null, 1_024, null])
})

test('{user} stands for one segment, and each has a quota of its own', () => {
  const rule = quotaRule('users/{user}/** documents=1', '--quota')
  assert.equal(rule.matches('users/ada/notes/today'), true)
  assert.equal(rule.matches('users/ada'), false)
  const { prefix, of } = rule.groupOf('users/ada/notes/today')
  assert.equal(prefix, 'users/ada/')
  assert.equal(of('users/ada/other'), true)
  assert.equal(rule.groupOf('users/adam/x').prefix, 'users/adam/')
  const alone = quotaRule('inbox/{user} document-bytes=1', '--quota').groupOf('inbox/ada')
  assert.deepEqual([alone.of('inbox/ada'), alone.of('inbox/adam')], [true, false])
})

for (const [text, says] of [
  ['documents=5', /names no documents/],
  ['notes/**', /bounds nothing/],
  ['', /bounds nothing/],
  ['notes/** documents=0', /"documents=0" is not understood/],
  ['notes/** documents=5MiB', /is not understood/],
  ['notes/** document-bytes=lots', /is not understood/],
  ['notes/** pages=5', /"pages=5" is not understood/],
  ['a/**/{user}/x documents=5', /not a whole segment in front of every \*/],
  ['a/u-{user}/x documents=5', /not a whole segment/],
] as const)
  test(`a quota that cannot be read is refused by name: "${text}"`, () => {
    assert.throws(() => quotaRule(text, '--quota'), says)
  })
