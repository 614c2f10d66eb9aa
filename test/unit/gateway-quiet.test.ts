// A quiet client through two minutes on a manual clock: the gateway, the real document directory and an in-memory socket.

import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { Counters } from '../../core/counters.js'
import { defaultLimits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import { MemoryBudget } from '../../core/memory-budget.js'
import { seededRandom } from '../../core/random.js'
import { MemoryStore } from '../../persistence/index.js'
import { encodeWeftClient } from '../../protocol/dialects/weft.js'
import { decodeYWebsocket, encodeYWebsocket } from '../../protocol/dialects/y-websocket.js'
import { allowEverybody } from '../../server/access/authorize.js'
import { SessionRegistry } from '../../server/access/session-registry.js'
import { soloAwarenessBus } from '../../server/awareness/bus.js'
import { DocumentAwarenesses } from '../../server/awareness/hub.js'
import { SoleOwnership } from '../../server/composition/sole-ownership.js'
import { LocalDirectory } from '../../server/document/local-directory.js'
import { defaultTuning } from '../../server/document/tuning.js'
import { weftDialect } from '../../server/gateway/dialects/weft-driver.js'
import { yWebsocketDialect } from '../../server/gateway/dialects/y-websocket-driver.js'
import { Gateway } from '../../server/gateway/gateway.js'
import type { Socket, SocketEvents } from '../../server/transport/socket.js'
import { ManualClock } from '../helpers/manual-clock.js'

/** A client's end in memory: notes when the last message came, answers pings if it is told to. */
class QuietSocket implements Socket {
  readonly bufferedBytes = 0
  readonly messages: Uint8Array[] = []
  readonly messageTimes: number[] = []
  pings = 0
  closeCode: number | 'terminated' | null = null
  events: SocketEvents | null = null
  readonly #clock: ManualClock
  readonly #answersPings: boolean

  constructor(clock: ManualClock, answersPings: boolean) {
    this.#clock = clock
    this.#answersPings = answersPings
  }

  send(parts: readonly Uint8Array[], onSent: () => void): void {
    this.messages.push(Buffer.concat(parts))
    this.messageTimes.push(this.#clock.monotonic())
    this.#clock.soon(onSent)
  }

  ping(mark = 0): void {
    this.pings++
    if (this.#answersPings) this.events?.pong(mark)
  }

  pause(): void {}
  resume(): void {}

  close(code: number): void {
    this.closeCode = code
    this.#clock.soon(() => this.events?.closed(code))
  }

  terminate(): void {
    this.closeCode ??= 'terminated'
    this.#clock.soon(() => this.events?.closed(1006))
  }
}

async function setUp() {
  const clock = new ManualClock()
  const random = seededRandom(1)
  const counters = new Counters()
  const store = new MemoryStore({ clock })
  const budget = new MemoryBudget(defaultLimits.memoryBytesMax)
  const common = { clock, random, counters, limits: defaultLimits, budget, logger: silentLogger }
  const directory: LocalDirectory = new LocalDirectory({
    ...common,
    store,
    fenceOf: (documentId) => ownership.fenceOf(documentId),
    compactor: { compact: () => Promise.reject(new Error('not expected')), close: () => Promise.resolve() },
    broadcast: 'after-commit',
    onFenced: () => {},
    onFatal: () => {},
    tuning: defaultTuning,
    busyness: () => 1,
    keepDeleted: () => false,
  })
  const ownership = new SoleOwnership({ store, random, local: directory })
  await ownership.start()
  const awareness = new DocumentAwarenesses({ ...common, bus: soloAwarenessBus })
  const gateway = new Gateway({
    ...common,
    directory,
    awareness,
    authorize: allowEverybody,
    sessions: new SessionRegistry(),
    serverId: 'here',
  })
  const connect = (dialect: 'y-websocket' | 'weft', answersPings = true): QuietSocket => {
    const socket = new QuietSocket(clock, answersPings)
    socket.events = gateway.accept(socket, {
      dialect: dialect === 'weft' ? weftDialect : yWebsocketDialect,
      target: '/quiet',
      origin: null,
      headers: {},
      address: null,
      protocols: [],
    })
    return socket
  }
  const stop = async (): Promise<void> => {
    gateway.close()
    await directory.close()
    awareness.close()
    await clock.settle()
  }
  return { clock, counters, gateway, connect, stop }
}

const step1 = encodeYWebsocket({ type: 'sync-step-1', stateVector: Uint8Array.of(0) })

describe('a quiet client', () => {
  test('a y-websocket client without awareness sees a message at least every 20 s for two minutes, and nothing but empty ones', async () => {
    const { clock, connect, gateway, stop } = await setUp()
    const socket = connect('y-websocket')
    await clock.settle()
    for (const part of step1) socket.events?.message(part)
    await clock.settle()
    assert.deepEqual(
      socket.messages.map((bytes) => decodeYWebsocket(bytes).type),
      ['sync-step-1', 'sync-step-2'],
    )
    await clock.advanceAsync(120_000)
    assert.equal(socket.closeCode, null)
    assert.equal(gateway.connectionCount, 1)
    const times = [...socket.messageTimes, clock.monotonic()]
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0))
    assert.ok(Math.max(...gaps) <= 20_000, `gaps of ${gaps} ms`)
    for (const bytes of socket.messages.slice(2)) assert.deepEqual([...bytes], [1, 1, 0])
    await stop()
    assert.equal(clock.timerCount, 0)
  })

  test('G3: a half-open y-websocket connection is dropped after 35 s, though the server keeps sending', async () => {
    const { clock, connect, counters, gateway, stop } = await setUp()
    const socket = connect('y-websocket', false)
    await clock.settle()
    for (const part of step1) socket.events?.message(part)
    await clock.advanceAsync(34_000)
    assert.equal(socket.closeCode, null)
    await clock.advanceAsync(1_000)
    await clock.settle()
    assert.equal(socket.closeCode, 'terminated')
    assert.equal(counters.get('connections_timed_out'), 1)
    assert.equal(gateway.connectionCount, 0)
    await stop()
    assert.equal(clock.timerCount, 0)
  })

  test('a quiet weft client stays for two minutes by answering pings', async () => {
    const { clock, connect, stop } = await setUp()
    const socket = connect('weft')
    for (const part of encodeWeftClient({ type: 'hello', agent: 'test', token: '' })) socket.events?.message(part)
    await clock.advanceAsync(120_000)
    assert.equal(socket.closeCode, null)
    assert.ok(socket.pings >= 4)
    await stop()
    assert.equal(clock.timerCount, 0)
  })

  test('G1: handshakeMsMax: a weft client that never says hello is closed', async () => {
    const { clock, connect, stop } = await setUp()
    const socket = connect('weft')
    await clock.advanceAsync(defaultLimits.handshakeMsMax - 1)
    assert.equal(socket.closeCode, null)
    await clock.advanceAsync(1)
    assert.equal(socket.closeCode, 4508)
    await stop()
  })
})
