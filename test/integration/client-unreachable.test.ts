// What a client says that gets to no Weft server: which address it asked, and why nothing came of it, once.
import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { freePort } from '../helpers/free-port.js'
import { eventually } from '../helpers/states.js'

/** The reason that a session gives, and what was logged, once it has tried again. */
async function triedAt(url: string): Promise<{ readonly reason: string; readonly warnings: readonly object[] }> {
  const warnings: object[] = []
  const connection = connect(url, {
    logger: { ...silentLogger, warn: (fields) => void warnings.push(fields) },
    backoff: { baseMs: 1, capMs: 2 },
  })
  const doc = new Y.Doc()
  const session = connection.open('a', doc)
  session.synced.catch(() => {})
  const reasons: string[] = []
  connection.on('status', (status) => {
    if (status.state === 'offline') reasons.push(status.reason)
  })
  await eventually('it to be offline', () => session.status.state === 'offline')
  const { status } = session
  connection.retry()
  await connection.close()
  doc.destroy()
  return { reason: status.state === 'offline' ? status.reason : '', warnings }
}

test('a server that is not there: the reason names the address and what the system said, and the log has it', async () => {
  const port = await freePort()
  const { reason, warnings } = await triedAt(`ws://127.0.0.1:${port}`)
  assert.equal(reason, `http://127.0.0.1:${port}/api/v1/connections cannot be reached: ECONNREFUSED.`)
  assert.deepEqual(warnings, [{ reason }])
})

test('another program at that address: the reason names the address and its answer', async (context) => {
  const other = createHttpServer((_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>'))
  context.after(() => void other.close())
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const { reason } = await triedAt(`http://127.0.0.1:${port}/app`)
  assert.equal(reason, `http://127.0.0.1:${port}/app/api/v1/connections answered with HTTP 200.`)
})
