// Membership and shard ownership of several nodes on one manual clock, over one memory store.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { Counters } from '../../core/counters.js'
import { SHARD_COUNT } from '../../core/document-id.js'
import { WeftError } from '../../core/errors.js'
import { silentLogger } from '../../core/log.js'
import { MemoryMembership, MemoryMembershipTable } from '../../persistence/memory/memory-membership.js'
import { MemoryDisk, MemoryStore } from '../../persistence/memory/memory-store.js'
import { NodeMembership } from '../../server/cluster/node-membership.js'
import { rendezvousWinner } from '../../server/cluster/rendezvous.js'
import { defaultClusterSettings } from '../../server/cluster/settings.js'
import { ShardManager } from '../../server/cluster/shard-manager.js'
import { ManualClock } from '../helpers/manual-clock.js'

const settings = defaultClusterSettings

class Cluster {
  readonly clock = new ManualClock()
  readonly disk = new MemoryDisk()
  readonly table = new MemoryMembershipTable()

  node(nodeId: string): Node {
    return new Node(this, nodeId)
  }
}

class Node {
  readonly nodeId: string
  readonly counters = new Counters()
  readonly membership: NodeMembership
  readonly shards: ShardManager
  readonly abandoned: number[] = []
  /** Whether the store answers this node; false: every call hangs until it is reachable again. */
  reachable = true
  replaced: WeftError | null = null
  /** Flushes the documents of shards that are released. */
  handOver: () => Promise<void> = () => Promise.resolve()
  /** What happens to a claim beside taking effect. */
  claim: <Answer>(call: () => Promise<Answer>) => Promise<Answer> = (call) => call()

  constructor(cluster: Cluster, nodeId: string, boot = `${nodeId}-boot`) {
    this.nodeId = nodeId
    const { clock } = cluster
    const store = new MemoryStore({ clock, disk: cluster.disk })
    const membershipStore = new MemoryMembership({ clock, table: cluster.table })
    const cut = async <Answer>(call: () => Promise<Answer>): Promise<Answer> => {
      if (!this.reachable) throw new WeftError('store-unavailable', 'cut off')
      return call()
    }
    const shared = { settings, clock, logger: silentLogger, counters: this.counters }
    this.membership = new NodeMembership({
      ...shared,
      store: {
        heartbeat: (self) => cut(() => membershipStore.heartbeat(self)),
        leave: (self) => cut(() => membershipStore.leave(self)),
        reconnect: () => {},
      },
      self: { nodeId, boot, advertise: `${nodeId}:1`, version: '0' },
      onView: () => void this.shards.look(),
      onQuarantined: () => this.shards.drop('all'),
      onReplaced: (error) => {
        this.replaced = error
      },
    })
    this.shards = new ShardManager({
      ...shared,
      store: {
        readOwnership: () => cut(() => store.readOwnership()),
        claimShards: (claimant, seen) => cut(() => this.claim(() => store.claimShards(claimant, seen))),
        releaseShards: (claimant, grants) => cut(() => store.releaseShards(claimant, grants)),
      },
      membership: this.membership,
      claimant: { nodeId, boot },
      handOver: () => this.handOver(),
      abandon: (shards) => void this.abandoned.push(...shards),
      onLooked: () => {},
    })
    void this.membership.start()
  }

  /** The process is gone: no heartbeat, no look, no word. */
  async kill(): Promise<void> {
    this.reachable = false
    this.shards.stop()
    await this.membership.leave()
  }
}

const total = (nodes: readonly Node[]): number => nodes.reduce((sum, node) => sum + node.shards.owned, 0)

test('O1: the shards of a cluster are spread over its nodes, each owned once, by the rendezvous winner', async () => {
  const cluster = new Cluster()
  const nodes = ['a', 'b', 'c'].map((nodeId) => cluster.node(nodeId))
  await cluster.clock.advanceAsync(10_000)
  assert.equal(total(nodes), SHARD_COUNT)
  for (const node of nodes) assert.ok(node.shards.owned > SHARD_COUNT / 5, `${node.nodeId} owns ${node.shards.owned}`)
  for (let shard = 0; shard < SHARD_COUNT; shard++) {
    const owners = nodes.filter((node) => node.shards.locate(shard).kind === 'here').map(({ nodeId }) => nodeId)
    assert.deepEqual(owners, [rendezvousWinner(shard, ['a', 'b', 'c'])])
  }
  for (const node of nodes) assert.ok(node.shards.settled)
})

test('O5: a node that has just joined is not taken for dead by those that have not heard of it yet', async () => {
  for (let offsetMs = 0; offsetMs < settings.heartbeatPeriodMs; offsetMs += 45) {
    const cluster = new Cluster()
    const a = cluster.node('a')
    await cluster.clock.advanceAsync(offsetMs)
    const b = cluster.node('b')
    await cluster.clock.advanceAsync(offsetMs)
    const c = cluster.node('c')
    await cluster.clock.advanceAsync(8_000)
    assert.equal(total([a, b, c]), SHARD_COUNT)
    assert.deepEqual([...a.abandoned, ...b.abandoned, ...c.abandoned], [], `${offsetMs} ms apart`)
  }
})

test('O5: a node that joins gets its share a few at a time, and takes nothing from those that stay beyond it', async () => {
  const cluster = new Cluster()
  const a = cluster.node('a')
  const b = cluster.node('b')
  await cluster.clock.advanceAsync(10_000)
  const before = new Map(Array.from({ length: SHARD_COUNT }, (_, shard) => [shard, a.shards.locate(shard).kind === 'here' ? 'a' : 'b']))
  const c = cluster.node('c')
  let moved = 0
  for (let step = 0; step < 100; step++) {
    const had = a.shards.owned
    await cluster.clock.advanceAsync(settings.movingTickMs)
    assert.ok(had - a.shards.owned <= settings.releasesPerTick * 3, 'released gradually')
  }
  assert.equal(total([a, b, c]), SHARD_COUNT)
  for (let shard = 0; shard < SHARD_COUNT; shard++) {
    if (c.shards.locate(shard).kind === 'here') moved++
    else assert.equal(a.shards.locate(shard).kind === 'here' ? 'a' : 'b', before.get(shard), 'a shard moved between nodes that stay')
  }
  assert.ok(moved > SHARD_COUNT / 5)
  assert.deepEqual([...a.abandoned, ...b.abandoned], [], 'a planned move abandons nothing')
})

test('O2: the shards of a killed node are owned by others in under 5 s, under higher epochs', async () => {
  const cluster = new Cluster()
  const nodes = ['a', 'b', 'c'].map((nodeId) => cluster.node(nodeId))
  await cluster.clock.advanceAsync(10_000)
  const [dead, ...rest] = nodes as [Node, Node, Node]
  const epochs = new Map([...cluster.disk.owners].map(([shard, { epoch }]) => [shard, epoch]))
  const orphans = Array.from({ length: SHARD_COUNT }, (_, shard) => shard).filter((shard) => dead.shards.locate(shard).kind === 'here')
  // Gone without a word: the row of its heartbeat stays.
  dead.reachable = false
  dead.shards.stop()
  await cluster.clock.advanceAsync(4_900)
  assert.equal(total(rest), SHARD_COUNT)
  for (const shard of orphans) assert.equal(cluster.disk.owners.get(shard)?.epoch, (epochs.get(shard) ?? 0) + 1)
})

test('O3: a node that cannot confirm its heartbeat owns nothing before anybody else may take over, and comes back when it can', async () => {
  const cluster = new Cluster()
  const a = cluster.node('a')
  const b = cluster.node('b')
  await cluster.clock.advanceAsync(10_000)
  const owned = a.shards.owned
  a.reachable = false
  let quarantinedBeforeTakeover = false
  for (let elapsedMs = 0; elapsedMs < 6_000; elapsedMs += 50) {
    await cluster.clock.advanceAsync(50)
    if (a.shards.owned === 0 && b.shards.owned < SHARD_COUNT) quarantinedBeforeTakeover = true
    assert.ok(total([a, b]) <= SHARD_COUNT, 'no shard has two owners')
  }
  assert.ok(quarantinedBeforeTakeover)
  assert.equal(a.membership.state.kind, 'quarantined')
  assert.equal(a.abandoned.length, owned)
  assert.equal(b.shards.owned, SHARD_COUNT)
  for (let shard = 0; shard < SHARD_COUNT; shard++) {
    const successor = a.shards.locate(shard)
    assert.equal(successor.kind === 'node' ? successor.node.nodeId : null, 'b', 'its sessions are sent to whom its shards fell')
  }
  a.reachable = true
  await cluster.clock.advanceAsync(10_000)
  assert.equal(a.membership.state.kind, 'member')
  assert.equal(a.shards.owned, owned)
  assert.equal(total([a, b]), SHARD_COUNT)
})

test('O2: a node that is cut off in mid-move, and told that an owner is none any more, looks where the shard falls to, and back if that is too early', async () => {
  const cluster = new Cluster()
  const a = cluster.node('a')
  const b = cluster.node('b')
  await cluster.clock.advanceAsync(10_000)
  const c = cluster.node('c')
  while (!a.membership.view.some(({ nodeId }) => nodeId === 'c')) await cluster.clock.advanceAsync(10)
  const nodeOf = (shard: number): string | null => {
    const location = a.shards.locate(shard)
    return location.kind === 'node' ? location.node.nodeId : location.kind
  }
  const seenAtB = Array.from({ length: SHARD_COUNT }, (_, shard) => shard).filter((shard) => nodeOf(shard) === 'b')
  a.reachable = false
  const shard = seenAtB[0] ?? -1
  a.shards.disowned(shard, 'b-boot')
  assert.equal(nodeOf(shard), 'b', 'as long as the store may answer, that is what counts')
  await cluster.clock.advanceAsync(10_000)
  assert.equal(a.membership.state.kind, 'quarantined')
  const moved = seenAtB.filter((seen) => c.shards.locate(seen).kind === 'here')
  assert.ok(moved.length > 0 && total([b, c]) === SHARD_COUNT)
  for (const one of moved) {
    assert.equal(nodeOf(one), 'b', 'it cannot read that it moved')
    a.shards.disowned(one, 'b-boot')
    assert.equal(nodeOf(one), 'c')
    a.shards.disowned(one, 'c-boot')
    assert.equal(nodeOf(one), 'b')
    a.shards.disowned(one, 'b-boot')
  }
  a.reachable = true
  await cluster.clock.advanceAsync(10_000)
  assert.equal(total([a, b, c]), SHARD_COUNT)
  for (const node of [a, b, c]) node.shards.stop()
})

test('O3: a node that was cut off only briefly takes its own shards back under new epochs', async () => {
  const cluster = new Cluster()
  const a = cluster.node('a')
  await cluster.clock.advanceAsync(5_000)
  a.reachable = false
  await cluster.clock.advanceAsync(settings.quarantineAfterMs + 500)
  assert.equal(a.shards.owned, 0)
  a.reachable = true
  await cluster.clock.advanceAsync(2_000)
  assert.equal(a.shards.owned, SHARD_COUNT)
  assert.equal(cluster.disk.owners.get(0)?.epoch, 2)
})

test('O2: when the store was away for everybody, everybody takes back what was theirs, and nothing else', async () => {
  for (const awayMs of [2_500, 3_500, 8_000]) {
    const cluster = new Cluster()
    const nodes = [cluster.node('a')]
    for (const nodeId of ['b', 'c']) {
      // Their heartbeats do not fall together.
      await cluster.clock.advanceAsync(170)
      nodes.push(cluster.node(nodeId))
    }
    await cluster.clock.advanceAsync(10_000)
    const owners = (): readonly (string | undefined)[] =>
      Array.from({ length: SHARD_COUNT }, (_, shard) => cluster.disk.owners.get(shard)?.owner?.nodeId)
    const epochs = (): readonly number[] => Array.from({ length: SHARD_COUNT }, (_, shard) => cluster.disk.owners.get(shard)?.epoch ?? 0)
    const [ownersBefore, epochsBefore] = [owners(), epochs()]
    for (const node of nodes) node.reachable = false
    await cluster.clock.advanceAsync(awayMs)
    for (const node of nodes) node.reachable = true
    await cluster.clock.advanceAsync(6_000)
    assert.equal(total(nodes), SHARD_COUNT)
    assert.deepEqual(owners(), ownersBefore, `after ${awayMs} ms`)
    assert.deepEqual(
      epochs(),
      epochsBefore.map((epoch) => epoch + 1),
      `after ${awayMs} ms each shard was claimed once`,
    )
  }
})

test('O2: a node that died while the store was away is found dead soon after its return', async () => {
  const cluster = new Cluster()
  const nodes = ['a', 'b', 'c'].map((nodeId) => cluster.node(nodeId))
  await cluster.clock.advanceAsync(10_000)
  for (const node of nodes) node.reachable = false
  await cluster.clock.advanceAsync(4_000)
  const [dead, ...rest] = nodes as [Node, Node, Node]
  dead.shards.stop()
  for (const node of rest) node.reachable = true
  await cluster.clock.advanceAsync(settings.returnGraceMs + 1_500)
  assert.equal(total(rest), SHARD_COUNT)
})

test('G4: a node that drains hands everything over before it leaves', async () => {
  const cluster = new Cluster()
  const a = cluster.node('a')
  const b = cluster.node('b')
  await cluster.clock.advanceAsync(10_000)
  const drained = a.membership.drain().then(() => a.shards.drain())
  await cluster.clock.advanceAsync(0)
  await drained
  await cluster.clock.advanceAsync(2_000)
  assert.equal(a.shards.owned, 0)
  assert.equal(b.shards.owned, SHARD_COUNT)
  const seenByA = a.shards.locate(0)
  assert.equal(seenByA.kind === 'node' ? seenByA.node.nodeId : null, 'b', 'its last sessions find the new owners')
  await a.membership.leave()
  a.shards.stop()
  await cluster.clock.advanceAsync(2_000)
  assert.deepEqual(
    b.membership.view.map(({ nodeId }) => nodeId),
    ['b'],
  )
})

test('G4: a node that drains with nobody there to take over owns its shards until it lets go', async () => {
  const cluster = new Cluster()
  const a = cluster.node('a')
  const b = cluster.node('b')
  await cluster.clock.advanceAsync(10_000)
  const owned = b.shards.owned
  const draining = [a.membership.drain().then(() => a.shards.drain())]
  await cluster.clock.advanceAsync(1_000)
  assert.equal(a.shards.owned, 0, 'there was b')
  assert.equal(b.shards.owned, SHARD_COUNT)
  draining.push(b.membership.drain().then(() => b.shards.drain()))
  await cluster.clock.advanceAsync(5_000)
  await Promise.all(draining)
  assert.ok(owned > 0)
  assert.equal(b.shards.owned, SHARD_COUNT)
  await b.shards.letGo()
  assert.equal(b.shards.owned, 0)
  assert.ok([...cluster.disk.owners.values()].every(({ owner }) => owner === null))
})

test('O3: a node that loses the store while it hands shards over abandons those too', async () => {
  const cluster = new Cluster()
  const a = cluster.node('a')
  await cluster.clock.advanceAsync(5_000)
  const flushed: (() => void)[] = []
  a.handOver = () => new Promise((resolve) => void flushed.push(resolve))
  const b = cluster.node('b')
  await cluster.clock.advanceAsync(2_000)
  const inMidRelease = SHARD_COUNT - a.shards.owned
  assert.ok(inMidRelease > 0)
  a.reachable = false
  await cluster.clock.advanceAsync(settings.quarantineAfterMs + 100)
  assert.equal(new Set(a.abandoned).size, SHARD_COUNT, 'their documents and paused sockets would hang until the store answers')

  a.handOver = () => Promise.resolve()
  for (const flush of flushed) flush()
  a.reachable = true
  await cluster.clock.advanceAsync(10_000)
  assert.equal(total([a, b]), SHARD_COUNT)
})

test('O1: shards that somebody else has taken in the middle of their release are abandoned', async () => {
  const cluster = new Cluster()
  const a = cluster.node('a')
  await cluster.clock.advanceAsync(5_000)
  const flushed: (() => void)[] = []
  a.handOver = () => new Promise((resolve) => void flushed.push(resolve))
  cluster.node('b')
  await cluster.clock.advanceAsync(2_000)
  const released = Array.from({ length: SHARD_COUNT }, (_, shard) => shard).find((shard) => a.shards.locate(shard).kind !== 'here') ?? 0
  // As when an append of the flush finds another epoch in the store.
  a.shards.drop(new Set([released]))
  assert.deepEqual(a.abandoned, [released])
  for (const flush of flushed) flush()
})

for (const answer of ['comes late', 'is lost'] as const)
  test(`G4: a drain that begins while a claim is under way leaves no shard without an owner, also when the answer ${answer}`, async () => {
    const cluster = new Cluster()
    const a = cluster.node('a')
    const b = cluster.node('b')
    const c = cluster.node('c')
    await cluster.clock.advanceAsync(8_000)
    // c dies, and its shards fall to a and b.
    c.reachable = false
    c.shards.stop()
    let claimed = 0
    a.claim = async (call) => {
      const result = await call()
      claimed += 1
      await new Promise<void>((resolve) => void cluster.clock.after(800, resolve))
      if (answer === 'is lost') throw new WeftError('store-unavailable', 'the answer is lost')
      return result
    }
    while (claimed === 0) await cluster.clock.advanceAsync(50)
    const draining = a.membership.drain().then(() => a.shards.drain())
    await cluster.clock.advanceAsync(4_000)
    await draining
    assert.equal(a.shards.owned, 0)
    assert.equal(b.shards.owned, SHARD_COUNT, 'while the node that drains is still there')
  })

test('G4: a claim under way when the last node begins to drain is served until it lets go', async () => {
  const cluster = new Cluster()
  const a = cluster.node('a')
  let claimed = 0
  a.claim = async (call) => {
    const result = await call()
    claimed += 1
    await new Promise<void>((resolve) => void cluster.clock.after(800, resolve))
    return result
  }
  while (claimed === 0) await cluster.clock.advanceAsync(50)
  const draining = a.membership.drain().then(() => a.shards.drain())
  await cluster.clock.advanceAsync(2_000)
  await draining
  assert.equal(a.shards.owned, SHARD_COUNT)
  await a.shards.letGo()
  assert.ok([...cluster.disk.owners.values()].every(({ owner }) => owner === null))
})

test('a second process with the same node id replaces the first, which stops and says why', async () => {
  const cluster = new Cluster()
  const first = cluster.node('a')
  await cluster.clock.advanceAsync(5_000)
  const second = new Node(cluster, 'a', 'a-second-boot')
  await cluster.clock.advanceAsync(10_000)
  assert.equal(first.membership.state.kind, 'replaced')
  assert.match(first.replaced?.message ?? '', /--node-id/)
  assert.equal(first.shards.owned, 0)
  assert.equal(second.shards.owned, SHARD_COUNT)
})

test('leaving and stopping leave no timer behind', async () => {
  const cluster = new Cluster()
  const a = cluster.node('a')
  await cluster.clock.advanceAsync(3_000)
  await a.kill()
  await a.membership.leave()
  await cluster.clock.advanceAsync(2_000)
  assert.equal(cluster.clock.timerCount, 0)
})

test('O2: shards that a node let go of in quarantine, and that fall to a newcomer when it comes back, do not stay without an owner', async () => {
  const cluster = new Cluster()
  const [a, b] = [cluster.node('a'), cluster.node('b')]
  await cluster.clock.advanceAsync(8_000)
  a.reachable = false
  // Long enough for quarantine, too short for the others to find it dead.
  await cluster.clock.advanceAsync(settings.quarantineAfterMs + 100)
  assert.equal(a.shards.owned, 0)
  const c = cluster.node('c')
  await cluster.clock.advanceAsync(100)
  a.reachable = true
  await cluster.clock.advanceAsync(8_000)
  assert.equal(total([a, b, c]), SHARD_COUNT)
  for (const node of [a, b, c]) assert.ok(node.shards.settled)
})
