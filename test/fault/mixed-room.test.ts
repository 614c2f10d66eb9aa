// Clients of every dialect and transport type in one document while the node is killed, on a node of its own and in a cluster: nothing that was told to be saved,
// or was shown, is lost, all become the same, and cursors pass from each kind to each.
import { strict as assert } from 'node:assert'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as Y from 'yjs'
import { shardOf } from '../../core/document-id.js'
import { seededRandom } from '../../core/random.js'
import { rendezvousWinner } from '../../server/cluster/rendezvous.js'
import { LocalCluster, nodeIdOf } from '../helpers/local-cluster.js'
import { ServerProcess } from '../helpers/server-process.js'
import { canonicalState, eventually } from '../helpers/states.js'
import { Guest, kinds, Room } from './mixed-room.js'
import { readFromDisk } from './on-disk.js'

const seed = Number(process.env['WEFT_FAULT_SEED'] ?? 20_267)
const documentId = 'rooms/mixed'

/** Each guest sees the cursor of each other. */
async function everybodySees(guests: readonly Guest[], cursor: string): Promise<void> {
  for (const guest of guests) guest.awareness.setLocalStateField('cursor', `${cursor} of ${guest.name}`)
  await eventually('everybody sees the cursor of everybody', () =>
    guests.every(({ awareness }) =>
      guests.every(({ name, doc }) => awareness.getStates().get(doc.clientID)?.['cursor'] === `${cursor} of ${name}`),
    ),
  )
}

test('D2 D3 S1: five kinds of clients type while their node is killed twice; what they were told and shown is on the disk, and all become the same', async (t) => {
  const random = seededRandom(seed)
  const folder = await mkdtemp(join(tmpdir(), 'weft-mixed-'))
  const server = await ServerProcess.start({ dataFolder: folder })
  const room = new Room(
    kinds.map((kind, index) => new Guest(`guest-${index}`, kind, documentId, () => server.url, random)),
    random,
  )
  t.after(async () => {
    await room.close()
    await server.dispose()
    await rm(folder, { recursive: true, force: true })
  })
  for (let kill = 1; kill <= 2; kill++) {
    await everybodySees(room.guests, `cursor ${kill}`)
    const stop = room.typing()
    await sleep(600 + random.below(300))
    await server.kill()
    const disk = (await readFromDisk(folder, [documentId])).get(documentId)?.doc ?? new Y.Doc()
    assert.deepEqual(room.lost(disk), [], `kill ${kill} of seed ${seed}`)
    await server.restart()
    stop()
    await room.converged(20_000)
  }
  await eventually('each kind that can be told was told that something is saved', () => room.acknowledgedKinds.length === kinds.length - 1)
  await everybodySees(room.guests, 'last cursor')
  // Before the server: a provider of Hocuspocus that is destroyed while it connects goes on trying.
  await room.close()
  await server.stop()
  const disk = (await readFromDisk(folder, [documentId])).get(documentId)?.doc ?? new Y.Doc()
  for (const { doc, name } of room.guests) assert.equal(canonicalState(doc), canonicalState(disk), name)
})

test('D1 D3 S1: in a cluster of two nodes five kinds of clients on each see each other, the owner is killed, nothing that was saved is lost, and all become the same', async (t) => {
  const random = seededRandom(seed + 1)
  const cluster = await LocalCluster.start({ nodes: 2 })
  t.after(() => cluster.stop())
  const owner = cluster.nodes.find(
    (_, index) =>
      nodeIdOf(index) ===
      rendezvousWinner(
        shardOf(documentId),
        cluster.nodes.map((_, node) => nodeIdOf(node)),
      ),
  )
  const [first, second] = cluster.nodes
  assert.ok(owner !== undefined && first !== undefined && second !== undefined)
  const guests = [first, second].flatMap((home, node) =>
    kinds.map((kind, index) => {
      const other = home === first ? second : first
      return new Guest(`guest-${node}-${index}`, kind, documentId, () => (home.running ? home : other).url, random)
    }),
  )
  const room = new Room(guests, random)
  let late: Guest | null = null
  t.after(async () => {
    await Promise.all([room.close(), late?.close()])
    await cluster.stop()
  })
  await everybodySees(guests, 'cursor')
  const stop = room.typing()
  await sleep(1_000)
  await owner.kill()
  await sleep(1_000)
  stop()
  await room.converged(30_000)
  await everybodySees(guests, 'last cursor')
  await eventually('each kind that can be told was told that something is saved', () => room.acknowledgedKinds.length === kinds.length - 1)
  // What is stored, and not what these clients tell each other.
  late = new Guest('late', 'weft over a WebSocket', documentId, () => (first.running ? first : second).url, random)
  const { doc: lateDoc } = late
  await eventually(
    'somebody who comes late has everything',
    () => canonicalState(lateDoc) === canonicalState(guests[0]?.doc ?? new Y.Doc()),
  )
  assert.deepEqual(room.lost(lateDoc), [])
  for (const { doc, name } of guests) assert.equal(canonicalState(doc), canonicalState(lateDoc), name)
})
