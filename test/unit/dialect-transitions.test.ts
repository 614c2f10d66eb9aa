// The states of what speaks the dialects on the server's side, each against everything that a client may send in it: what is answered, or with what the connection
// ends, and that nothing is left when it has.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { WeftError } from '../../core/errors.js'
import type { Authorization } from '../../server/access/authorize.js'
import { weftDialect } from '../../server/gateway/dialects/weft-driver.js'
import { type BenchClient, gatewayBench } from '../helpers/gateway-bench.js'

const update = Uint8Array.of(1, 1, 11, 0, 4, 1, 1, 116, 1, 97, 0)
const known = { kind: 'nothing' } as const

/** A gateway whose rights are granted by hand. */
async function setUp() {
  const asked: { readonly grant: (authorization: Authorization) => void; readonly deny: (error: WeftError) => void }[] = []
  const bench = await gatewayBench({
    authorize: (request) =>
      request.scope === 'document'
        ? new Promise((grant, deny) => asked.push({ grant, deny }))
        : Promise.resolve({ user: null, permission: 'read-only' }),
  })
  const grant = async (): Promise<void> => {
    for (const { grant: say } of asked.splice(0)) say({ user: 'u', permission: 'read-write' })
    await bench.clock.settle()
  }
  const deny = async (): Promise<void> => {
    for (const { deny: say } of asked.splice(0)) say(new WeftError('forbidden', 'No.'))
    await bench.clock.settle()
  }
  return { ...bench, grant, deny }
}
type Bench = Awaited<ReturnType<typeof setUp>>

const weftStates = {
  greeting: async ({ connect, clock }: Bench) => {
    const client = connect({ dialect: weftDialect })
    await clock.settle()
    return client
  },
  talking: async ({ connectWeft, clock }: Bench) => {
    const client = connectWeft()
    await clock.settle()
    return client
  },
  opening: async (bench: Bench): Promise<BenchClient> => {
    const client = await weftStates.talking(bench)
    client.open(1, 'notes')
    await bench.clock.settle()
    return client
  },
  open: async (bench: Bench): Promise<BenchClient> => {
    const client = await weftStates.opening(bench)
    await bench.grant()
    return client
  },
  'open and closed again': async (bench: Bench): Promise<BenchClient> => {
    const client = await weftStates.open(bench)
    client.sendWeft({ type: 'close', channel: 1 })
    await bench.clock.settle()
    return client
  },
  'told of a drain': async (bench: Bench): Promise<BenchClient> => {
    const client = await drained(bench, () => weftStates.open(bench))
    client.frames.splice(0)
    return client
  },
  'told of a drain before its hello': (bench: Bench): Promise<BenchClient> => drained(bench, () => weftStates.greeting(bench)),
  'closed by a drain': async (bench: Bench): Promise<BenchClient> => {
    const client = await weftStates['told of a drain'](bench)
    // It answers no close frame, so that its socket stays a while.
    client.isResponsive = false
    await bench.clock.advanceAsync(1_000)
    return client
  },
  over: async (bench: Bench): Promise<BenchClient> => {
    const client = await weftStates.open(bench)
    client.leave()
    await bench.clock.settle()
    return client
  },
}

/** A gateway begins to drain while there is this client, and another one whose turn comes first. */
async function drained(bench: Bench, connect: () => Promise<BenchClient>): Promise<BenchClient> {
  bench.connectWeft()
  const client = await connect()
  void bench.gateway.drain(60_000)
  await bench.clock.settle()
  return client
}

const weftEvents = {
  hello: (client: BenchClient) => client.sendWeft({ type: 'hello', agent: 'test', token: '' }),
  ping: (client: BenchClient) => client.sendWeft({ type: 'ping' }),
  'open of a further channel': (client: BenchClient) => client.open(2, 'other'),
  'open of the same channel': (client: BenchClient) => client.open(1, 'notes'),
  sync: (client: BenchClient) => client.sendWeft({ type: 'sync', channel: 1, known }),
  submit: (client: BenchClient) => client.sendWeft({ type: 'submit', channel: 1, submission: 1, update }),
  'submit that skips one': (client: BenchClient) => client.sendWeft({ type: 'submit', channel: 1, submission: 2, update }),
  part: (client: BenchClient) => client.sendWeft({ type: 'part', channel: 1, bytes: update }),
  awareness: (client: BenchClient) => client.sendWeft({ type: 'awareness', channel: 1, update: Uint8Array.of(0) }),
  'awareness that is malformed': (client: BenchClient) => client.sendWeft({ type: 'awareness', channel: 1, update: Uint8Array.of(9, 9) }),
  token: (client: BenchClient) => client.sendWeft({ type: 'token', channel: 1, token: 'another' }),
  close: (client: BenchClient) => client.sendWeft({ type: 'close', channel: 1 }),
  'close twice': (client: BenchClient) => {
    client.sendWeft({ type: 'close', channel: 1 })
    client.sendWeft({ type: 'close', channel: 1 })
  },
  'a channel that never was': (client: BenchClient) => client.sendWeft({ type: 'sync', channel: 7, known }),
  'who wrote, as only nodes say': (client: BenchClient) => client.sendWeft({ type: 'author', channel: 1, user: 'somebody' }),
  'a command, as only nodes send': (client: BenchClient) =>
    client.sendWeft({ type: 'command', request: 1, documentId: 'notes', command: '{}' }),
  text: (client: BenchClient) => client.sendText(),
  garbage: (client: BenchClient) => client.sendBytes(Uint8Array.of(250, 1, 2)),
  'the socket goes': (client: BenchClient) => client.leave(),
  'the right is granted': (_client: BenchClient, bench: Bench) => bench.grant(),
  'the right is denied': (_client: BenchClient, bench: Bench) => bench.deny(),
}
type WeftState = keyof typeof weftStates
type WeftEvent = keyof typeof weftEvents

const answeredAsMalformed = Object.fromEntries(
  (Object.keys(weftEvents) as WeftEvent[])
    .filter((event) => !['the socket goes', 'the right is granted', 'the right is denied'].includes(event))
    .map((event) => [event, '= 4400']),
)
const always = { 'who wrote, as only nodes say': '= 4400', 'a command, as only nodes send': '= 4400', text: '= 4400', garbage: '= 4400' }
const talking = { ...always, hello: '= 4400', ping: 'pong', 'a channel that never was': '= 4400' }

const open = {
  ...talking,
  'open of the same channel': '= 4400',
  sync: 'state',
  submit: 'update, acknowledged',
  'submit that skips one': '= 4400',
  'awareness that is malformed': '= 4400',
}

/** What is answered, or the code with which the connection ends. Events that are not named are answered by nothing. */
const weftTable: Record<WeftState, Partial<Record<WeftEvent, string>>> = {
  // Whatever comes first that is no hello.
  greeting: { ...answeredAsMalformed, hello: 'welcome' },
  talking: {
    ...answeredAsMalformed,
    ping: 'pong',
    'open of a further channel': '',
    'open of the same channel': '',
  },
  opening: {
    ...talking,
    'open of the same channel': '= 4400',
    'submit that skips one': '= 4400',
    'the right is granted': 'opened, state',
    'the right is denied': 'closed forbidden',
  },
  open,
  'open and closed again': { ...talking, 'who wrote, as only nodes say': '', 'open of the same channel': '= 4400' },
  'told of a drain': { ...open, 'open of a further channel': 'closed draining' },
  'told of a drain before its hello': { ...answeredAsMalformed, hello: 'welcome, drain' },
  'closed by a drain': {},
  over: {},
}

function outcome(client: BenchClient, sent: number): string {
  const answers = client.weft.slice(sent).map((message) => (message.type === 'closed' ? `closed ${message.code}` : message.type))
  return [...answers, ...(client.closing === null ? [] : [`= ${client.closing.code}`])].join(', ')
}

for (const [state, row] of Object.entries(weftTable) as [WeftState, Partial<Record<WeftEvent, string>>][])
  test(`G5: a weft connection that is ${state} answers each message as its table says, and leaves nothing`, async () => {
    for (const [event, happen] of Object.entries(weftEvents) as [WeftEvent, (client: BenchClient, bench: Bench) => unknown][]) {
      const bench = await setUp()
      const client = await weftStates[state](bench)
      const sent = client.frames.length
      const before = client.closing
      await happen(client, bench)
      await bench.clock.settle()
      const expected = row[event] ?? ''
      assert.equal(outcome(client, sent), before === null ? expected : `= ${before.code}`, `${event} while ${state}`)
      client.leave()
      await bench.stop()
      await bench.grant()
      // A drain that is under way looks at each of its connections, also those that are gone.
      await bench.clock.advanceAsync(5)
      assert.equal(bench.clock.timerCount, 0, `timers are left after ${event} while ${state}`)
      assert.equal(bench.budget.account('received').bytes, 0, `memory is counted after ${event} while ${state}`)
    }
  })
