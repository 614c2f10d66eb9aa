// States that say whose they are: what the server writes into them, whatever clients put there, and what that does not disturb.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from 'y-protocols/awareness'
import { Doc } from 'yjs'
import { Counters } from '../../core/counters.js'
import { defaultLimits, type Limits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import { decodeAwareness, encodeAwareness } from '../../protocol/awareness.js'
import { soloAwarenessBus } from '../../server/awareness/bus.js'
import type { AwarenessFrame } from '../../server/awareness/contract.js'
import { DocumentAwarenesses } from '../../server/awareness/hub.js'
import type { SpeakerIdentity } from '../../server/awareness/stamp.js'
import { Session } from '../helpers/awareness.js'
import { ManualClock } from '../helpers/manual-clock.js'

const DOCUMENT = 'notes/today'
const BEAT_MS = 1_000
const utf8 = new TextEncoder()
const ada: SpeakerIdentity = { user: 'ada', name: 'Ada L.' }
const eve: SpeakerIdentity = { user: 'eve', name: null }

function setUp(stampUser: string | null, limits: Partial<Limits> = {}) {
  const clock = new ManualClock()
  const counters = new Counters()
  const hub = new DocumentAwarenesses({
    clock,
    counters,
    limits: { ...defaultLimits, ...limits },
    logger: silentLogger,
    bus: soloAwarenessBus,
    stampUser,
  })
  const present = () => hub.presence(DOCUMENT).map(({ clientId, state }) => [clientId, state])
  return { clock, counters, hub, present, session: (identity?: SpeakerIdentity) => new Session(hub, DOCUMENT, identity) }
}

test('a state names the user of its session: the server wins over what the client claims, and the rest stays', () => {
  const { clock, session, present } = setUp('user')
  const watcher = session()
  session(ada).say([1, 1, { cursor: { anchor: 3 }, user: { color: '#f00' } }])
  session(eve).say([2, 1, { user: { id: 'ada', name: 'Ada L.', color: '#0f0' } }])
  session(eve).say([3, 1, { cursor: null }])
  session(eve).say([4, 1, { user: 'ada' }])
  const all = [
    [1, { cursor: { anchor: 3 }, user: { color: '#f00', id: 'ada', name: 'Ada L.' } }],
    [2, { user: { id: 'eve', name: 'eve', color: '#0f0' } }],
    [3, { cursor: null, user: { id: 'eve', name: 'eve' } }],
    [4, { user: { id: 'eve', name: 'eve' } }],
  ]
  assert.deepEqual(present(), all)
  clock.advance(BEAT_MS)
  assert.deepEqual(
    watcher.heard().map(([clientId, , state]) => [clientId, state]),
    all,
  )
})

test('of a session without a user, a claimed id is taken out, and nothing else', () => {
  const { session, present } = setUp('user')
  const guest = session()
  guest.say([1, 1, { user: { id: 'ada', name: 'a guest' }, id: 'ada' }])
  guest.say([2, 1, { user: 'ada' }])
  guest.say([3, 1, {}])
  assert.deepEqual(present(), [
    [1, { user: { name: 'a guest' }, id: 'ada' }],
    [2, { user: 'ada' }],
    [3, {}],
  ])
})

test('a field that stands twice in the JSON, once for each kind of reader, goes out once', () => {
  const { clock, hub, session } = setUp('user')
  const watcher = session()
  const twice = (id: number, json: string) => encodeAwareness([{ clientId: id, clock: 1, state: utf8.encode(json) }])
  session(eve).membership.receive(twice(1, '{"user":{"id":"ada"},"user":{}}'))
  session().membership.receive(twice(2, '{"user":{"id":"ada"},"user":7}'))
  session(eve).membership.receive(twice(3, '{"__proto__":{"user":{"id":"ada"}},"user":{"__proto__":{"id":"ada"}}}'))
  clock.advance(BEAT_MS)
  const texts = watcher.frames.flatMap(({ update }) => decodeAwareness(update).map(({ state }) => new TextDecoder().decode(state)))
  assert.deepEqual(texts.slice(0, 2), ['{"user":{"id":"eve","name":"eve"}}', '{"user":7}'])
  const third = hub.presence(DOCUMENT)[2]?.state as { readonly user: { readonly id: string } }
  assert.equal(third.user.id, 'eve')
})

test('what has no room for a field is left: states that are no objects, and removals', () => {
  const { clock, session, present } = setUp('user')
  const watcher = session()
  const speaker = session(ada)
  speaker.say([1, 1, 'here'], [2, 1, [1, 2]], [3, 1, 5])
  assert.deepEqual(present(), [
    [1, 'here'],
    [2, [1, 2]],
    [3, 5],
  ])
  clock.advance(BEAT_MS)
  watcher.heard()
  speaker.say([1, 2, null])
  clock.advance(BEAT_MS)
  assert.deepEqual(watcher.heard(), [[1, 2, null]])
})

test('without the setting states pass as the bytes that they came in', () => {
  const { clock, session } = setUp(null)
  const watcher = session()
  const update = encodeAwareness([{ clientId: 1, clock: 1, state: utf8.encode('{ "user": {"id":"ada"}, "n": 1.0 }') }])
  session(eve).membership.receive(update)
  clock.advance(BEAT_MS)
  assert.deepEqual(watcher.frames[0]?.update, update)
})

test('G1: awarenessStateBytesMax holds for what goes out: a state that is too large once it names its user is left out, and its session told', () => {
  const { counters, session, present } = setUp('user', { awarenessStateBytesMax: 40 })
  const speaker = session(ada)
  speaker.say([1, 1, {}])
  speaker.say([1, 2, { at: 'a place of 20 bytes.' }])
  assert.deepEqual(present(), [[1, { user: { id: 'ada', name: 'Ada L.' } }]])
  assert.equal(counters.get('awareness_entries_oversized'), 1)
  assert.match(speaker.leftOutBecause[0] ?? '', /have 65 bytes, and at most 40/)
})

test('A2: an id that another session takes over bears the name of who took it, never that of who had it', async () => {
  const { clock, session, present } = setUp('user')
  const victim = session(ada)
  victim.say([1, 1, { user: {} }])
  const impostor = session(eve)
  impostor.say([1, 2, { user: { id: 'ada', name: 'Ada L.' } }])
  assert.deepEqual(present(), [[1, { user: { id: 'ada', name: 'Ada L.' } }]])
  victim.probes[0]?.(false)
  await Promise.resolve()
  clock.advance(BEAT_MS)
  assert.deepEqual(present(), [[1, { user: { id: 'eve', name: 'eve' } }]])
})

/** A stock Yjs awareness on a session, which sends back every state that it receives. */
class StockClient extends Session {
  readonly doc = new Doc()
  readonly own = new Awareness(this.doc)

  constructor(hub: DocumentAwarenesses, t: TestContext, identity: SpeakerIdentity) {
    super(hub, DOCUMENT, identity)
    t.after(() => this.doc.destroy())
    this.own.on('update', ({ added, updated, removed }: Record<'added' | 'updated' | 'removed', number[]>) => {
      this.membership.receive(encodeAwarenessUpdate(this.own, [...added, ...updated, ...removed]))
    })
  }

  override awareness(frame: AwarenessFrame): void {
    super.awareness(frame)
    applyAwarenessUpdate(this.own, frame.update, 'server')
  }
}

test('stock clients that echo what they hear and renew what they said disturb nothing, and a session that turns out to be somebody else says so at once', (t) => {
  const { clock, counters, hub } = setUp('user')
  const one = new StockClient(hub, t, ada)
  const other = new StockClient(hub, t, eve)
  one.own.setLocalState({ at: 1 })
  other.own.setLocalState({ at: 2, user: { name: 'Ada L.' } })
  clock.advance(BEAT_MS)
  const seenBy = (client: StockClient, of: StockClient): unknown => client.own.getStates().get(of.doc.clientID)
  assert.deepEqual(seenBy(other, one), { at: 1, user: { id: 'ada', name: 'Ada L.' } })
  assert.deepEqual(seenBy(one, other), { at: 2, user: { id: 'eve', name: 'eve' } })
  assert.deepEqual(one.own.getLocalState(), { at: 1 }, 'a client keeps its own state as it made it')
  one.own.setLocalState(one.own.getLocalState())
  clock.advance(BEAT_MS)
  assert.deepEqual(seenBy(other, one), { at: 1, user: { id: 'ada', name: 'Ada L.' } })
  one.membership.identify({ user: 'ada', name: 'Ada King' })
  clock.advance(BEAT_MS)
  assert.deepEqual(seenBy(other, one), { at: 1, user: { id: 'ada', name: 'Ada King' } })
  assert.equal(counters.get('awareness_entries_foreign'), 0)
})
