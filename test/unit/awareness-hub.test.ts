// The awareness hub on a manual clock: echoes, foreign ids, claims, removals, the beat and its limits.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from 'y-protocols/awareness'
import { Doc } from 'yjs'
import { Counters } from '../../core/counters.js'
import { defaultLimits, type Limits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import { encodeAwareness } from '../../protocol/awareness.js'
import { soloAwarenessBus } from '../../server/awareness/bus.js'
import type { AwarenessFrame } from '../../server/awareness/contract.js'
import { DocumentAwarenesses } from '../../server/awareness/hub.js'
import { beatBytesMax, beatIntervalMs } from '../../server/awareness/pacer.js'
import { decoded, encoded, type Said, Session } from '../helpers/awareness.js'
import { ManualClock } from '../helpers/manual-clock.js'

const DOCUMENT = 'notes/today'
const MANY_MS = 1_000
const utf8 = new TextEncoder()

function setUp(limits: Partial<Limits> = {}) {
  const clock = new ManualClock()
  const counters = new Counters()
  const hub = new DocumentAwarenesses({
    clock,
    counters,
    limits: { ...defaultLimits, ...limits },
    logger: silentLogger,
    bus: soloAwarenessBus,
  })
  const present = () => hub.presence(DOCUMENT).map(({ clientId, state }) => [clientId, state])
  return { clock, counters, hub, present, session: () => new Session(hub) }
}

/** A stock Yjs awareness on a session: it sends back every state that it receives, as the y-websocket provider does. */
class StockClient extends Session {
  readonly doc = new Doc()
  readonly awarenessStates = new Awareness(this.doc)
  sentFrames = 0

  constructor(hub: DocumentAwarenesses, t: TestContext) {
    super(hub)
    t.after(() => this.doc.destroy())
    this.awarenessStates.on('update', ({ added, updated, removed }: Record<'added' | 'updated' | 'removed', number[]>) => {
      this.send([...added, ...updated, ...removed])
    })
  }

  get id(): number {
    return this.doc.clientID
  }

  send(clientIds: number[]): void {
    this.sentFrames += 1
    this.membership.receive(encodeAwarenessUpdate(this.awarenessStates, clientIds))
  }

  override awareness(frame: AwarenessFrame): void {
    super.awareness(frame)
    applyAwarenessUpdate(this.awarenessStates, frame.update, 'server')
  }
}

test('a state goes to everybody, the sender included, and to those who join later', () => {
  const { clock, session, present } = setUp()
  const ada = session()
  const bob = session()
  assert.deepEqual(bob.membership.fullState(), [])
  ada.say([1, 0, {}])
  clock.advance(MANY_MS)
  ada.say([1, 1, { name: 'Ada' }])
  clock.advance(MANY_MS)
  const all: Said[] = [
    [1, 0, {}],
    [1, 1, { name: 'Ada' }],
  ]
  assert.deepEqual(ada.heard(), all)
  assert.deepEqual(bob.heard(), all)
  assert.deepEqual(decoded(...session().membership.fullState()), [[1, 1, { name: 'Ada' }]])
  assert.deepEqual(present(), [[1, { name: 'Ada' }]])
})

test('A2: a first state at clock 0 binds its client id', () => {
  const { clock, counters, session, present } = setUp()
  const ada = session()
  const bob = session()
  ada.say([1, 0, {}])
  bob.say([1, 1, { name: 'not Ada' }])
  clock.advance(MANY_MS)
  assert.deepEqual(present(), [[1, {}]])
  assert.equal(counters.get('awareness_entries_foreign'), 1)
})

test('what is known is dropped: 50 stock clients that echo everything cause one frame per beat, and no entry twice', (t) => {
  const { clock, counters, hub } = setUp()
  const clients = Array.from({ length: 50 }, () => new StockClient(hub, t))
  for (const client of clients) client.awarenessStates.setLocalState({ at: 0 })
  clock.advance(MANY_MS)
  for (const client of clients) assert.equal(client.awarenessStates.getStates().size, 50)
  for (const client of clients) client.frames.length = 0
  const knownBefore = counters.get('awareness_entries_known')
  const beats = 20
  const echoesBefore = clients.reduce((sum, client) => sum + client.sentFrames, 0)
  for (let beat = 1; beat <= beats; beat++) {
    for (const client of clients) client.awarenessStates.setLocalState({ at: beat })
    clock.advance(beatIntervalMs(50))
  }
  clock.advance(MANY_MS)
  for (const client of clients) {
    assert.ok(client.frames.length <= beats + 1, `${client.frames.length} frames`)
    assert.equal(client.heard().length, beats * 50, 'every change arrives once')
    for (const other of clients) assert.deepEqual(client.awarenessStates.getStates().get(other.id), { at: beats })
  }
  const echoes = clients.reduce((sum, client) => sum + client.sentFrames, 0) - echoesBefore - beats * 50
  assert.ok(echoes >= beats * 50, 'the clients do echo')
  assert.ok(counters.get('awareness_entries_known') - knownBefore >= beats * 50 * 49, 'and their echoes are dropped')
  assert.equal(counters.get('awareness_entries_foreign'), 0)
})

test('A2: an entry for a client id of another session is ignored and counted, and the rest of the message counts', () => {
  const { clock, counters, session, present } = setUp()
  const ada = session()
  const eve = session()
  ada.say([1, 5, { name: 'Ada' }])
  eve.say([2, 1, { name: 'Eve' }])
  eve.say([1, 6, { name: 'Mallory' }], [2, 2, { name: 'Eve!' }], [1, 7, null])
  clock.advance(MANY_MS)
  assert.equal(counters.get('awareness_entries_foreign'), 2)
  assert.deepEqual(present(), [
    [1, { name: 'Ada' }],
    [2, { name: 'Eve!' }],
  ])
  assert.ok(session().membership.fullState().length > 0)
  ada.say([1, 6, { name: 'Ada again' }])
  clock.advance(MANY_MS)
  assert.deepEqual(eve.heard().at(-1), [1, 6, { name: 'Ada again' }])
})

test('A2: a spoofed claim on a live session never shows, and asks its client at most once in a while', async () => {
  const { clock, session, present } = setUp()
  const ada = session()
  const eve = session()
  ada.say([1, 5, { name: 'Ada' }])
  eve.say([2, 0, {}])
  for (let round = 0; round < 50; round++) eve.say([1, 100 + round, { name: 'Mallory' }])
  assert.equal(ada.probes.length, 1)
  ada.probes[0]?.(true)
  await clock.advanceAsync(MANY_MS)
  for (let round = 0; round < 50; round++) eve.say([1, 200 + round, { name: 'Mallory' }])
  await clock.advanceAsync(MANY_MS)
  assert.equal(ada.probes.length, 1)
  assert.deepEqual(present(), [
    [1, { name: 'Ada' }],
    [2, {}],
  ])
  for (const heard of [ada.heard(), eve.heard()]) assert.ok(!JSON.stringify(heard).includes('Mallory'))
  ada.say([1, 6, { name: 'Ada still' }])
  assert.deepEqual(present()[0], [1, { name: 'Ada still' }])
  await clock.advanceAsync(10 * MANY_MS)
  eve.say([1, 300, { name: 'Mallory' }])
  assert.equal(ada.probes.length, 2)
})

test('A2: the claims of one session have a bounded number of probes under way', () => {
  const { session } = setUp()
  const others = Array.from({ length: 20 }, (_, index) => {
    const other = session()
    other.say([index, 0, {}])
    return other
  })
  const eve = session()
  others.forEach((_, index) => void eve.say([index, 9, {}]))
  assert.equal(others.filter((other) => other.probes.length > 0).length, 4)
})

test('a client that reconnects while its old socket is half-open gets its id back once the probe fails', async () => {
  const { clock, session, present } = setUp()
  const old = session()
  const bob = session()
  old.say([1, 5, { name: 'Ada' }])
  await clock.advanceAsync(MANY_MS)
  const reconnected = session()
  reconnected.say([1, 5, { name: 'Ada' }])
  reconnected.say([1, 6, { at: 6 }])
  reconnected.say([1, 7, { at: 7 }])
  await clock.advanceAsync(MANY_MS)
  assert.deepEqual(present(), [[1, { name: 'Ada' }]], 'not before the probe fails')
  old.probes[0]?.(false)
  await clock.advanceAsync(MANY_MS)
  assert.deepEqual(present(), [[1, { at: 7 }]], 'the newest claim is applied')
  assert.deepEqual(bob.heard().at(-1), [1, 7, { at: 7 }])
  old.membership.leave()
  reconnected.say([1, 8, { at: 8 }])
  await clock.advanceAsync(MANY_MS)
  assert.deepEqual(present(), [[1, { at: 8 }]], 'the end of the old session takes nothing away')
})

test('a claim that the bound session has meanwhile overtaken is void, also when its probe fails', async () => {
  const { clock, session, present } = setUp()
  const ada = session()
  ada.say([1, 5, { at: 5 }])
  const eve = session()
  eve.say([1, 6, { name: 'Mallory' }])
  ada.say([1, 7, { at: 7 }])
  ada.probes[0]?.(false)
  await clock.advanceAsync(MANY_MS)
  assert.deepEqual(present(), [[1, { at: 7 }]])
  ada.say([1, 8, { at: 8 }])
  assert.deepEqual(present(), [[1, { at: 8 }]])
})

test('a claim is granted when the old session ends before its probe is answered, and is void when its claimant ends', async () => {
  const { clock, session, present } = setUp()
  const old = session()
  old.say([1, 5, { name: 'Ada' }])
  const impatient = session()
  impatient.say([1, 9, { name: 'gone' }])
  impatient.membership.leave()
  const reconnected = session()
  reconnected.say([1, 6, { at: 6 }])
  assert.equal(old.probes.length, 1, 'one probe at a time')
  old.membership.leave()
  await clock.advanceAsync(MANY_MS)
  assert.deepEqual(present(), [[1, { at: 6 }]])
  old.probes[0]?.(false)
  await clock.advanceAsync(MANY_MS)
  assert.deepEqual(present(), [[1, { at: 6 }]])
})

test('A4: a claim whose client says that it is gone shows nobody when the old session ends', async () => {
  const { clock, session, present } = setUp()
  const old = session()
  old.say([1, 5, { name: 'Ada' }])
  const reconnected = session()
  reconnected.say([1, 6, { at: 6 }])
  assert.equal(old.probes.length, 1)
  reconnected.say([1, 7, null])
  old.membership.leave()
  await clock.advanceAsync(MANY_MS)
  assert.deepEqual(present(), [])
})

test('a stock client that reconnects at its old clock is told of its removal, and shows up again', async (t) => {
  const { clock, hub, present } = setUp()
  const ada = new StockClient(hub, t)
  const bob = new StockClient(hub, t)
  ada.awarenessStates.setLocalState({ name: 'Ada' })
  bob.awarenessStates.setLocalState({ name: 'Bob' })
  await clock.advanceAsync(MANY_MS)
  ada.membership.leave()
  await clock.advanceAsync(MANY_MS)
  assert.equal(bob.awarenessStates.getStates().has(ada.id), false)
  const again = new Session(hub)
  const reconnected = Object.assign(again, {
    awareness: (frame: AwarenessFrame) => {
      applyAwarenessUpdate(ada.awarenessStates, frame.update, 'server')
    },
  })
  ada.send = (clientIds) => reconnected.membership.receive(encodeAwarenessUpdate(ada.awarenessStates, clientIds))
  ada.send([ada.id])
  await clock.advanceAsync(MANY_MS)
  assert.deepEqual(bob.awarenessStates.getStates().get(ada.id), { name: 'Ada' })
  assert.equal(present().length, 2)
})

/** As a component that unmounts and mounts again does it: the same document, and an awareness that counts from 0. */
class Remounted extends StockClient {
  constructor(hub: DocumentAwarenesses, t: TestContext, before: StockClient) {
    super(hub, t)
    this.awarenessStates.clientID = before.id
    this.awarenessStates.meta.clear()
    this.awarenessStates.states.clear()
  }

  override get id(): number {
    return this.awarenessStates.clientID
  }
}

test('A5: a document that is opened again, with an awareness that begins at 0, is seen at once, also long after its removal was forgotten', async (t) => {
  for (const awayMs of [0, 10_000, 600_000]) {
    const { clock, hub, present } = setUp()
    const bob = new StockClient(hub, t)
    const ada = new StockClient(hub, t)
    for (let at = 1; at <= 20; at++) ada.awarenessStates.setLocalState({ at })
    await clock.advanceAsync(MANY_MS)
    ada.membership.leave()
    await clock.advanceAsync(awayMs)
    const again = new Remounted(hub, t, ada)
    again.awarenessStates.setLocalState({ name: 'Ada' })
    await clock.advanceAsync(MANY_MS)
    assert.deepEqual(bob.awarenessStates.getStates().get(ada.id), { name: 'Ada' }, `away for ${awayMs} ms`)
    assert.deepEqual(
      present().filter(([clientId]) => clientId === ada.id),
      [[ada.id, { name: 'Ada' }]],
    )
  }
})

test('A2, A5: an old echo of a removed client tells the one that sent it of the removal, and revives nobody', async () => {
  const { clock, session, present } = setUp()
  const ada = session()
  const bob = session()
  ada.say([1, 4, { name: 'Ada' }])
  clock.advance(MANY_MS)
  ada.membership.leave()
  for (const awayMs of [MANY_MS, 600_000]) {
    await clock.advanceAsync(awayMs)
    bob.heard()
    bob.say([1, 3, { name: 'Ada' }])
    assert.deepEqual(bob.heard(), [[1, 4, null]])
    assert.deepEqual(present(), [])
  }
})

test('A2: a client that hides its state keeps its id against older states from others', () => {
  const { clock, session } = setUp()
  const ada = session()
  const eve = session()
  ada.say([1, 4, { name: 'Ada' }])
  ada.say([1, 5, null])
  clock.advance(MANY_MS)
  eve.heard()
  eve.say([1, 3, { name: 'Eve' }])
  assert.deepEqual(eve.heard(), [])
  ada.say([1, 3, { name: 'Ada' }])
  assert.deepEqual(ada.heard().at(-1), [1, 5, null], 'its own client is told')
})

test('A3: a session that dropped the frame with its own removal finds it in its full state', () => {
  const { clock, session } = setUp()
  const bob = session()
  bob.say([2, 1, {}])
  const ada = session()
  ada.say([1, 1, { name: 'Ada' }])
  clock.advance(MANY_MS)
  ada.membership.leave()
  clock.advance(MANY_MS)
  const reconnected = session()
  assert.deepEqual(decoded(...reconnected.membership.fullState()), [[2, 1, {}]])
  reconnected.say([1, 1, { name: 'Ada' }])
  assert.deepEqual(reconnected.heard(), [[1, 1, null]])
  assert.deepEqual(decoded(...reconnected.membership.fullState()), [
    [2, 1, {}],
    [1, 1, null],
  ])
})

test('A5: a removal is delivered as a removal, by the client itself and when its session ends', () => {
  const { clock, session, present } = setUp()
  const ada = session()
  const bob = session()
  ada.say([1, 1, { name: 'Ada' }])
  clock.advance(MANY_MS)
  ada.say([1, 2, null])
  clock.advance(MANY_MS)
  ada.say([1, 3, { name: 'Ada' }])
  clock.advance(MANY_MS)
  ada.membership.leave()
  clock.advance(MANY_MS)
  assert.deepEqual(bob.heard(), [
    [1, 1, { name: 'Ada' }],
    [1, 2, null],
    [1, 3, { name: 'Ada' }],
    [1, 3, null],
  ])
  assert.deepEqual(present(), [])
})

test('A4: the states of a session that ends are gone within one beat', () => {
  const { clock, session, present } = setUp()
  const ada = session()
  const crowd = Array.from({ length: 40 }, session)
  ada.say([1, 1, { name: 'Ada' }])
  clock.advance(MANY_MS)
  ada.membership.leave()
  ada.membership.leave()
  assert.deepEqual(present(), [])
  clock.advance(beatIntervalMs(crowd.length))
  for (const session of crowd) assert.deepEqual(session.heard().at(-1), [1, 1, null])
})

test('A5: a late echo does not revive a removed client, also not from another session', () => {
  const { clock, session, present } = setUp()
  const ada = session()
  const bob = session()
  ada.say([1, 4, { name: 'Ada' }])
  clock.advance(MANY_MS)
  ada.membership.leave()
  bob.say([1, 4, { name: 'Ada' }], [1, 3, { name: 'Ada' }])
  clock.advance(30 * MANY_MS)
  bob.say([1, 4, { name: 'Ada' }])
  assert.deepEqual(present(), [])
})

test('A3, A5: a session that missed frames loses its ghosts: its full state has the removals since it joined', () => {
  const { clock, session } = setUp()
  const gone = session()
  gone.say([9, 1, {}])
  gone.membership.leave()
  const ada = session()
  ada.say([1, 1, { name: 'Ada' }])
  const slow = session()
  const bob = session()
  bob.say([2, 1, {}])
  clock.advance(MANY_MS)
  ada.membership.leave()
  assert.deepEqual(decoded(...slow.membership.fullState()), [
    [2, 1, {}],
    [1, 1, null],
  ])
  assert.deepEqual(decoded(...session().membership.fullState()), [[2, 1, {}]])
})

test('A2: removals that stock clients send for others who timed out are ignored', () => {
  const { clock, counters, session, present } = setUp()
  const ada = session()
  const bob = session()
  ada.say([1, 4, { name: 'Ada' }])
  bob.say([2, 1, {}])
  clock.advance(MANY_MS)
  bob.say([1, 4, null])
  bob.say([3, 4, null])
  clock.advance(MANY_MS)
  assert.equal(counters.get('awareness_entries_foreign'), 2)
  assert.equal(present().length, 2)
})

test('a tab that relays its sibling neither closes it nor locks it out', async () => {
  const { clock, session, present } = setUp()
  const tab = session()
  tab.say([1, 1, { tab: 1 }])
  // The sibling's state comes over the browser's own channel, before its socket is open.
  tab.say([2, 1, { tab: 2 }])
  const sibling = session()
  sibling.say([2, 1, { tab: 2 }])
  sibling.say([2, 2, { tab: 2, at: 2 }])
  assert.deepEqual(present()[1], [2, { tab: 2, at: 2 }])
  // From now on the sibling speaks for itself; what the tab relays is late or early, and never in the way.
  tab.say([2, 2, { tab: 2, at: 2 }])
  tab.say([2, 3, { tab: 2, at: 3 }])
  sibling.probes[0]?.(true)
  await clock.advanceAsync(MANY_MS)
  sibling.say([2, 3, { tab: 2, at: 3 }])
  assert.deepEqual(present()[1], [2, { tab: 2, at: 3 }])
  tab.membership.leave()
  assert.deepEqual(present(), [[2, { tab: 2, at: 3 }]])
})

test('A2: a session that announced itself keeps its id against one that announces the same', async () => {
  const { clock, session, present } = setUp()
  const ada = session()
  ada.say([1, 1, { name: 'Ada' }])
  const eve = session()
  eve.say([1, 2, { name: 'Mallory' }])
  assert.equal(ada.probes.length, 1)
  ada.probes[0]?.(true)
  await clock.advanceAsync(MANY_MS)
  assert.deepEqual(present(), [[1, { name: 'Ada' }]])
})

test('G1: a clock above 2^31 is ignored and counted, so that nobody is made invisible for good', () => {
  const { counters, session, present } = setUp()
  const eve = session()
  eve.say([1, 2 ** 40, { name: 'Mallory' }])
  eve.say([1, 2 ** 31 + 1, { name: 'Mallory' }])
  const ada = session()
  ada.say([1, 1, { name: 'Ada' }])
  assert.deepEqual(present(), [[1, { name: 'Ada' }]])
  assert.equal(counters.get('awareness_entries_refused'), 2)
})

test('G1: a state above awarenessStateBytesMax is ignored and counted, and its session is told once', () => {
  const { counters, session, present } = setUp({ awarenessStateBytesMax: 20 })
  const ada = session()
  ada.say([1, 1, 'x'.repeat(18)])
  ada.say([1, 2, 'x'.repeat(19)])
  ada.say([1, 3, 'x'.repeat(19)])
  assert.deepEqual(present(), [[1, 'x'.repeat(18)]])
  assert.equal(counters.get('awareness_entries_oversized'), 2)
  assert.equal(ada.leftOutBecause.length, 1)
  assert.match(ada.leftOutBecause[0] ?? '', /have 21 bytes, and at most 20/)
})

test('G1: ids past awarenessClientsPerSessionMax are ignored and counted', () => {
  const { counters, session, present } = setUp({ awarenessClientsPerSessionMax: 3 })
  const ada = session()
  for (let clientId = 1; clientId <= 5; clientId++) ada.say([clientId, 1, {}])
  ada.say([1, 2, { still: 'mine' }])
  assert.deepEqual(present(), [
    [1, { still: 'mine' }],
    [2, {}],
    [3, {}],
  ])
  assert.equal(counters.get('awareness_entries_refused'), 2)
})

test('a message or a state that is malformed throws, and others stay as they are', () => {
  const { session, present } = setUp()
  const ada = session()
  ada.say([1, 1, { name: 'Ada' }])
  const eve = session()
  assert.throws(() => eve.membership.receive(Uint8Array.of(1, 2)), { code: 'malformed' })
  assert.throws(() => eve.membership.receive(encodeAwareness([{ clientId: 2, clock: 1, state: utf8.encode('{') }])), { code: 'malformed' })
  assert.deepEqual(present(), [[1, { name: 'Ada' }]])
})

test('an empty update says nothing and is fine', () => {
  const { clock, session } = setUp()
  const ada = session()
  ada.say()
  clock.advance(MANY_MS)
  assert.deepEqual(ada.frames, [])
})

test('a state that nobody renews is removed, and its client may announce itself again', () => {
  const { clock, session, present } = setUp()
  const ada = session()
  const bob = session()
  ada.say([1, 1, { name: 'Ada' }])
  bob.say([2, 1, {}])
  clock.advance(30_000)
  bob.say([2, 2, {}])
  clock.advance(20_000)
  assert.deepEqual(present(), [[2, {}]])
  assert.deepEqual(bob.heard().at(-1), [1, 1, null])
  ada.say([1, 2, { name: 'Ada' }])
  assert.equal(present().length, 2)
})

test('the beat: at once in a quiet document, a growing distance in a crowded one', () => {
  assert.deepEqual([1, 8, 19, 30, 10_000].map(beatIntervalMs), [10, 10, 30, 50, 50])
  const { clock, session } = setUp()
  const ada = session()
  const bob = session()
  ada.say([1, 1, {}])
  clock.flush()
  assert.equal(bob.frames.length, 1, 'a first change leaves without waiting')
  for (let step = 2; step <= 10; step++) ada.say([1, step, {}])
  bob.say([2, 1, {}])
  clock.flush()
  assert.equal(bob.frames.length, 1)
  clock.advance(9)
  assert.equal(bob.frames.length, 1)
  clock.advance(1)
  assert.equal(bob.frames.length, 2, 'what came meanwhile leaves in one frame')
  assert.deepEqual(decoded(...bob.frames.slice(1).map(({ update }) => update)), [
    [1, 10, {}],
    [2, 1, {}],
  ])
  assert.equal(ada.frames[1], bob.frames[1], 'the same frame for everybody')
})

test('closing leaves no timer, and calls no sink', async () => {
  const { clock, hub, session } = setUp()
  const ada = session()
  const bob = session()
  ada.say([1, 1, {}])
  clock.flush()
  bob.say([1, 2, {}])
  ada.say([1, 2, {}])
  const heard = bob.frames.length
  hub.close()
  hub.close()
  ada.probes[0]?.(false)
  ada.say([1, 3, {}])
  ada.membership.leave()
  await clock.advanceAsync(MANY_MS)
  assert.equal(bob.frames.length, heard)
  assert.equal(clock.timerCount, 0)
})

test('nothing is kept: the last session to leave takes the document and the timers with it', () => {
  const { clock, session, present } = setUp()
  const ada = session()
  ada.say([1, 1, {}])
  clock.flush()
  ada.say([1, 2, {}])
  ada.membership.leave()
  assert.equal(clock.timerCount, 0)
  assert.deepEqual(present(), [])
  assert.deepEqual(session().membership.fullState(), [])
})

test('G1, G7: awarenessEntriesPerMessageMax: of a message with two million entries the first few are read, and the rest are counted', () => {
  const { counters, session, present } = setUp({ awarenessEntriesPerMessageMax: 10, awarenessMessageBytesMax: 16 * 1024 * 1024 })
  const eve = session()
  const count = 2_000_000
  // Behind the tenth entry lies what is no entry: it is not read.
  const ten = encoded(...Array.from({ length: 10 }, (_, clientId): Said => [clientId, 1, {}])).subarray(1)
  const header = [(count & 0x7f) | 0x80, ((count >> 7) & 0x7f) | 0x80, count >> 14]
  const message = new Uint8Array(header.length + count * 4)
  message.set(header)
  message.set(ten, header.length)
  message.fill(0xff, header.length + ten.length)
  eve.membership.receive(message)
  assert.equal(present().length, 10)
  assert.equal(counters.get('awareness_entries_refused'), count - 10)
})

test('G1: awarenessMessageBytesMax: a larger message is ignored and counted, whole', () => {
  const { counters, session, present } = setUp({ awarenessMessageBytesMax: 100 })
  const ada = session()
  ada.say([1, 1, { name: 'x'.repeat(100) }])
  assert.deepEqual([present(), counters.get('awareness_messages_oversized')], [[], 1])
  ada.say([1, 1, { name: 'Ada' }])
  assert.equal(present().length, 1)
})

test('G7: large states of many leave in beats of bounded size, what has waited longest first, and all of them arrive', () => {
  const { clock, session, hub } = setUp()
  const reader = session()
  const large = 'x'.repeat(15_000)
  const speakers = Array.from({ length: 10 }, () => session())
  for (const [index, speaker] of speakers.entries())
    speaker.say(...Array.from({ length: 10 }, (_, of): Said => [100 * index + of, 1, large]))
  clock.flush()
  assert.equal(reader.frames.length, 1)
  // Somebody who speaks again meanwhile keeps the place in the line.
  speakers[5]?.say([505, 2, 'again'])
  clock.advance(MANY_MS)
  assert.ok(reader.frames.length >= 12, `${reader.frames.length} beats`)
  for (const { update } of reader.frames) assert.ok(update.length < 160 * 1024, `${update.length} bytes in one beat`)
  const heard = reader.heard()
  assert.deepEqual(
    heard.map(([clientId]) => clientId),
    speakers.flatMap((_, index) => Array.from({ length: 10 }, (_, of) => 100 * index + of)),
  )
  assert.deepEqual(heard[55], [505, 2, 'again'])
  hub.close()
})

test('G7: with many sessions a beat holds fewer bytes, and at least one state', () => {
  assert.ok(beatBytesMax(10) >= 64 * 1024)
  assert.ok(beatBytesMax(1_000) * 1_000 <= 16 * 1024 * 1024)
  const { clock, session } = setUp({ awarenessStateBytesMax: 1024 * 1024, awarenessMessageBytesMax: 1024 * 1024 })
  const reader = session()
  session().say([1, 1, 'x'.repeat(400_000)])
  session().say([2, 1, 'x'.repeat(400_000)])
  clock.advance(MANY_MS)
  assert.deepEqual(
    reader.frames.map(({ update }) => decoded(update).length),
    [1, 1],
  )
})

test('G7: what those who come are sent is encoded once, in parts of bounded size, and again only where something changed', () => {
  const { session } = setUp()
  const large = 'x'.repeat(15_000)
  const speakers = Array.from({ length: 10 }, () => session())
  for (const [index, speaker] of speakers.entries())
    speaker.say(...Array.from({ length: 10 }, (_, of): Said => [100 * index + of, 1, large]))
  const before = session().membership.fullState()
  assert.ok(before.length >= 12, `${before.length} parts`)
  for (const part of before) assert.ok(part.length < 160 * 1024, `${part.length} bytes in one part`)
  const changedParts = (): number =>
    session()
      .membership.fullState()
      .filter((part) => !before.includes(part)).length
  assert.equal(changedParts(), 0)
  speakers[3]?.say([305, 2, 'x'.repeat(15_000)])
  assert.equal(changedParts(), 1)
  // Larger than there is room for where it stood: it moves to another part.
  speakers[3]?.say([305, 3, 'x'.repeat(16_000)], [306, 3, 'x'.repeat(16_000)])
  assert.ok(changedParts() <= 2)
  speakers[4]?.say([400, 2, null])
  speakers[5]?.membership.leave()
  const said = decoded(...session().membership.fullState())
  assert.equal(new Set(said.map(([clientId]) => clientId)).size, said.length, 'each client once')
  assert.deepEqual(
    said.map(([clientId]) => clientId).sort((a, b) => a - b),
    speakers.flatMap((_, index) => (index === 5 ? [] : Array.from({ length: 10 }, (_, of) => 100 * index + of))).filter((id) => id !== 400),
  )
  assert.deepEqual(said.find(([clientId]) => clientId === 305)?.[1], 3)
})
