// Where client ids are bound to users: a forged edit is refused, whoever knows whose an id is, and nobody is asked about an id that was seen.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { WeftError } from '../../core/errors.js'
import { THE_SERVER } from '../../core/user-id.js'
import { editOf, OwnerBench, type OwnerBenchOptions, type TestSession } from '../helpers/owner-bench.js'

async function bound(options: OwnerBenchOptions = {}) {
  const bench = await OwnerBench.start({ bindClientIds: true, tuning: { idleMs: 100 }, ...options })
  let lookUps = 0
  const { readFirstUses } = bench.store
  bench.store.readFirstUses = (...asked) => {
    lookUps += 1
    return readFirstUses.apply(bench.store, asked)
  }
  const joinAs = async (user: string | null): Promise<TestSession> => {
    const session = await bench.join('doc')
    session.user = user
    return session
  }
  /** Everybody leaves, and the document is read anew by whoever comes next. */
  const reopen = async (...sessions: readonly TestSession[]): Promise<void> => {
    for (const session of sessions) session.detach()
    await bench.clock.advanceAsync(10_000)
    assert.equal(bench.directory.openDocuments, 0)
  }
  /** Ann writes a letter and leaves, and comes back to an owner that has read the document anew. */
  const annAgain = async () => {
    const ann = await joinAs('ann')
    const byAnn = author(5)
    ann.submit(byAnn('a'))
    await bench.clock.advanceAsync(1_000)
    await reopen(ann)
    return { again: await joinAs('ann'), byAnn }
  }
  return { bench, lookUps: () => lookUps, joinAs, reopen, annAgain }
}

/** Updates of one author, each with what came since the one before. */
function author(clientId: number): (text: string) => Uint8Array {
  const doc = new Y.Doc()
  doc.clientID = clientId
  return (text) => {
    const before = Y.encodeStateVector(doc)
    doc.getText('text').insert(0, text)
    return Y.encodeStateAsUpdate(doc, before)
  }
}

const refusalsOf = (session: TestSession): readonly string[] => session.refusals.map(({ error }) => error.code)

test('H5: an edit under the client id of another user is refused in words, before and after the commit of the first, and changes nothing', async () => {
  const { bench, joinAs, lookUps } = await bound()
  const [ann, eve, guest] = [await joinAs('ann'), await joinAs('eve'), await joinAs(null)]
  const [byAnn, forged, also] = [author(5), author(5), author(5)]
  const release = bench.store.stall('append')
  ann.submit(byAnn('a'))
  forged('x')
  // Ahead of what she has written, which would shadow her next edit.
  eve.submit(forged('forged'))
  release()
  await bench.clock.advanceAsync(1_000)
  assert.deepEqual(refusalsOf(eve), ['forbidden'])
  assert.match(eve.refusals[0]?.error.message ?? '', /client id 5 is of another user .* a new Y\.Doc/)
  also('y')
  guest.submit(also('of nobody who is known'))
  await bench.clock.advanceAsync(1_000)
  assert.deepEqual(refusalsOf(guest), ['forbidden'])
  ann.submit(byAnn('b'))
  await bench.clock.advanceAsync(1_000)
  assert.deepEqual(refusalsOf(ann), [])
  assert.equal((await bench.stored('doc')).getText('text').toString(), 'ba')
  assert.equal(bench.counters.get('updates_of_others_ids'), 2)
  assert.equal(lookUps(), 0)
})

test('H5: whose an id is the next owner reads once, in order with what comes behind it, and never again', async () => {
  const { bench, joinAs, lookUps, annAgain } = await bound()
  const { again, byAnn } = await annAgain()
  const eve = await joinAs('eve')
  const forged = author(5)
  forged('x')
  eve.submit(forged('forged'))
  // These come behind it: from hers on nothing is asked.
  again.submit(byAnn('b'))
  eve.submit(author(6)('of eve '))
  again.submit(byAnn('c'))
  await bench.clock.advanceAsync(1_000)
  assert.deepEqual([refusalsOf(eve), refusalsOf(again)], [['forbidden'], []])
  assert.equal(eve.acknowledgedThrough, 2)
  assert.equal(again.acknowledgedThrough, 2)
  assert.equal(lookUps(), 1)
  for (let count = 0; count < 50; count++) again.submit(byAnn('d'))
  await bench.clock.advanceAsync(1_000)
  assert.equal(lookUps(), 1)
  const text = (await bench.stored('doc')).getText('text').toString()
  assert.ok(!text.includes('forged') && text.includes('of eve') && text.includes('cba'), text)
})

test('H5: many ids at once are read by pages; one that is on no record may be used by anybody', async () => {
  const { bench, joinAs, lookUps, reopen } = await bound()
  const [ann, guest] = [await joinAs('ann'), await joinAs(null)]
  const authors = Array.from({ length: 300 }, (_, index) => author(100 + index * 7))
  for (const write of authors) ann.submit(write('a'))
  const ofGuest = author(50)
  guest.submit(ofGuest('g'))
  await bench.clock.advanceAsync(1_000)
  await reopen(ann, guest)
  const [again, eve] = [await joinAs('ann'), await joinAs('eve')]
  again.submit(Y.mergeUpdates(authors.map((write) => write('b'))))
  eve.submit(ofGuest('by eve'))
  await bench.clock.advanceAsync(1_000)
  assert.deepEqual([refusalsOf(eve), refusalsOf(again)], [[], []])
  assert.equal(lookUps(), 2)
  // One forged id among many is enough.
  const forged = Array.from({ length: 20 }, (_, index) => author(9_000 + index))
  eve.submit(Y.mergeUpdates([...forged, authors[7] ?? ofGuest].map((write) => write('c'))))
  await bench.clock.advanceAsync(1_000)
  assert.deepEqual(refusalsOf(eve), ['forbidden'])
})

test('H5: what repeats or deletes what others wrote is refused to nobody, and the server itself writes under any id', async () => {
  const { bench, joinAs } = await bound()
  const [ann, eve] = [await joinAs('ann'), await joinAs('eve')]
  ann.doc.clientID = 5
  ann.type('of ann')
  await bench.clock.advanceAsync(1_000)
  eve.submit(Y.encodeStateAsUpdate(ann.doc))
  eve.doc.clientID = 6
  eve.doc.getText('text').delete(0, 3)
  await bench.clock.advanceAsync(1_000)
  assert.deepEqual(refusalsOf(eve), [])
  const server = await joinAs(THE_SERVER)
  ann.detach()
  ann.type('offline ')
  server.submit(Y.encodeStateAsUpdate(ann.doc))
  await bench.clock.advanceAsync(1_000)
  assert.deepEqual(refusalsOf(server), [])
  const { items } = await bench.store.readAuthors('doc', { afterSeq: 0, limit: 10 })
  assert.deepEqual(
    items.map(({ users }) => users),
    [['ann'], ['eve'], []],
  )
})

test('D4: while the store does not say whose an id is, an edit under it is refused for now, and what comes behind it is taken', async () => {
  const { bench, annAgain } = await bound()
  const { again, byAnn } = await annAgain()
  const { readFirstUses } = bench.store
  bench.store.readFirstUses = () => Promise.reject(new Error('the database is away'))
  const edit = byAnn('b')
  again.submit(edit)
  again.submit(editOf('new', 77))
  await bench.clock.advanceAsync(1_000)
  assert.deepEqual(refusalsOf(again), ['store-unavailable'])
  assert.equal(again.acknowledgedThrough, 2)
  bench.store.readFirstUses = readFirstUses
  again.submit(edit)
  await bench.clock.advanceAsync(1_000)
  assert.equal(again.acknowledgedThrough, 3)
})

test('an owner that stops while the store is asked answers nobody, and nothing is left waiting', async () => {
  const { bench, annAgain } = await bound()
  const { again, byAnn } = await annAgain()
  let answer = (): void => {}
  bench.store.readFirstUses = () =>
    new Promise((resolve) => {
      answer = () => resolve({ items: [], next: null })
    })
  again.submit(byAnn('b'))
  await bench.clock.settle()
  bench.directory.fail(new WeftError('store-failed', 'The disk is gone.'))
  await bench.clock.settle()
  answer()
  await bench.clock.advanceAsync(1_000)
  assert.equal(again.acknowledgedThrough, -1)
  assert.deepEqual(refusalsOf(again), [])
  assert.equal(again.detachedBy?.code, 'store-failed')
})

test('unless ids are bound, anybody may write under any of them, and the store is not asked', async () => {
  const { bench, joinAs, lookUps } = await bound({ bindClientIds: false })
  const [ann, eve] = [await joinAs('ann'), await joinAs('eve')]
  const byAnn = author(5)
  ann.submit(byAnn('a'))
  await bench.clock.advanceAsync(1_000)
  eve.submit(byAnn('b'))
  await bench.clock.advanceAsync(1_000)
  assert.deepEqual([refusalsOf(eve), lookUps()], [[], 0])
})
