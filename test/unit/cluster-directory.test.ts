// Finding documents in a cluster: here, at another node, or for the moment nowhere; on a clock that the test moves.

import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { Counters } from '../../core/counters.js'
import { WeftError } from '../../core/errors.js'
import { defaultLimits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import { seededRandom } from '../../core/random.js'
import { ClusterDirectory, defaultDirectoryTimes, type Location } from '../../server/cluster/cluster-directory.js'
import { NodeLinks } from '../../server/cluster/links/node-links.js'
import { defaultTuning } from '../../server/document/tuning.js'
import { editOf, OwnerBench, TestSession } from '../helpers/owner-bench.js'
import { ScriptedNode } from '../helpers/scripted-node.js'

const DOCUMENT = 'd'

class Bench {
  readonly near: OwnerBench
  readonly far = new ScriptedNode('far')
  readonly links: NodeLinks
  readonly directory: ClusterDirectory
  location: Location = { kind: 'nobody' }
  looks = 0
  /** Who said that it does not own a document. */
  readonly disowned: string[] = []

  static async start(): Promise<Bench> {
    return new Bench(await OwnerBench.start())
  }

  private constructor(near: OwnerBench) {
    this.near = near
    const common = { clock: near.clock, random: seededRandom(1), logger: silentLogger }
    this.links = new NodeLinks({ ...common, dialer: this.far, agent: 'near', waitingBytesHigh: 1024 * 1024 })
    this.directory = new ClusterDirectory({
      ...common,
      local: near.directory,
      locate: () => this.location,
      disowned: (_shard, { nodeId }) => void this.disowned.push(nodeId),
      lookSoon: () => {
        this.looks += 1
      },
      links: this.links,
      store: near.store,
      counters: new Counters(),
      limits: defaultLimits,
      budget: near.budget,
      pace: defaultTuning,
      busyness: () => 1,
      times: defaultDirectoryTimes,
    })
  }

  get there(): Location {
    return { kind: 'node', node: this.far.address }
  }

  /** The far node opens the document on this channel. */
  opened(channel: number, seq: number, updates: readonly Uint8Array[], incarnation = 'the first'): void {
    const stateVector = Uint8Array.of(0)
    this.far.say({ type: 'opened', channel, incarnation, seq, stateVector, permission: 'read-write' })
    this.far.say({ type: 'state', channel, seq, updates })
  }

  /** This node looked, and found this. */
  looked(location: Location): void {
    this.location = location
    this.directory.looked([this.far.address])
  }

  join(): { readonly session: TestSession; readonly joined: Promise<void> } {
    const session = new TestSession()
    const joined = session.attach(this.directory, DOCUMENT).then(() => session.sync())
    joined.catch(() => {})
    return { session, joined }
  }
}

test('O1: a document that this node owns is opened here', async () => {
  const bench = await Bench.start()
  bench.location = { kind: 'here' }
  const { session, joined } = bench.join()
  await joined
  session.type('hello')
  await bench.near.clock.advanceAsync(100)
  assert.equal(session.acknowledgedThrough, 1)
  assert.equal(bench.far.dials, 0)
})

test('S5: sessions that attach to a document of another node at once share one link and one subscription', async () => {
  const bench = await Bench.start()
  bench.location = bench.there
  const joins = Array.from({ length: 10 }, () => bench.join())
  await bench.near.clock.settle()
  bench.opened(1, 1, [editOf('far', 1)])
  await Promise.all(joins.map(({ joined }) => joined))
  for (const { session } of joins) assert.equal(session.text, 'far')
  assert.equal(bench.far.dials, 1)
  assert.equal(bench.far.receivedOf('open').length, 1)
  assert.equal(bench.directory.remoteDocuments, 1)
  assert.equal(bench.near.directory.openDocuments, 0)
})

test('O2: a join waits for an owner, asks for a look at the ownership, and goes on with what it shows', async () => {
  const bench = await Bench.start()
  const { session, joined } = bench.join()
  await bench.near.clock.advanceAsync(2_000)
  assert.ok(bench.looks > 0 && bench.looks <= 21, `${bench.looks} looks in 2 s`)
  bench.looked({ kind: 'here' })
  await bench.near.clock.settle()
  await joined
  assert.ok(session.isAttached)
})

test('G5: a join without an owner for too long fails with an error that says to try again', async () => {
  const bench = await Bench.start()
  const { joined } = bench.join()
  await bench.near.clock.advanceAsync(defaultDirectoryTimes.attachMsMax + 1_000)
  await assert.rejects(joined, (error) => error instanceof WeftError && error.retryable && error.closeCode === 4512)
})

test('O5: sessions follow a document from here to another node and back, and miss nothing', async () => {
  const bench = await Bench.start()
  bench.location = { kind: 'here' }
  const { session, joined } = bench.join()
  await joined
  session.type('here ')
  await bench.near.clock.advanceAsync(100)
  const { incarnation } = session.attachment
  // Handed over.
  const shard = bench.near.giveUp(DOCUMENT)
  bench.location = { kind: 'nobody' }
  await bench.near.directory.release(new Set([shard]))
  session.type('between ')
  const [pending] = [Y.encodeStateAsUpdate(session.doc)]
  bench.looked(bench.there)
  await bench.near.clock.advanceAsync(100)
  const stored = Y.encodeStateAsUpdate(await bench.near.stored(DOCUMENT))
  bench.opened(1, 1, [stored], incarnation)
  await bench.near.clock.settle()
  assert.equal(bench.far.receivedOf('submit').length, 1)
  bench.far.say({ type: 'update', channel: 1, seq: 2, update: pending ?? stored })
  bench.far.say({ type: 'acknowledged', channel: 1, through: 1, seq: 2 })
  assert.equal(session.acknowledgedThrough, 2)
  assert.equal(session.detachedBy, null)
  // And back, by the next look: the far node never gets to say so.
  await bench.near.claimAll()
  bench.looked({ kind: 'here' })
  await bench.near.clock.advanceAsync(1_000)
  assert.equal(session.detachedBy, null)
  assert.equal(bench.directory.remoteDocuments, 0)
  session.type('again ')
  await bench.near.clock.advanceAsync(100)
  assert.equal(session.acknowledgedThrough, 3)
})

test('O5: a node that the membership no longer lists loses its link, and its documents are looked for elsewhere', async () => {
  const bench = await Bench.start()
  bench.location = bench.there
  const { session, joined } = bench.join()
  await bench.near.clock.settle()
  bench.opened(1, 0, [])
  await joined
  bench.location = { kind: 'here' }
  bench.directory.looked([])
  await bench.near.clock.advanceAsync(100)
  assert.ok(!bench.far.linked)
  assert.equal(session.detachedBy, null)
  session.type('here')
  await bench.near.clock.advanceAsync(100)
  assert.equal(session.acknowledgedThrough, 1)
})

test('O5: a node that cannot be reached is dialled less and less often', async () => {
  const bench = await Bench.start()
  bench.location = bench.there
  bench.far.unreachable = 'no route'
  const { joined } = bench.join()
  await bench.near.clock.advanceAsync(defaultDirectoryTimes.attachMsMax + 1_000)
  await assert.rejects(joined, /lost/)
  assert.ok(bench.far.dials >= 5 && bench.far.dials <= 20, `${bench.far.dials} dials`)
  assert.ok(bench.disowned.length >= 5 && bench.disowned.every((nodeId) => nodeId === 'far'), 'others may be asked instead')
})

test('G5: what the owner says against a join is passed on at once', async () => {
  const bench = await Bench.start()
  bench.location = bench.there
  const { joined } = bench.join()
  await bench.near.clock.settle()
  bench.far.say({ type: 'closed', channel: 1, closeCode: 4500, code: 'document-corrupt', reason: 'It is corrupt.', retryable: true })
  await assert.rejects(joined, /It is corrupt/)
})

test('G4: closing detaches everybody, near and far, and leaves no timer and no link behind', async () => {
  const bench = await Bench.start()
  bench.location = bench.there
  const far = bench.join()
  await bench.near.clock.settle()
  bench.opened(1, 0, [])
  await far.joined
  bench.location = { kind: 'nobody' }
  const waiting = bench.join()
  await bench.near.clock.advanceAsync(50)
  bench.directory.close()
  bench.directory.close()
  await bench.near.clock.settle()
  assert.equal(far.session.detachedBy?.code, 'draining')
  assert.equal(bench.far.linked, false)
  assert.equal(bench.near.clock.timerCount, 0)
  await Promise.race([waiting.joined.catch(() => {}), bench.near.clock.settle()])
  await assert.rejects(bench.directory.attach(DOCUMENT, { sink: new TestSession() }), /stopping/)
})
