// Stopping a node whose store takes nothing any more: it ends, in bounded time, with nothing acknowledged that is not durable.

import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { defaultLimits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import { seededRandom } from '../../core/random.js'
import { MemoryStore } from '../../persistence/index.js'
import { decodeWeftServer, encodeWeftClient, type WeftClientMessage } from '../../protocol/dialects/weft.js'
import { allowEverybody } from '../../server/access/authorize.js'
import { LifeCycle } from '../../server/composition/life-cycle.js'
import { ServerNode } from '../../server/composition/node.js'
import { InProcessCompactor } from '../../server/document/compaction.js'
import { defaultTuning } from '../../server/document/tuning.js'
import { weftDialect } from '../../server/gateway/dialects/weft-driver.js'
import type { Socket } from '../../server/transport/socket.js'
import { FaultyStore } from '../helpers/faulty-store.js'
import { ManualClock } from '../helpers/manual-clock.js'
import { editOf } from '../helpers/owner-bench.js'

test('G4, D1: a drain ends although every commit fails; what was not committed is not acknowledged', async () => {
  const clock = new ManualClock()
  const store = new FaultyStore(new MemoryStore({ clock }))
  for (let time = 0; time < 1_000; time++) store.failBefore('append')
  const node = new ServerNode({
    store,
    compactor: new InProcessCompactor(),
    clock,
    random: seededRandom(1),
    limits: defaultLimits,
    logger: silentLogger,
    authorize: allowEverybody,
    closeSessions: async () => {},
    broadcast: 'after-commit',
    tuning: defaultTuning,
    onFatal: () => {},
  })
  const lifeCycle = new LifeCycle({ clock, logger: silentLogger })
  await lifeCycle.start(node.components)
  const heard: string[] = []
  let closeCode = 0
  const socket: Socket = {
    bufferedBytes: 0,
    send: (parts, onSent) => {
      heard.push(decodeWeftServer(Buffer.concat(parts)).type)
      clock.soon(onSent)
    },
    ping: () => {},
    pause: () => {},
    resume: () => {},
    close: (code) => {
      closeCode = code
      clock.soon(() => events.closed(code))
    },
    terminate: () => clock.soon(() => events.closed(1006)),
  }
  const events = node.gateway.accept(socket, { dialect: weftDialect, target: '/', origin: null, address: null, protocols: [], headers: {} })
  const say = (message: WeftClientMessage): void => events.message(Buffer.concat(encodeWeftClient(message)))
  say({ type: 'hello', agent: 'test', token: '' })
  say({ type: 'open', channel: 1, documentId: 'doc', token: '', known: { kind: 'nothing' } })
  await clock.settle()
  say({ type: 'submit', channel: 1, submission: 1, update: editOf('never stored', 1) })
  await clock.advanceAsync(1_000)
  const stopping = lifeCycle.end(0)
  await clock.advanceAsync(60_000)
  await stopping
  assert.equal(clock.timerCount, 0)
  assert.equal(closeCode, 1012)
  assert.ok(!heard.includes('acknowledged'), heard.join())
})
