// An operator stops a node over the API: it ends by itself with exit code 0, and nothing that was acknowledged is lost.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { ServerProcess } from '../helpers/server-process.js'
import { until } from '../helpers/until.js'

test('G4: a drain over the API takes the right "admin", ends the process cleanly, and loses nothing', async (context) => {
  const token = 'the-key-of-the-operator'
  const server = await ServerProcess.start({ flags: ['--admin-key', token] })
  context.after(() => server.dispose())
  const connection = connect(server.webSocketUrl, { token, logger: silentLogger })
  const doc = new Y.Doc()
  context.after(async () => {
    await connection.close()
    doc.destroy()
  })
  const session = connection.open('notes', doc)
  doc.getText('body').insert(0, 'acknowledged')
  await session.saved()
  const drain = (bearer: string): Promise<Response> =>
    fetch(`${server.url}/api/v1/admin/drain`, { method: 'POST', headers: { Authorization: `Bearer ${bearer}` } })
  assert.equal((await drain('another-key-of-nobody')).status, 401)
  assert.deepEqual(await (await drain(token)).json(), { draining: true })
  await until(() => !server.running, 'the process has ended')
  assert.equal(server.exitCode, 0)
  doc.getText('body').insert(0, 'typed meanwhile, ')
  await server.restart()
  await session.saved()
  const again = connect(server.webSocketUrl, { token, logger: silentLogger })
  const read = new Y.Doc()
  await again.open('notes', read).synced
  assert.equal(read.getText('body').toString(), 'typed meanwhile, acknowledged')
  await again.close()
  read.destroy()
})
