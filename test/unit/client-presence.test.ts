// The client's presence: typed, of those who look at the same part, bounded in its movements, and calm about who comes and goes.
import { strict as assert } from 'node:assert'
import { type TestContext, test } from 'node:test'
import { Awareness, encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness.js'
import * as Y from 'yjs'
import { decodeAwareness, parseState } from '../../protocol/awareness.js'
import { clientFixture } from '../helpers/client-fixture.js'

interface Who {
  readonly name: string
}

async function setUp(t: TestContext) {
  const fixture = clientFixture()
  const { clock, server, network } = fixture
  const connection = fixture.connect()
  const session = connection.open('a', new Y.Doc())
  await clock.settle()
  const presence = session.presence<Who, number>({
    read: ({ name }) => (typeof name === 'string' ? { name } : undefined),
  })
  /** Another client, whose state arrives whenever it says something. */
  const somebody = () => {
    const awareness = new Awareness(new Y.Doc())
    t.after(() => awareness.destroy())
    const tell = async (): Promise<void> => {
      const update = encodeAwarenessUpdate(awareness, [awareness.clientID])
      server.tell('a', (channel) => ({ type: 'awareness', channel, update }))
      await clock.settle()
    }
    return {
      id: awareness.clientID,
      say: async (state: Record<string, unknown>) => {
        awareness.setLocalState(state)
        await tell()
      },
      leave: async () => {
        removeAwarenessStates(awareness, [awareness.clientID], null)
        await tell()
      },
    }
  }
  const others = () => presence.others.map(({ state, at }) => [state.name, at])
  const said = () =>
    network.last.receivedOf('awareness').flatMap(({ update }) => decodeAwareness(update).map(({ state }) => parseState(state)))
  return { clock, connection, session, presence, somebody, others, said }
}

test('who is here and where is shown; cursors are those of the part that this client looks at', async (t) => {
  const { clock, connection, presence, somebody, others, said } = await setUp(t)
  const told: string[] = []
  presence.on('others', () => told.push('others'))
  presence.on('cursors', () => told.push('cursors'))
  presence.share({ name: 'Ada' })
  presence.look('page 1')
  await clock.settle()
  assert.deepEqual(said().at(-1), { name: 'Ada', weft: { at: 'page 1' } })
  const [alan, grace, rude] = [somebody(), somebody(), somebody()]
  await alan.say({ name: 'Alan', cursor: 7, weft: { at: 'page 1' } })
  await grace.say({ name: 'Grace', cursor: 8, weft: { at: 'page 2' } })
  await rude.say({ name: 9, cursor: 1 })
  assert.deepEqual(others(), [
    ['Alan', 'page 1'],
    ['Grace', 'page 2'],
  ])
  assert.deepEqual(
    presence.cursors.map(({ state, cursor }) => [state.name, cursor]),
    [['Alan', 7]],
  )
  assert.deepEqual(told, ['others', 'cursors', 'others'])
  const before = presence.others
  await alan.say({ name: 'Alan', cursor: 9, weft: { at: 'page 1' } })
  assert.equal(presence.others, before, 'a movement changes nobody of those who are here')
  presence.look(null)
  assert.deepEqual(
    presence.cursors.map(({ cursor }) => cursor),
    [9, 8],
  )
  await connection.close()
})

test('of many movements the last is sent, at most 25 a second', async (t) => {
  const { clock, connection, presence, said } = await setUp(t)
  const before = said().length
  for (let at = 1; at <= 1_000; at++) {
    presence.move(at)
    await clock.advanceAsync(1)
  }
  await clock.advanceAsync(100)
  const cursors = said().slice(before) as { readonly cursor?: number }[]
  assert.ok(cursors.length >= 20 && cursors.length <= 26, `${cursors.length} in a second`)
  assert.deepEqual([cursors[0]?.cursor, cursors.at(-1)?.cursor], [1, 1_000])
  await connection.close()
})

test('who goes, or looks elsewhere, and is back within 2 s never went; after 2 s it is shown', async (t) => {
  const { clock, connection, presence, somebody, others } = await setUp(t)
  const alan = somebody()
  await alan.say({ name: 'Alan', weft: { at: 'page 1' } })
  let changes = 0
  presence.on('others', () => {
    changes += 1
  })
  await alan.say({ name: 'Alan', weft: { at: 'page 2' } })
  await clock.advanceAsync(1_500)
  await alan.say({ name: 'Alan', weft: { at: 'page 1' } })
  await clock.advanceAsync(3_000)
  assert.deepEqual([others(), changes], [[['Alan', 'page 1']], 0])
  await alan.say({ name: 'Alan', weft: { at: 'page 2' } })
  await clock.advanceAsync(2_100)
  assert.deepEqual([others(), changes], [[['Alan', 'page 2']], 1])
  // A reload: another client id, the same person.
  await alan.leave()
  await clock.advanceAsync(1_500)
  assert.deepEqual([others(), changes], [[['Alan', 'page 2']], 1])
  const again = somebody()
  await again.say({ name: 'Alan', weft: { at: 'page 2' } })
  assert.deepEqual([others(), presence.others[0]?.clientId, changes], [[['Alan', 'page 2']], again.id, 2])
  await again.leave()
  await clock.advanceAsync(2_100)
  assert.deepEqual([others(), changes], [[], 3])
  await connection.close()
})

test('what the server has let last is shown at once, and a closed session has no presence', async (t) => {
  const { clock, connection, session, presence, somebody, others } = await setUp(t)
  presence.look('page 9')
  const alan = somebody()
  await alan.say({ name: 'Alan', weft: { at: 'page 1' } })
  await alan.say({ name: 'Alan', weft: { at: 'page 2' } })
  assert.deepEqual(others(), [['Alan', 'page 2']])
  await alan.say({ name: 'Alan', weft: { at: 'page 9' } })
  assert.deepEqual(others(), [['Alan', 'page 2']])
  assert.equal(session.presence(), presence)
  await session.close()
  await clock.advanceAsync(3_000)
  assert.throws(() => session.presence(), /closed/)
  const mute = connection.open('b', new Y.Doc(), { awareness: null })
  assert.throws(() => mute.presence(), /shares no awareness/)
  await connection.close()
  assert.equal(clock.timerCount, 0)
})
