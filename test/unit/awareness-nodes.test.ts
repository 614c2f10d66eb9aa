// Several awareness hubs on one bus, on a manual clock: whose state it is, who takes it over, who is gone, and what lost messages cost.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counters } from '../../core/counters.js'
import { defaultLimits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import { seededRandom } from '../../core/random.js'
import type { AwarenessFrame } from '../../server/awareness/contract.js'
import { decodeBusFrame, encodeBusFrame } from '../../server/awareness/exchange/bus-frame.js'
import { ExchangeBus } from '../../server/awareness/exchange/exchange.js'
import { type FrameFate, MemoryNetwork } from '../../server/awareness/exchange/transport.js'
import { DocumentAwarenesses } from '../../server/awareness/hub.js'
import { decoded, encoded, type Said, Session } from '../helpers/awareness.js'
import { ManualClock } from '../helpers/manual-clock.js'

const DOCUMENT = 'notes/today'
const A_WHILE_MS = 1_000

function setUp(fate?: FrameFate) {
  const clock = new ManualClock()
  const network = new MemoryNetwork(clock, fate)
  const startNode = (nodeId: string, boot = `${nodeId}-1`) => {
    const counters = new Counters()
    const transport = network.transport(nodeId)
    const bus = new ExchangeBus({ transport, self: { nodeId, boot }, clock, counters, logger: silentLogger })
    const hub = new DocumentAwarenesses({ clock, counters, limits: defaultLimits, logger: silentLogger, bus })
    return {
      hub,
      bus,
      counters,
      transport,
      session: () => new Session(hub),
      present: () =>
        hub
          .presence(DOCUMENT)
          .map(({ clientId, state, node }) => [clientId, state, node])
          .sort(([one], [other]) => Number(one) - Number(other)),
    }
  }
  return { clock, network, startNode }
}

type Node = ReturnType<ReturnType<typeof setUp>['startNode']>

/** Who may make a claim void. */
interface Cast {
  readonly a: Node
  readonly b: Node
  readonly moved: Session
}

/** A client that, told of its own removal, announces itself again at a higher clock, as stock clients do. */
class Insistent extends Session {
  #clock = 0
  #state: unknown = null
  clientId = 0

  announce(clientId: number, clock: number, state: unknown): void {
    this.clientId = clientId
    this.#clock = clock
    this.#state = state
    this.say([clientId, clock, state])
  }

  override awareness(frame: AwarenessFrame): void {
    super.awareness(frame)
    for (const [clientId, clock, state] of decoded(frame.update)) {
      if (clientId === this.clientId && state === null && clock >= this.#clock) this.announce(clientId, clock + 1, this.#state)
    }
  }
}

test('A2, A5: nodes share states and removals, and know whose they are; what a session says for others does not cross', async () => {
  const { clock, startNode } = setUp()
  const [a, b] = [startNode('a'), startNode('b')]
  const ada = a.session()
  const bob = b.session()
  ada.say([1, 1, { name: 'Ada' }])
  await clock.advanceAsync(A_WHILE_MS)
  assert.deepEqual(bob.heard(), [[1, 1, { name: 'Ada' }]])
  assert.deepEqual(b.present(), [[1, { name: 'Ada' }, 'a']])
  bob.say([1, 2, { name: 'Mallory' }], [2, 1, { name: 'Bob' }])
  await clock.advanceAsync(A_WHILE_MS)
  assert.deepEqual(ada.heard(), [
    [1, 1, { name: 'Ada' }],
    [2, 1, { name: 'Bob' }],
  ])
  ada.membership.leave()
  await clock.advanceAsync(A_WHILE_MS)
  assert.deepEqual(bob.heard(), [
    [2, 1, { name: 'Bob' }],
    [1, 1, null],
  ])
  assert.deepEqual(b.present(), [[2, { name: 'Bob' }, null]])
})

test('a node that subscribes gets the full states of the others, and they get its own', async () => {
  const { clock, startNode } = setUp()
  const [a, b, c] = [startNode('a'), startNode('b'), startNode('c')]
  a.session().say([1, 1, { at: 'a' }])
  b.session().say([2, 1, { at: 'b' }])
  await clock.advanceAsync(A_WHILE_MS)
  const late = c.session()
  late.say([3, 1, { at: 'c' }])
  await clock.advanceAsync(A_WHILE_MS)
  for (const node of [a, b, c])
    assert.deepEqual(
      node.present().map(([clientId]) => clientId),
      [1, 2, 3],
    )
  assert.deepEqual(decoded(...late.membership.fullState()).length, 3)
})

test('one frame per document and beat crosses, however many clients moved', async () => {
  const { clock, startNode } = setUp()
  const [a, b] = [startNode('a'), startNode('b')]
  const sessions = Array.from({ length: 20 }, a.session)
  b.session()
  sessions.forEach((session, index) => void session.say([index, 1, {}]))
  await clock.advanceAsync(A_WHILE_MS)
  const before = a.counters.get('awareness_bus_frames_published')
  for (let round = 2; round < 12; round++) {
    sessions.forEach((session, index) => void session.say([index, round, { round }]))
    await clock.advanceAsync(100)
  }
  assert.equal(a.counters.get('awareness_bus_frames_published') - before, 10)
  assert.equal(b.present().length, 20)
})

test('A4: the clients of a node that is gone are removed, in this boot only when a boot is named', async () => {
  const { clock, startNode } = setUp()
  const [a, b, c] = [startNode('a'), startNode('b'), startNode('c')]
  const bob = b.session()
  a.session().say([1, 1, {}])
  c.session().say([3, 1, {}])
  await clock.advanceAsync(A_WHILE_MS)
  bob.heard()
  b.hub.removeNode('a', 'another boot')
  await clock.advanceAsync(A_WHILE_MS)
  assert.equal(b.present().length, 2)
  b.hub.removeNode('a', 'a-1')
  await clock.advanceAsync(A_WHILE_MS)
  assert.deepEqual(bob.heard(), [[1, 1, null]])
  assert.deepEqual(b.present(), [[3, {}, 'c']])
  b.hub.removeNode('c')
  assert.deepEqual(b.present(), [])
})

test('A4: a node that starts again under its name takes the clients of its earlier boot with it', async () => {
  const { clock, startNode } = setUp()
  const [a, b] = [startNode('a'), startNode('b')]
  b.session()
  a.session().say([1, 1, {}])
  await clock.advanceAsync(A_WHILE_MS)
  a.transport.setConnected(false)
  const restarted = startNode('a', 'a-2')
  restarted.session().say([7, 1, {}])
  await clock.advanceAsync(A_WHILE_MS)
  assert.deepEqual(b.present(), [[7, {}, 'a']])
})

test('A2: a client that moved to another node is that node’s: the removal by its old node does not kill it, and no cursor bounces', async () => {
  const { clock, startNode } = setUp()
  const [a, b, c] = [startNode('a'), startNode('b'), startNode('c')]
  const old = a.session()
  const onA = a.session()
  const onB = b.session()
  const onC = c.session()
  old.say([1, 5, { at: 5 }])
  await clock.advanceAsync(A_WHILE_MS)
  for (const session of [onA, onB, onC]) session.heard()
  const moved = b.session()
  moved.say([1, 6, { at: 6 }])
  await clock.advanceAsync(A_WHILE_MS)
  assert.deepEqual(b.present(), [[1, { at: 6 }, null]])
  assert.deepEqual(c.present(), [[1, { at: 6 }, 'b']])
  assert.deepEqual(a.present(), [[1, { at: 5 }, null]], 'its old session is asked first')
  old.probes[0]?.(false)
  await clock.advanceAsync(A_WHILE_MS)
  assert.deepEqual(a.present(), [[1, { at: 6 }, 'b']])
  old.membership.leave()
  await clock.advanceAsync(A_WHILE_MS)
  for (const node of [a, b, c])
    assert.deepEqual(
      node.present().map(([, state]) => state),
      [{ at: 6 }],
    )
  for (const session of [onA, onB, onC]) assert.deepEqual(session.heard(), [[1, 6, { at: 6 }]], 'one change, no removal')
})

test('A2: the old session ends before its probe is answered: its removal does not kill the newer state either', async () => {
  const { clock, startNode } = setUp()
  const [a, b] = [startNode('a'), startNode('b')]
  const old = a.session()
  a.session()
  old.say([1, 5, { at: 5 }])
  b.session().say([2, 1, {}])
  await clock.advanceAsync(A_WHILE_MS)
  b.session().say([1, 6, { at: 6 }])
  await clock.advanceAsync(A_WHILE_MS)
  old.membership.leave()
  await clock.advanceAsync(A_WHILE_MS)
  for (const node of [a, b]) assert.deepEqual(node.present()[0]?.slice(0, 2), [1, { at: 6 }])
})

for (const [how, end] of [
  ['whose client says that it is gone', ({ moved }) => moved.say([1, 7, null])],
  ['whose session ends', ({ moved }) => moved.membership.leave()],
  [
    'whose node is gone',
    ({ a, b }) => {
      b.transport.setConnected(false)
      a.hub.removeNode('b', 'b-1')
    },
  ],
] as const satisfies readonly (readonly [string, (cast: Cast) => void])[])
  test(`A4: a claim from another node ${how} shows nobody when the old session ends`, async () => {
    const { clock, startNode } = setUp()
    const [a, b] = [startNode('a'), startNode('b')]
    const old = a.session()
    const witness = a.session()
    old.say([1, 5, { at: 5 }])
    b.session().say([2, 1, {}])
    await clock.advanceAsync(A_WHILE_MS)
    const moved = b.session()
    moved.say([1, 6, { at: 6 }])
    await clock.advanceAsync(A_WHILE_MS)
    assert.equal(old.probes.length, 1, 'node a keeps the claim aside')
    end({ a, b, moved })
    await clock.advanceAsync(A_WHILE_MS)
    witness.heard()
    old.membership.leave()
    await clock.advanceAsync(A_WHILE_MS)
    assert.ok(!a.present().some(([clientId]) => clientId === 1))
    assert.deepEqual(witness.heard(), [[1, 5, null]])
  })

test('A2: an id taken on another node goes back to its client as soon as that shows it is there, and stays', async () => {
  const { clock, startNode } = setUp()
  const [a, b] = [startNode('a'), startNode('b')]
  const ada = new Insistent(a.hub)
  ada.announce(1, 5, { name: 'Ada' })
  await clock.advanceAsync(A_WHILE_MS)
  const eve = b.session()
  await clock.advanceAsync(A_WHILE_MS)
  eve.say([1, 100, { name: 'Mallory' }])
  await clock.advanceAsync(A_WHILE_MS)
  assert.equal(ada.probes.length, 1)
  ada.probes[0]?.(true)
  await clock.advanceAsync(A_WHILE_MS)
  for (const node of [a, b]) assert.deepEqual(node.present()[0]?.slice(0, 2), [1, { name: 'Ada' }])
  eve.say([1, 200, { name: 'Mallory' }])
  await clock.advanceAsync(A_WHILE_MS)
  for (const node of [a, b]) assert.deepEqual(node.present()[0]?.slice(0, 2), [1, { name: 'Ada' }])
  assert.ok(b.counters.get('awareness_entries_foreign') >= 2)
})

test('A2: an id taken on a node that has just opened the document, and has not heard of the others, goes back to its client too', async () => {
  const { clock, startNode } = setUp()
  const [a, b] = [startNode('a'), startNode('b')]
  const ada = a.session()
  ada.say([1, 5, { name: 'Ada' }])
  await clock.advanceAsync(A_WHILE_MS)
  b.session().say([1, 2, { name: 'Mallory' }])
  await clock.advanceAsync(A_WHILE_MS)
  for (const node of [a, b]) assert.deepEqual(node.present()[0]?.slice(0, 2), [1, { name: 'Ada' }])
  assert.equal(ada.probes.length, 0)
})

test('A5: a client that two nodes have at the same clock survives its removal by one of them', async () => {
  const { clock, startNode } = setUp()
  const [a, b, c] = [startNode('a'), startNode('b'), startNode('c')]
  c.session()
  const old = a.session()
  old.say([1, 5, { name: 'Ada' }])
  a.transport.setConnected(false)
  await clock.advanceAsync(A_WHILE_MS)
  const moved = new Insistent(b.hub)
  moved.announce(1, 5, { name: 'Ada' })
  await clock.advanceAsync(A_WHILE_MS)
  a.transport.setConnected(true)
  await clock.advanceAsync(A_WHILE_MS)
  old.membership.leave()
  await clock.advanceAsync(A_WHILE_MS)
  for (const node of [b, c]) assert.deepEqual(node.present()[0]?.slice(0, 2), [1, { name: 'Ada' }])
})

test('O4: while the bus is away nothing is kept but the newest, and when it is back every node has everything, within a second', async () => {
  const { clock, startNode } = setUp()
  const nodes = [startNode('a'), startNode('b'), startNode('c')]
  const sessions = nodes.map((node) => node.session())
  sessions.forEach((session, index) => void session.say([index, 1, { move: 0 }]))
  const leaver = nodes[0]?.session()
  leaver?.say([9, 1, {}])
  await clock.advanceAsync(A_WHILE_MS)
  for (const node of nodes) node.transport.setConnected(false)
  leaver?.membership.leave()
  for (let move = 1; move <= 100; move++) {
    sessions.forEach((session, index) => void session.say([index, 1 + move, { move }]))
    await clock.advanceAsync(100)
  }
  assert.ok((nodes[0]?.counters.get('awareness_bus_frames_dropped') ?? 0) > 0)
  assert.equal(nodes[1]?.present().length, 4, 'what was heard before stays')
  for (const node of nodes) node.transport.setConnected(true)
  await clock.advanceAsync(A_WHILE_MS)
  for (const node of nodes)
    assert.deepEqual(
      node.present().map(([id, state]) => [id, state]),
      [0, 1, 2].map((id) => [id, { move: 100 }]),
    )
})

test('O4, A4: a node that is silent after the bus came back is taken as gone within 10 s', async () => {
  const { clock, startNode } = setUp()
  const [a, b] = [startNode('a'), startNode('b')]
  b.session().say([2, 1, {}])
  a.session().say([1, 1, {}])
  await clock.advanceAsync(A_WHILE_MS)
  for (const node of [a, b]) node.transport.setConnected(false)
  await clock.advanceAsync(A_WHILE_MS)
  b.transport.setConnected(true)
  await clock.advanceAsync(9_000)
  assert.equal(b.present().length, 2)
  await clock.advanceAsync(1_500)
  assert.equal(b.present().length, 1)
})

test('A5: a client taken for gone by mistake is told so by its own node, announces itself again, and is seen by all', async () => {
  const { clock, startNode } = setUp()
  const [a, b] = [startNode('a'), startNode('b')]
  const ada = new Insistent(a.hub)
  ada.announce(1, 5, { name: 'Ada' })
  const bob = b.session()
  await clock.advanceAsync(A_WHILE_MS)
  bob.heard()
  b.hub.removeNode('a')
  await clock.advanceAsync(A_WHILE_MS)
  assert.deepEqual(bob.heard(), [[1, 5, null]])
  // Any frame of a node that was forgotten makes the other ask for its full states.
  a.session().say([4, 1, {}])
  await clock.advanceAsync(2 * A_WHILE_MS)
  assert.deepEqual(
    b.present().map(([clientId]) => clientId),
    [1, 4],
  )
  assert.deepEqual(
    bob
      .heard()
      .filter(([clientId]) => clientId === 1)
      .at(-1),
    [1, 6, { name: 'Ada' }],
  )
})

test('A5: a document that is opened again on another node, with an awareness that begins at 0, is seen on both, whatever the new node has heard', async () => {
  for (const newNodeKnows of [true, false]) {
    for (const awayMs of [0, A_WHILE_MS, 600_000]) {
      const { clock, startNode } = setUp()
      const [a, b] = [startNode('a'), startNode('b')]
      const bob = a.session()
      if (newNodeKnows) b.session()
      const ada = new Insistent(a.hub)
      ada.announce(1, 40, { name: 'Ada' })
      await clock.advanceAsync(A_WHILE_MS)
      ada.clientId = 0
      ada.membership.leave()
      await clock.advanceAsync(awayMs)
      bob.heard()
      const again = new Insistent(b.hub)
      again.announce(1, 0, { name: 'Ada' })
      await clock.advanceAsync(2 * A_WHILE_MS)
      const when = `${newNodeKnows ? 'known' : 'unknown'} there, away for ${awayMs} ms`
      assert.deepEqual(a.present(), [[1, { name: 'Ada' }, 'b']], when)
      assert.deepEqual(b.present(), [[1, { name: 'Ada' }, null]], when)
      const [, heardClock = 0] = bob.heard().findLast(([clientId, , state]) => clientId === 1 && state !== null) ?? []
      assert.ok(heardClock > 40, `${when}: heard at ${heardClock}, and those who knew the client at 40 take nothing lower`)
    }
  }
})

test('a lost frame is noticed with the next one, and mended', async () => {
  let losing = false
  const { clock, startNode } = setUp(() => (losing ? null : 0))
  const [a, b] = [startNode('a'), startNode('b')]
  b.session()
  const ada = a.session()
  const leaver = a.session()
  ada.say([1, 1, {}])
  leaver.say([9, 1, {}])
  await clock.advanceAsync(A_WHILE_MS)
  losing = true
  leaver.membership.leave()
  await clock.advanceAsync(A_WHILE_MS)
  losing = false
  assert.equal(b.present().length, 2)
  ada.say([1, 2, { moved: true }])
  await clock.advanceAsync(2 * A_WHILE_MS)
  assert.deepEqual(b.present(), [[1, { moved: true }, 'a']])
})

test('with frames lost, repeated out of order and late, all nodes agree once the bus is quiet', async () => {
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const random = seededRandom(seed)
    let rough = true
    const fate: FrameFate = () => (rough ? (random.fraction() < 0.2 ? null : random.below(300)) : 1)
    const { clock, startNode } = setUp(fate)
    const nodes = ['a', 'b', 'c'].map((name) => startNode(name))
    const clients: { session: Insistent; id: number; clock: number }[] = []
    let ids = 0
    for (let step = 0; step < 150; step++) {
      const node = nodes[random.below(3)]
      if (node === undefined) continue
      const index = random.below(clients.length + 1)
      const client = clients[index]
      if (client === undefined) {
        const session = new Insistent(node.hub)
        ids += 1
        session.announce(ids, 1, { at: 0 })
        clients.push({ session, id: ids, clock: 1 })
      } else if (random.fraction() < 0.2) {
        client.session.membership.leave()
        clients.splice(index, 1)
      } else {
        client.clock += 3
        client.session.announce(client.id, client.clock, { at: step })
      }
      if (random.fraction() < 0.1) node.transport.setConnected(random.fraction() < 0.5)
      await clock.advanceAsync(random.below(200))
    }
    rough = false
    for (const node of nodes) node.transport.setConnected(true)
    for (const node of nodes) node.session()
    for (const { session, id, clock: at } of clients) session.announce(id, at + 1000, { last: id })
    await clock.advanceAsync(12_000)
    const expected = clients.map(({ id }) => [id, { last: id }])
    expected.sort(([one], [other]) => Number(one) - Number(other))
    for (const node of nodes)
      assert.deepEqual(
        node.present().map(([id, state]) => [id, state]),
        expected,
        `seed ${seed}`,
      )
  }
})

test('frames that cannot be read are ignored and counted', async () => {
  const { clock, network, startNode } = setUp()
  const a = startNode('a')
  const ada = a.session()
  ada.say([1, 1, {}])
  await clock.advanceAsync(A_WHILE_MS)
  ada.heard()
  const stranger = network.transport('stranger')
  const origin = { nodeId: 'x', boot: 'x-1' }
  const good = encodeBusFrame({ kind: 'states', origin, generation: 1, seq: 1, update: encoded([5, 1, {}]) })
  const badState = encodeBusFrame({ kind: 'states', origin, generation: 1, seq: 2, update: Uint8Array.of(1, 5, 2, 1, 0x7b) })
  const bad = [Uint8Array.of(), Uint8Array.of(9), good.with(0, 2), good.with(1, 77), good.subarray(0, 6), badState]
  for (const frame of bad) stranger.publish(DOCUMENT, frame)
  await clock.advanceAsync(10)
  assert.equal(a.counters.get('awareness_bus_frames_malformed'), bad.length)
  assert.deepEqual(ada.heard(), [])
  assert.equal(decodeBusFrame(good).origin.nodeId, 'x')
})

test('G1: from other nodes too, clocks above 2^31 and states above awarenessStateBytesMax are ignored and counted', async () => {
  const { clock, network, startNode } = setUp()
  const a = startNode('a')
  a.session()
  const large: Said = [6, 1, 'x'.repeat(defaultLimits.awarenessStateBytesMax)]
  const update = encoded([5, 2 ** 40, {}], large, [7, 1, {}])
  const origin = { nodeId: 'x', boot: 'x-1' }
  network.transport('x').publish(DOCUMENT, encodeBusFrame({ kind: 'states', origin, generation: 1, seq: 1, update }))
  await clock.advanceAsync(10)
  assert.deepEqual(a.present(), [[7, {}, 'x']])
  assert.equal(a.counters.get('awareness_entries_refused'), 1)
  assert.equal(a.counters.get('awareness_entries_oversized'), 1)
})

test('closing leaves no timer, and the others hear that the node is gone', async () => {
  const { clock, startNode } = setUp()
  const [a, b] = [startNode('a'), startNode('b')]
  b.session()
  a.session().say([1, 1, {}])
  await clock.advanceAsync(A_WHILE_MS)
  a.hub.close()
  await a.bus.close()
  await clock.advanceAsync(A_WHILE_MS)
  assert.deepEqual(b.present(), [])
  b.hub.close()
  await b.bus.close()
  await clock.advanceAsync(A_WHILE_MS)
  assert.equal(clock.timerCount, 0)
})
