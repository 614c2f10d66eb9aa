// The states of a stock provider's connection on the server's side, each against everything that it may send in it: what is answered, or with what the connection
// ends, and that nothing is left when it has.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { WeftError } from '../../core/errors.js'
import type { Authorization } from '../../server/access/authorize.js'
import { type BenchClient, gatewayBench } from '../helpers/gateway-bench.js'

const update = Uint8Array.of(1, 1, 11, 0, 4, 1, 1, 116, 1, 97, 0)

async function setUp() {
  const asked: { readonly grant: (authorization: Authorization) => void; readonly deny: (error: WeftError) => void }[] = []
  const bench = await gatewayBench({ authorize: () => new Promise((grant, deny) => asked.push({ grant, deny })) })
  const answer = async (permission: 'read-write' | 'read-only' | null): Promise<void> => {
    for (const { grant, deny } of asked.splice(0)) {
      if (permission === null) deny(new WeftError('forbidden', 'No.'))
      else grant({ user: 'u', permission })
    }
    await bench.clock.settle()
  }
  return { ...bench, answer }
}
type Bench = Awaited<ReturnType<typeof setUp>>

async function joined(bench: Bench, permission: 'read-write' | 'read-only'): Promise<BenchClient> {
  const client = await states.asking(bench)
  await bench.answer(permission)
  client.sendY({ type: 'sync-step-1', stateVector: Uint8Array.of(0) })
  await bench.clock.settle()
  return client
}

const states = {
  /** Who it is has not been answered yet. */
  asking: async (bench: Bench): Promise<BenchClient> => {
    const client = bench.connect()
    await bench.clock.settle()
    return client
  },
  writer: (bench: Bench) => joined(bench, 'read-write'),
  reader: (bench: Bench) => joined(bench, 'read-only'),
  over: async (bench: Bench): Promise<BenchClient> => {
    const client = await states.writer(bench)
    client.leave()
    await bench.clock.settle()
    return client
  },
}

const events = {
  'step 1': (client: BenchClient) => client.sendY({ type: 'sync-step-1', stateVector: Uint8Array.of(0) }),
  'step 1 that cannot be read': (client: BenchClient) => client.sendY({ type: 'sync-step-1', stateVector: Uint8Array.of(5) }),
  'an empty step 2': (client: BenchClient) => client.sendY({ type: 'sync-step-2', update: Uint8Array.of(0, 0) }),
  'an update': (client: BenchClient) => client.sendY({ type: 'update', update }),
  'an update that cannot be read': (client: BenchClient) => client.sendY({ type: 'update', update: Uint8Array.of(9, 9) }),
  awareness: (client: BenchClient) => client.sendY({ type: 'awareness', update: Uint8Array.of(0) }),
  'awareness that is malformed': (client: BenchClient) => client.sendY({ type: 'awareness', update: Uint8Array.of(9, 9) }),
  'two questions for awareness': (client: BenchClient) => {
    client.sendY({ type: 'query-awareness' })
    client.sendY({ type: 'query-awareness' })
  },
  'what only a server says': (client: BenchClient) => client.sendY({ type: 'auth-denied', reason: 'No.' }),
  text: (client: BenchClient) => client.sendText(),
  'a type that nobody knows': (client: BenchClient) => client.sendBytes(Uint8Array.of(100, 1)),
  garbage: (client: BenchClient) => client.sendBytes(Uint8Array.of(0, 2, 200)),
  'the socket goes': (client: BenchClient) => client.leave(),
  'it goes twice': (client: BenchClient) => {
    client.leave()
    client.leave()
  },
  'the right is granted': (_client: BenchClient, bench: Bench) => bench.answer('read-write'),
  'the right is denied': (_client: BenchClient, bench: Bench) => bench.answer(null),
  'a long silence': (_client: BenchClient, bench: Bench) => bench.clock.advanceAsync(15_000),
}
type State = keyof typeof states
type Event = keyof typeof events

const always = { 'what only a server says': '= 4400', garbage: '= 4400' }
const attached = {
  ...always,
  'step 1': 'sync-step-2',
  'step 1 that cannot be read': '= 4400',
  'an update that cannot be read': 'auth-denied, = 4400',
  'awareness that is malformed': '= 4400',
  'a long silence': 'awareness',
}

/** What is answered, or the code with which the connection ends. Events that are not named are answered by nothing. */
const table: Record<State, Partial<Record<Event, string>>> = {
  asking: {
    ...always,
    'the right is granted': 'sync-step-1',
    'the right is denied': '= 4403',
    // Nobody answers who it is; it is told to come again.
    'a long silence': '= 4503',
  },
  writer: { ...attached, 'an update': 'update' },
  reader: { ...attached, 'an update': 'auth-denied', 'an update that cannot be read': 'auth-denied' },
  over: {},
}

for (const [state, row] of Object.entries(table) as [State, Partial<Record<Event, string>>][])
  test(`G5: a stock connection that is ${state} answers each message as its table says, and leaves nothing`, async () => {
    for (const [event, happen] of Object.entries(events) as [Event, (client: BenchClient, bench: Bench) => unknown][]) {
      const bench = await setUp()
      const client = await states[state](bench)
      const sent = client.frames.length
      await happen(client, bench)
      await bench.clock.settle()
      const answers = [...client.y.slice(sent).map(({ type }) => type), ...(client.closing === null ? [] : [`= ${client.closing.code}`])]
      assert.equal(answers.join(', '), row[event] ?? '', `${event} while ${state}`)
      client.leave()
      await bench.stop()
      await bench.answer('read-write')
      assert.equal(bench.clock.timerCount, 0, `timers are left after ${event} while ${state}`)
      assert.equal(bench.budget.account('received').bytes, 0, `memory is counted after ${event} while ${state}`)
    }
  })
