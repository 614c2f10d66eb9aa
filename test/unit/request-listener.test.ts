// Requests that arrive at once share the event loop with everybody else.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { defaultLimits } from '../../core/limits.js'
import { MemoryBudget } from '../../core/memory-budget.js'
import { createRequestListener } from '../../server/api/request-listener.js'
import { ManualClock } from '../helpers/manual-clock.js'
import { eventually } from '../helpers/states.js'

test('G7: requests that arrive at once are begun in several turns of the event loop, in order, and all are answered', async (t) => {
  const clock = new ManualClock()
  const begun: string[] = []
  const application = (request: Request): Promise<Response> => {
    begun.push(new URL(request.url).pathname)
    clock.standStill(1)
    return Promise.resolve(new Response('yes'))
  }
  const memory = new MemoryBudget(defaultLimits.memoryBytesMax).account('answers')
  const listener = createRequestListener(application, { clock, limits: defaultLimits, memory })
  let arrived = 0
  const server = createServer((request, response) => {
    arrived += 1
    listener(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.after(() => {
    socket.destroy()
    server.close()
  })
  let received = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    received += text
  })
  const paths = Array.from({ length: 20 }, (_, index) => `/${index}`)
  socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`).join(''))
  await eventually('all have arrived', () => arrived === 20)
  assert.ok(begun.length >= 1 && begun.length <= 5, `${begun.length} in the first turn`)
  for (let turns = 0; begun.length < 20; turns++) {
    assert.ok(turns < 20)
    const before = begun.length
    clock.turn()
    assert.ok(begun.length - before <= 5, `${begun.length - before} in a turn`)
  }
  assert.deepEqual(begun, paths)
  await eventually('all are answered', () => received.split('HTTP/1.1 200').length === 21)
})
