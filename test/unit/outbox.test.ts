// The outbox on a manual clock and a network that takes bytes when told to.
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { Outbox, type OutboxCarrier } from '../../server/transport/outbox.js'
import { ManualClock } from '../helpers/manual-clock.js'

class Network implements OutboxCarrier {
  readonly #messages: { readonly bytes: number; readonly onSent: () => void }[] = []
  #room: { readonly bytes: number; readonly run: () => void }[] = []
  takenBytes = 0

  get waitingBytes(): number {
    return this.#messages.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  send(message: readonly Uint8Array[], onSent: () => void): void {
    this.#messages.push({ bytes: message.reduce((sum, part) => sum + part.length, 0), onSent })
  }

  whenWaitingAtMost(bytes: number, run: () => void): void {
    this.#room.push({ bytes, run })
  }

  takeOne(): void {
    const message = this.#messages.shift()
    if (message === undefined) return
    this.takenBytes += message.bytes
    message.onSent()
    const ready = this.#room.filter(({ bytes }) => this.waitingBytes <= bytes)
    this.#room = this.#room.filter((one) => !ready.includes(one))
    for (const { run } of ready) run()
  }
}

function setUp(network = new Network(), clock = new ManualClock()) {
  const seen: string[] = []
  const outbox = new Outbox({
    clock,
    carrier: network,
    limits: { outboxBytesHigh: 1_000, outboxBytesLow: 100, laggingMsMax: 30_000 },
    lagging: () => seen.push('lagging'),
    drained: () => seen.push('drained'),
    tooSlow: () => seen.push('tooSlow'),
  })
  return { clock, network, outbox, seen }
}

const message = (bytes: number): readonly Uint8Array[] => [new Uint8Array(bytes)]

describe('outbox', () => {
  test('G1, G2: outboxBytesHigh: at the mark nothing, one byte past it lagging, once', () => {
    const { outbox, seen } = setUp()
    outbox.send(message(1_000))
    assert.deepEqual(seen, [])
    outbox.send(message(1))
    outbox.send(message(1))
    assert.deepEqual(seen, ['lagging'])
    assert.equal(outbox.isLagging, true)
  })

  test('G1: outboxBytesLow: lagging ends when no more than this waits', () => {
    const { network, outbox, seen } = setUp()
    outbox.send(message(900))
    outbox.send(message(101))
    outbox.send(message(100))
    network.takeOne()
    network.takeOne()
    assert.deepEqual(seen, ['lagging', 'drained'])
    assert.equal(outbox.isLagging, false)
  })

  test('G1, G2: laggingMsMax: without progress for this long the session is given up', () => {
    const { clock, outbox, seen } = setUp()
    outbox.send(message(2_000))
    clock.advance(29_999)
    assert.deepEqual(seen, ['lagging'])
    clock.advance(1)
    assert.deepEqual(seen, ['lagging', 'tooSlow'])
    assert.equal(clock.timerCount, 0)
  })

  test('G2: slow progress is progress: the session is kept', () => {
    const { clock, network, outbox, seen } = setUp()
    for (let count = 0; count < 20; count++) outbox.send(message(200))
    for (let count = 0; count < 19; count++) {
      network.takeOne()
      clock.advance(20_000)
    }
    assert.ok(!seen.includes('tooSlow'))
  })

  test('G2: a process that stood still hears what the network took before it gives a slow reader up', () => {
    const { clock, network, outbox, seen } = setUp()
    for (let count = 0; count < 20; count++) outbox.send(message(200))
    clock.standStill(600_000)
    clock.advance(0)
    assert.ok(!seen.includes('tooSlow'))
    network.takeOne()
    clock.advance(29_000)
    assert.ok(!seen.includes('tooSlow'))
    clock.advance(10_000)
    assert.ok(seen.includes('tooSlow'))
  })

  test('G2: what may not be left out is bounded too', () => {
    const { outbox, network, seen } = setUp()
    outbox.send(message(1_001))
    for (let count = 0; count < 50; count++) outbox.send(message(100))
    assert.deepEqual(seen, ['lagging', 'tooSlow'])
    assert.ok(network.waitingBytes < 6_000)
  })

  test('G2: many sessions on one connection lag together, and all drain', () => {
    const network = new Network()
    const clock = new ManualClock()
    const all = Array.from({ length: 10 }, () => setUp(network, clock))
    for (let round = 0; round < 9; round++) for (const { outbox } of all) if (!outbox.isLagging) outbox.send(message(100))
    assert.ok(network.waitingBytes <= 5_000, `${network.waitingBytes} bytes wait`)
    assert.ok(all.some(({ outbox }) => outbox.isLagging))
    while (network.waitingBytes > 0) network.takeOne()
    assert.ok(all.every(({ outbox }) => !outbox.isLagging))
  })

  test('a closed outbox sends nothing and leaves no timer', () => {
    const { clock, network, outbox } = setUp()
    outbox.send(message(2_000))
    outbox.close()
    outbox.send(message(5))
    assert.equal(network.waitingBytes, 2_000)
    assert.equal(clock.timerCount, 0)
  })
})
