// The forward edit of a restore: exact for random histories, one ordinary edit beside what others type, and refused where it cannot be.
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import * as Y from 'yjs'
import { seededRandom } from '../../core/random.js'
import { restore } from '../../server/history/tasks/restore.js'
import { contentOf, rootNames, rootsOf } from '../../server/history/tasks/roots.js'
import { randomEdit, randomHistory } from '../helpers/random-history.js'

function docOf(updates: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc
}

function collected(updates: readonly Uint8Array[]): Uint8Array {
  const doc = docOf(updates)
  const state = Y.encodeStateAsUpdate(doc)
  doc.destroy()
  return state
}

describe('restore', () => {
  const seeds = 200
  test(`H2: each of ${seeds} random histories is brought back to a random moment exactly, also where what was deleted since is gone; and forward again`, () => {
    let replaced = 0
    for (let seed = 1; seed <= seeds; seed++) {
      const random = seededRandom(seed)
      const { updates } = randomHistory(random, 5 + random.below(120))
      const moment = random.below(updates.length + 1)
      const then = updates.slice(0, moment)
      const now = random.below(2) === 0 ? [collected(updates)] : updates
      const restored = restore(random.below(2) === 0 ? then : [collected(then)], now, null)
      if (restored.method === 'replaced') replaced += 1
      const after = docOf([...now, ...(restored.method === 'nothing' ? [] : [restored.update])])
      const wanted = docOf(then)
      assert.deepEqual(rootsOf(after), rootsOf(wanted), `seed ${seed}, moment ${moment}`)
      // A restore of the restore: forward to what it was before.
      const all = [...now, ...(restored.method === 'nothing' ? [] : [restored.update])]
      const forward = restore(now, [collected(all)], null)
      const again = docOf([...all, ...(forward.method === 'nothing' ? [] : [forward.update])])
      const before = docOf(now)
      assert.deepEqual(rootsOf(again), rootsOf(before), `seed ${seed}, moment ${moment}, forward again`)
      for (const doc of [after, wanted, again, before]) doc.destroy()
    }
    assert.equal(replaced, 0, 'no root had to be replaced as a whole')
  })

  test('H2: what others type meanwhile is merged, and everybody converges', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(1_000 + seed)
      const { updates } = randomHistory(random, 60)
      const typing = docOf(updates)
      const { update, method } = restore(updates.slice(0, 30), updates, null)
      if (method === 'nothing') continue
      const before = Y.encodeStateVector(typing)
      typing.transact(() => {
        randomEdit(typing, random)
        typing.getText('meanwhile').insert(0, 'typed while it was restored')
      })
      const typed = Y.encodeStateAsUpdate(typing, before)
      Y.applyUpdate(typing, update)
      const server = docOf([...updates, update, typed])
      assert.deepEqual(rootsOf(server), rootsOf(typing), `seed ${seed}`)
      assert.equal(server.getText('meanwhile').toString(), 'typed while it was restored')
      typing.destroy()
      server.destroy()
    }
  })

  test('H2: one root type alone is brought back, and no other changes', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(2_000 + seed)
      const { updates } = randomHistory(random, 80)
      const then = updates.slice(0, 20 + random.below(50))
      const [current, wanted] = [docOf(updates), docOf(then)]
      for (const root of rootNames(current)) {
        const { update, method } = restore(then, updates, root)
        const after = docOf([...updates, ...(method === 'nothing' ? [] : [update])])
        for (const name of rootNames(current))
          assert.equal(
            contentOf(after, name),
            contentOf(name === root ? wanted : current, name),
            `seed ${seed}: ${root}, looking at ${name}`,
          )
        after.destroy()
      }
      assert.throws(() => restore(then, updates, 'nowhere'), /no root type "nowhere"/)
      current.destroy()
      wanted.destroy()
    }
  })

  test('a document that reads that way already is left alone', () => {
    const doc = new Y.Doc()
    doc.getText('t').insert(0, 'x')
    const then = Y.encodeStateAsUpdate(doc)
    doc.getText('t').insert(1, 'y')
    doc.getText('t').delete(1, 1)
    const restored = restore([then], [Y.encodeStateAsUpdate(doc)], null)
    assert.deepEqual([restored.method, restored.update.length], ['nothing', 0])
    doc.destroy()
  })
})
