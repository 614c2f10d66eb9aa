// Large snapshots of the embedded store, which go to disk in steps: edits are committed between them, and nothing of one that was cut off counts or stays.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../core/clock.js'
import { silentLogger } from '../../core/log.js'
import { seededRandom } from '../../core/random.js'
import { openLmdbStore } from '../../persistence/index.js'
import { openEnvironment } from '../../persistence/lmdb/environment.js'
import type { DocumentStore } from '../../persistence/store.js'
import { keepNothing, nodeB, takeFence, Writer } from '../contract/fixture.js'
import { repositoryRoot } from '../helpers/repository.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'

const MiB = 1024 * 1024
const PIECE_BYTES = 256 * 1024

const open = (folder: string): Promise<DocumentStore> =>
  openLmdbStore({ folder, clock: systemClock, logger: silentLogger, onFatal: (error) => assert.fail(error) })

const stateOf = (bytes: number, filler: number): Uint8Array => new Uint8Array(bytes).fill(filler)

async function piecesIn(folder: string): Promise<number> {
  const environment = await openEnvironment(folder)
  const count = environment.states.getKeysCount()
  await environment.close()
  return count
}

test('edits are committed between the steps of a large snapshot, and it is read back whole', async (context) => {
  const folder = temporaryFolder(context)
  const store = await open(folder)
  const writer = await (await Writer.claim(store, 'large')).appendMany(1)
  const other = await Writer.claim(store, 'other')
  const state = stateOf(16 * MiB + 77, 7).map((filler, index) => (index % 251) + filler)
  let saved = false
  const saving = store.saveSnapshot({ ...writer.snapshot(1), state }).finally(() => {
    saved = true
  })
  let meanwhile = 0
  for (; !saved; meanwhile++) await other.appendMany(1)
  assert.equal(await saving, 'written')
  assert.ok(meanwhile >= 8, `${meanwhile} edits were committed meanwhile`)
  assert.deepEqual((await store.openDocument('large')).snapshot?.state, state)
  await store.close()
  assert.equal(await piecesIn(folder), Math.ceil(state.length / PIECE_BYTES))
})

test('D6: saves of one seq that come at the same time, large and small, leave one of them whole', async (context) => {
  const store = await open(temporaryFolder(context))
  const writer = await (await Writer.claim(store, 'a')).appendMany(2)
  const states = [stateOf(5 * MiB, 1), stateOf(3 * MiB, 2), stateOf(100, 3), stateOf(2 * MiB, 4)]
  const outcomes = await Promise.all(states.map((state) => store.saveSnapshot({ ...writer.snapshot(2), state })))
  assert.deepEqual(new Set(outcomes), new Set(['written']))
  const found = (await store.openDocument('a')).snapshot?.state ?? assert.fail('there is one')
  assert.ok(states.some((state) => Buffer.compare(state, found) === 0))
  await store.close()
})

test('O1, D6: a large snapshot of a document that is deleted, or taken over, in the middle is fenced, and leaves nothing', async (context) => {
  for (const end of ['deleted', 'taken over'] as const) {
    const folder = temporaryFolder(context)
    const store = await open(folder)
    const writer = await (await Writer.claim(store, 'a')).appendMany(1)
    const saving = store.saveSnapshot({ ...writer.snapshot(1), state: stateOf(20 * MiB, 1) })
    // Some steps later.
    const other = await Writer.claim(store, 'other')
    await other.appendMany(3)
    if (end === 'deleted') await store.deleteDocument('a', writer.fence)
    else await takeFence(store, 'a', nodeB)
    assert.equal(await saving, 'fenced', end)
    await store.close()
    assert.equal(await piecesIn(folder), 0, end)
  }
})

test('D6: of a large snapshot that a kill cut off nothing counts, and pruning clears away what it left', async (context) => {
  const random = seededRandom(3)
  let cut = 0
  for (let round = 0; round < 12; round++) {
    const folder = temporaryFolder(context)
    const script = `
      import { openLmdbStore } from ${JSON.stringify(path.join(repositoryRoot, 'dist/persistence/index.js'))}
      import { systemClock } from ${JSON.stringify(path.join(repositoryRoot, 'dist/core/clock.js'))}
      import { silentLogger } from ${JSON.stringify(path.join(repositoryRoot, 'dist/core/log.js'))}
      import { Writer } from ${JSON.stringify(path.join(repositoryRoot, 'dist/test/contract/fixture.js'))}
      const store = await openLmdbStore({ folder: ${JSON.stringify(folder)}, clock: systemClock, logger: silentLogger, onFatal: () => process.exit(70) })
      const writer = await (await Writer.claim(store, 'a')).appendMany(1)
      await store.saveSnapshot({ ...writer.snapshot(1), state: new Uint8Array(100).fill(1) })
      await writer.appendMany(1)
      process.stdout.write('saving')
      await store.saveSnapshot({ ...writer.snapshot(2), state: new Uint8Array(${24 * MiB}).fill(2) })
      process.stdout.write('saved')
      setInterval(() => {}, 1000)
    `
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    while (!said.includes('saving')) await once(child.stdout, 'data')
    const turns = random.below(40)
    for (let turn = 0; turn < turns && !said.includes('saved'); turn++) await new Promise((resolve) => setTimeout(resolve, 0))
    child.kill('SIGKILL')
    await once(child, 'close')
    const store = await open(folder)
    const { snapshot, head } = await store.openDocument('a')
    assert.equal(head, 2)
    const isThere = snapshot?.seq === 2
    if (said.includes('saved')) assert.ok(isThere, 'what was answered is there')
    assert.deepEqual(snapshot?.state, isThere ? stateOf(24 * MiB, 2) : stateOf(100, 1))
    if (!isThere) cut += 1
    await takeFence(store, 'a')
    await store.prune('a', { ...keepNothing, hourlySnapshots: 5 })
    await store.close()
    assert.equal(await piecesIn(folder), isThere ? 1 + 96 : 1)
  }
  assert.ok(cut >= 2, `${cut} of 12 were cut off in the middle`)
})
