// What an owner writes into the log about who wrote.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { editOf, OwnerBench, type TestSession } from '../helpers/owner-bench.js'

async function users(bench: OwnerBench): Promise<readonly (readonly string[])[]> {
  await bench.clock.advanceAsync(1_000)
  const { items } = await bench.store.readAuthors('doc', { afterSeq: 0, limit: 1_000 })
  return items.map((row) => row.users.toSorted())
}

async function uses(bench: OwnerBench): Promise<readonly string[]> {
  await bench.clock.advanceAsync(1_000)
  const { items } = await bench.store.readFirstUses('doc', { limit: 10_000 })
  return items.map(({ clientId, user, seq }) => `${clientId} ${user} ${seq}`)
}

async function joinAs(bench: OwnerBench, user: string | null): Promise<TestSession> {
  const session = await bench.join('doc')
  session.user = user
  return session
}

test('H5: the row of a beat names everybody whose edits are in it, each once, and nobody else', async () => {
  const bench = await OwnerBench.start()
  const [ann, ben, guest] = [await joinAs(bench, 'ann'), await joinAs(bench, 'ben'), await joinAs(bench, null)]
  await joinAs(bench, 'a reader')
  guest.submit(editOf('0', 1))
  await bench.clock.advanceAsync(1_000)
  const release = bench.store.stall('append')
  ann.submit(editOf('a', 2))
  await bench.clock.settle()
  // All of these wait for that commit.
  for (let client = 3; client < 6; client++) ben.submit(editOf('b', client))
  ann.submit(editOf('c', 6))
  guest.submit(editOf('d', 7))
  release()
  assert.deepEqual(await users(bench), [[], ['ann'], ['ann', 'ben']])
})

test('H5: an edit is of the user that its session was when it was submitted', async () => {
  const bench = await OwnerBench.start()
  const session = await joinAs(bench, 'ann')
  session.submit(editOf('a', 1))
  session.user = 'ben'
  await bench.clock.advanceAsync(1_000)
  session.submit(editOf('b', 2))
  assert.deepEqual(await users(bench), [['ann'], ['ben']])
})

test('H5: a client id is of who used it first, also after the document was opened again, and not of who repeats or deletes what it wrote', async () => {
  const bench = await OwnerBench.start({ tuning: { idleMs: 100 } })
  const [ann, ben] = [await joinAs(bench, 'ann'), await joinAs(bench, 'ben')]
  const doc = new Y.Doc()
  doc.clientID = 5
  doc.getText('text').insert(0, 'first')
  const first = Y.encodeStateAsUpdate(doc)
  ann.submit(first)
  await bench.clock.advanceAsync(1_000)
  ben.submit(first)
  doc.getText('text').insert(0, 'second ')
  ben.submit(Y.encodeStateAsUpdate(doc))
  ben.submit(editOf('of ben', 6))
  assert.deepEqual(await uses(bench), ['5 ann 1', '6 ben 2'])
  ann.attachment.detach()
  ben.attachment.detach()
  await bench.clock.advanceAsync(10_000)
  const cat = await joinAs(bench, 'cat')
  cat.doc.clientID = 5
  cat.doc.getText('text').delete(0, 3)
  cat.submit(editOf('of cat', 7))
  assert.deepEqual(await uses(bench), ['5 ann 1', '6 ben 2', `7 cat ${bench.head('doc')}`])
})

test('H5: an edit that is refused names nobody, and a commit that is repeated names its users once', async () => {
  const bench = await OwnerBench.start()
  const [ann, ben] = [await joinAs(bench, 'ann'), await joinAs(bench, 'ben')]
  ben.submit(Uint8Array.of(1, 2, 3))
  bench.store.failAfter('append')
  ann.submit(editOf('a', 1))
  assert.deepEqual(await users(bench), [['ann']])
  assert.deepEqual(await uses(bench), ['1 ann 1'])
  assert.equal(ben.refusals.length, 1)
})

test("G1: of an update with more new client ids than firstUsesPerUpdateMax nobody is taken for the user: it is others' work", async () => {
  const bench = await OwnerBench.start({ limits: { firstUsesPerUpdateMax: 3 } })
  const ann = await joinAs(bench, 'ann')
  const of = (clients: readonly number[]) => Y.mergeUpdates(clients.map((client) => editOf('x', client)))
  ann.submit(of([1, 2, 3]))
  ann.submit(of([11, 12, 13, 14]))
  // What is known already does not count.
  ann.submit(of([1, 2, 3, 11, 12, 13, 14, 21]))
  assert.deepEqual(
    (await uses(bench)).map((use) => use.split(' ')[0]),
    ['1', '2', '3', '21'],
  )
  assert.deepEqual(new Set((await users(bench)).flat()), new Set(['ann']))
})
