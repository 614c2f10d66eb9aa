// A connection that sends without pause gets its part of the event loop and no more, loses nothing, and keeps its order.
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { Counters } from '../../core/counters.js'
import { WeftError } from '../../core/errors.js'
import { defaultLimits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import { MemoryBudget } from '../../core/memory-budget.js'
import { Connection } from '../../server/transport/connection.js'
import type { Driver } from '../../server/transport/driver.js'
import { LoopShare } from '../../server/transport/fair-inbox.js'
import { OutboxMemory } from '../../server/transport/outbox-memory.js'
import type { Socket } from '../../server/transport/socket.js'
import { ManualClock } from '../helpers/manual-clock.js'

/** Time goes by while work is done. */
class WorkingClock extends ManualClock {
  workedMs = 0

  override monotonic(): number {
    return super.monotonic() + this.workedMs
  }
}

class PausableSocket implements Socket {
  readonly bufferedBytes = 0
  paused = false
  closeCode = 0

  send(_parts: readonly Uint8Array[], onSent: () => void): void {
    onSent()
  }
  ping(): void {}
  pause(): void {
    this.paused = true
  }
  resume(): void {
    this.paused = false
  }
  close(code: number): void {
    this.closeCode = code
  }
  terminate(): void {}
}

/** A connection whose driver takes `messageMs` for each message. */
function connect(
  clock: WorkingClock,
  share: LoopShare,
  messageMs: number,
  handled: number[] = [],
  counts: ((message: Uint8Array) => boolean) | null = null,
) {
  const socket = new PausableSocket()
  const ended = { driver: 0, connection: 0 }
  const driver: Driver = {
    start: () => {},
    message: (data) => {
      clock.workedMs += messageMs
      handled.push(data[0] ?? -1)
      if (data[0] === 255) throw new WeftError('malformed', 'This one is not understood.')
    },
    text: () => {},
    drain: () => {},
    gone: () => counts,
    settled: () => Promise.resolve(),
    ended: () => {
      ended.driver += 1
    },
  }
  const connection = new Connection({
    id: 1,
    socket,
    clock,
    limits: defaultLimits,
    outboxMemory: new OutboxMemory(new MemoryBudget(defaultLimits.memoryBytesMax).account('outboxes')),
    counters: new Counters(),
    logger: silentLogger,
    mayHoldReading: true,
    share,
    closed: () => {
      ended.connection += 1
    },
  })
  connection.start(driver)
  const send = (...messages: readonly number[]): void => {
    for (const message of messages) connection.message(Uint8Array.of(message))
  }
  return { connection, socket, handled, ended, send }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

describe('FairInbox', () => {
  test('G7: what costs little is handled in the turn in which it comes', () => {
    const clock = new WorkingClock()
    const { send, handled, socket } = connect(clock, new LoopShare(clock), 0.001)
    send(...upTo(100))
    assert.deepEqual(handled, upTo(100))
    assert.equal(socket.paused, false)
  })

  test('G7: of a flood each turn handles a slice, the socket is not read meanwhile, and the order stays', () => {
    const clock = new WorkingClock()
    const share = new LoopShare(clock)
    const flood = connect(clock, share, 0.5)
    flood.send(...upTo(100))
    const inFirstTurn = flood.handled.length
    assert.ok(inFirstTurn >= 4 && inFirstTurn < 10, `${inFirstTurn} in the first turn`)
    assert.equal(flood.socket.paused, true)
    const other = connect(clock, share, 0.5)
    other.send(7)
    assert.deepEqual(other.handled, [7], 'somebody else is heard at once')
    clock.flush()
    assert.deepEqual(flood.handled, upTo(100))
    assert.equal(flood.socket.paused, false)
  })

  test('G7: a turn takes no longer for a thousand floods than for a few, and all of them are handled in the end', async () => {
    const clock = new WorkingClock()
    const share = new LoopShare(clock)
    const floods = upTo(1_000).map(() => connect(clock, share, 0.1))
    for (const flood of floods) flood.send(...upTo(20))
    const handled = (): number => floods.reduce((sum, flood) => sum + flood.handled.length, 0)
    let before = handled()
    assert.ok(before * 0.1 < 10, `${before} as they came in`)
    while (before < 20_000) {
      clock.turn()
      const inTurn = handled() - before
      assert.ok(inTurn > 0 && inTurn * 0.1 < 10, `${inTurn} in a turn`)
      before = handled()
    }
    for (const flood of floods) assert.deepEqual(flood.handled, upTo(20))
  })

  test('G7: so many bytes are read in a turn; who has more is read again in the next one, and who has little is read always', () => {
    const clock = new WorkingClock()
    const share = new LoopShare(clock)
    const [large, other, little] = [connect(clock, share, 0), connect(clock, share, 0), connect(clock, share, 0)]
    const chunk = 64 * 1024
    const readTillPaused = ({ connection, socket }: typeof large): number => {
      let bytes = 0
      for (; !socket.paused && bytes < 64 * 1024 * 1024; bytes += chunk) connection.received(chunk)
      return bytes
    }
    const read = readTillPaused(large)
    assert.ok(read >= 1024 * 1024 && read <= 4 * 1024 * 1024, `${read} bytes`)
    assert.equal(readTillPaused(other), chunk)
    little.connection.received(200)
    assert.equal(little.socket.paused, false)
    clock.turn()
    assert.deepEqual([large.socket.paused, other.socket.paused], [false, false])
    assert.equal(readTillPaused(other), read)
    other.connection.close(1000, 'enough')
    clock.flush()
  })

  test('G7: in the midst of a thousand floods, who does little is heard in the next turn', () => {
    const clock = new WorkingClock()
    const share = new LoopShare(clock)
    const floods = upTo(1_000).map(() => connect(clock, share, 0.1))
    for (const flood of floods) flood.send(...upTo(100))
    for (let turn = 0; turn < 1_000; turn++) clock.turn()
    const typist = connect(clock, share, 0.1)
    for (let key = 0; key < 50; key++) {
      typist.send(key)
      clock.turn()
      assert.equal(typist.handled.length, key + 1)
      // Nobody is at rest meanwhile.
      for (const flood of floods) flood.send(1)
    }
  })

  test('G7: who took the most lately is not forgotten while there is always somebody who took less', () => {
    const clock = new WorkingClock()
    const share = new LoopShare(clock)
    const uploader = connect(clock, share, 0.5)
    uploader.send(...upTo(50))
    for (let turn = 0; turn < 400; turn++) {
      for (let newcomer = 0; newcomer < 100; newcomer++) connect(clock, share, 0.1).send(1)
      clock.turn()
    }
    assert.deepEqual(uploader.handled, upTo(50))
  })

  test('a connection whose handling is held takes nothing in, and goes on in order when it is released', () => {
    const clock = new WorkingClock()
    const { connection, send, handled, socket } = connect(clock, new LoopShare(clock), 0.001)
    connection.holdHandling()
    send(...upTo(20))
    clock.flush()
    assert.deepEqual([handled, socket.paused], [[], true])
    connection.releaseHandling()
    clock.flush()
    assert.deepEqual([handled, socket.paused], [upTo(20), false])
  })

  test('what arrived before the socket went is handled before the connection ends', () => {
    const clock = new WorkingClock()
    const { connection, send, handled, ended } = connect(clock, new LoopShare(clock), 1)
    send(...upTo(20))
    connection.closed(1001)
    assert.equal(ended.connection, 0)
    clock.flush()
    assert.deepEqual(handled, upTo(20))
    assert.deepEqual(ended, { driver: 1, connection: 1 })
  })

  test('G7: of what waits when the socket goes, only what its driver says counts is handled', () => {
    const clock = new WorkingClock()
    const { connection, send, handled, ended } = connect(clock, new LoopShare(clock), 1, [], (message) => (message[0] ?? 0) % 5 === 0)
    send(...upTo(20))
    const atOnce = handled.length
    connection.closed(1001)
    clock.flush()
    assert.deepEqual(handled, [...upTo(atOnce), ...upTo(20).filter((message) => message >= atOnce && message % 5 === 0)])
    assert.deepEqual(ended, { driver: 1, connection: 1 })
  })

  test('G5: what waits behind a message that ends the connection is dropped, and the connection ends once', () => {
    const clock = new WorkingClock()
    const { connection, send, handled, ended, socket } = connect(clock, new LoopShare(clock), 1)
    send(0, 1, 2, 3, 255, 5, 6)
    connection.closed(1001)
    clock.flush()
    assert.deepEqual(handled, [0, 1, 2, 3, 255])
    assert.equal(socket.closeCode, 4400)
    assert.deepEqual(ended, { driver: 1, connection: 1 })
  })

  test('a connection that holds reading reads again when it is released and its inbox has emptied', () => {
    const clock = new WorkingClock()
    const { connection, send, socket } = connect(clock, new LoopShare(clock), 1)
    send(...upTo(5))
    connection.holdReading()
    clock.flush()
    assert.equal(socket.paused, true)
    connection.releaseReading()
    clock.flush()
    assert.equal(socket.paused, false)
  })
})
