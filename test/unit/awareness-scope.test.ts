// Parts of a document: whose movements a session hears of, and when it hears who is here and where. On one node and across nodes, on a manual clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counters } from '../../core/counters.js'
import { defaultLimits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import { ExchangeBus } from '../../server/awareness/exchange/exchange.js'
import { MemoryNetwork } from '../../server/awareness/exchange/transport.js'
import { DocumentAwarenesses } from '../../server/awareness/hub.js'
import { scopeOf } from '../../server/awareness/scope.js'
import { decoded, encoded, Session } from '../helpers/awareness.js'
import { ManualClock } from '../helpers/manual-clock.js'

const BEAT_MS = 60
const utf8 = new TextEncoder()

function setUp() {
  const clock = new ManualClock()
  const network = new MemoryNetwork(clock)
  const startNode = (nodeId: string) => {
    const counters = new Counters()
    const bus = new ExchangeBus({
      transport: network.transport(nodeId),
      self: { nodeId, boot: '1' },
      clock,
      counters,
      logger: silentLogger,
    })
    return new DocumentAwarenesses({ clock, counters, limits: defaultLimits, logger: silentLogger, bus })
  }
  const one = startNode('one')
  const beat = (): void => clock.advance(BEAT_MS)
  return { clock, one, startNode, beat }
}

/** A client that says where it looks and where its cursor is, as one state at a clock that counts up. */
class Person {
  readonly #id: number
  readonly session: Session
  #clock = 0
  #state: Record<string, unknown> = {}

  constructor(hub: DocumentAwarenesses, id: number) {
    this.#id = id
    this.session = new Session(hub)
  }

  say(change: Record<string, unknown>): void {
    this.#clock += 1
    this.#state = { ...this.#state, ...change }
    this.session.say([this.#id, this.#clock, this.#state])
  }

  look(at: string | undefined): void {
    this.say({ weft: { at } })
  }

  /** The cursors that it was told of since the last call, and of whom. */
  heard(): [number, unknown][] {
    const heard = this.session.heard().sort(([one], [other]) => one - other)
    return heard.map(([id, , state]) => [id, (state as { cursor?: unknown } | null)?.cursor])
  }
}

test('A6: movements go to those who look at the same part and to those who look at the whole document, on every node', () => {
  const { clock, one, startNode, beat } = setUp()
  const two = startNode('two')
  const [ada, alan, grace, whole] = [new Person(one, 1), new Person(two, 2), new Person(one, 3), new Person(two, 4)]
  const hear = (): unknown => [ada, alan, grace, whole].map((person) => person.heard())
  ada.look('page 1')
  alan.look('page 1')
  grace.look('page 2')
  whole.say({ name: 'Kurt' })
  clock.advance(1_000)
  hear()
  ada.say({ cursor: 7 })
  beat()
  assert.deepEqual(hear(), [[[1, 7]], [[1, 7]], [], [[1, 7]]])
  grace.say({ cursor: 9 })
  whole.say({ cursor: 5 })
  beat()
  assert.deepEqual(hear(), [
    [[4, 5]],
    [[4, 5]],
    [
      [3, 9],
      [4, 5],
    ],
    [
      [3, 9],
      [4, 5],
    ],
  ])
  ada.session.membership.leave()
  beat()
  assert.deepEqual(hear(), [[], [[1, undefined]], [[1, undefined]], [[1, undefined]]], 'who goes is gone for everybody at once')
  one.close()
  two.close()
})

test('A6: who comes to look at a part is told at once where everybody there is, and who leaves it is seen to leave', () => {
  const { one, clock, beat } = setUp()
  const [ada, alan, grace] = [new Person(one, 1), new Person(one, 2), new Person(one, 3)]
  ada.look('page 1')
  alan.look('page 1')
  grace.look('page 2')
  clock.advance(1_000)
  ada.say({ cursor: 7 })
  alan.say({ cursor: 8 })
  beat()
  for (const person of [ada, alan, grace]) person.heard()
  grace.look('page 1')
  beat()
  assert.deepEqual(
    new Set(grace.heard()),
    new Set([
      [3, undefined],
      [1, 7],
      [2, 8],
    ] as [number, unknown][]),
  )
  assert.deepEqual(ada.heard(), [[3, undefined]])
  alan.heard()
  grace.look('page 2')
  beat()
  assert.deepEqual(
    alan.session.heard().map(([id, , state]) => [id, (state as { weft: unknown }).weft]),
    [[3, { at: 'page 2' }]],
  )
  ada.say({ cursor: 10 })
  beat()
  grace.heard()
  grace.look(undefined)
  beat()
  assert.deepEqual(new Map(grace.heard()).get(1), 10, 'who looks at the whole again lacks nothing')
  one.close()
})

test('A6: who looks elsewhere hears of a change of who is here or where once it has lasted 2 s, of one that is taken back never, and of a client that moves every 10 s', () => {
  const { one, clock } = setUp()
  const [ada, grace] = [new Person(one, 1), new Person(one, 2)]
  grace.look('page 2')
  ada.say({ name: 'Ada' })
  ada.look('page 1')
  clock.advance(1_000)
  grace.heard()
  ada.look('page 3')
  clock.advance(1_500)
  ada.look('page 1')
  clock.advance(5_000)
  assert.deepEqual(grace.heard(), [])
  ada.look('page 3')
  clock.advance(1_900)
  assert.deepEqual(grace.heard(), [])
  clock.advance(1_000)
  assert.deepEqual(
    grace.session.heard().map(([id, , state]) => [id, state]),
    [[1, { name: 'Ada', weft: { at: 'page 3' } }]],
  )
  ada.say({ name: 'Ada L.' })
  clock.advance(3_000)
  assert.equal(grace.heard().length, 1)
  for (let at = 0; at < 40; at++) {
    ada.say({ cursor: at })
    clock.advance(500)
  }
  const moved = grace.heard()
  assert.ok(moved.length >= 1 && moved.length <= 3, `${moved.length} times in 20 s`)
  clock.advance(11_000)
  assert.deepEqual(grace.heard(), [[1, 39]], 'the last movement comes too')
  one.close()
})

test('A6: a reader whose cursor nobody may see is told what concerns the part that it looks at', () => {
  const { one, clock, beat } = setUp()
  const [ada, grace] = [new Person(one, 1), new Person(one, 2)]
  const reader = new Session(one)
  ada.look('page 1')
  grace.look('page 2')
  clock.advance(1_000)
  reader.heard()
  reader.membership.look(encoded([9, 1, { weft: { at: 'page 1' } }]))
  beat()
  ada.say({ cursor: 7 })
  grace.say({ cursor: 8 })
  beat()
  assert.deepEqual(
    reader.heard().map(([id]) => id),
    [1],
  )
  reader.membership.look(encoded([9, 2, null]))
  beat()
  assert.deepEqual(new Set(reader.heard().map(([id]) => id)), new Set([1, 2]))
  reader.membership.look(encoded([9, 3, { weft: { at: 'page 1' } }]))
  beat()
  reader.heard()
  reader.say([9, 4, { weft: { at: 'page 2' } }])
  beat()
  reader.heard()
  ada.say({ cursor: 9 })
  grace.say({ cursor: 10 })
  beat()
  assert.deepEqual(
    reader.heard().map(([id]) => id),
    [2],
    'once its states are shown, they say where it looks',
  )
  reader.say([9, 5, null])
  assert.throws(() => reader.membership.look(Uint8Array.of(1, 9, 3, 2, 0x7b, 0x7b)), { code: 'malformed' })
  assert.deepEqual(
    decoded(...reader.membership.fullState())
      .filter(([, , state]) => state !== null)
      .map(([id]) => id)
      .sort(),
    [1, 2],
  )
  one.close()
})

test('what names no part, too long a name or too many fields is not taken for one', () => {
  const scope = (state: unknown) => scopeOf(utf8.encode(JSON.stringify(state)))
  assert.equal(scope({ name: 'weft' }), null)
  assert.equal(scope(['weft']), null)
  assert.equal(scope({ weft: 'page 1' }), null)
  assert.equal(scope({ weft: { at: 7 } }), null)
  assert.equal(scope({ weft: { at: 'x'.repeat(257) } }), null)
  const presence = JSON.stringify([['weft', { at: 'a' }]])
  assert.deepEqual(scope({ cursor: 1, selection: 2, weft: { at: 'a' } }), { at: 'a', presence })
  assert.equal(scope({ cursor: 1, x: 1, weft: { at: 'a', moves: ['x'] } })?.presence.includes('"cursor"'), true)
  assert.equal(scope({ x: 1, weft: { at: 'a', moves: Array(9).fill('x') } })?.presence.includes('"x"'), true)
})
