// What the API says to somebody who asks wrongly, and what a command makes of it: which part was wrong, and what is taken there.
import { strict as assert } from 'node:assert'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import * as Y from 'yjs'
import { ApiClient, documentPath } from '../helpers/api-client.js'
import { startLocalServer } from '../helpers/local-server.js'
import { runCommand } from '../helpers/run-command.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'

const PATH = documentPath('notes/today')

test('a request that is wrong is told which part, and what is taken there', async (context) => {
  const { server } = await startLocalServer()
  context.after(() => server.close())
  const api = new ApiClient(server.url)
  await api.expect('POST', `${PATH}/updates`, { text: [{ root: 'body', at: 0, insert: 'x' }] })
  const cases: readonly [string, string, unknown, number, string][] = [
    ['GET', '/documents?limit=0', undefined, 400, 'limit has to be 1 at least.'],
    ['GET', '/documents?limit=many', undefined, 400, 'limit takes a number.'],
    ['GET', '/documents?sort=size', undefined, 400, 'sort takes one of: id, changed.'],
    ['GET', `${PATH}/diff`, undefined, 400, 'from is missing.'],
    ['POST', `${PATH}/versions`, {}, 400, 'name is missing.'],
    ['POST', `${PATH}/versions`, { name: ' ' }, 400, 'name is empty.'],
    ['POST', `${PATH}/versions`, { name: 'x'.repeat(201) }, 400, 'name has to be 200 characters long at most.'],
    ['POST', `${PATH}/messages`, { payload: 3 }, 400, 'payload takes a text.'],
    ['POST', `${PATH}/updates`, { patch: {} }, 400, 'patch takes a list.'],
    [
      'POST',
      `${PATH}/updates`,
      { patch: [{ op: 'swap', path: '/a/b' }] },
      400,
      'patch.0.op takes one of: add, replace, test, remove, move, copy.',
    ],
    ['POST', '/webhooks', { url: 'ftp://x' }, 400, 'url: takes a web address.'],
    ['POST', '/keys', { name: 'x' }, 400, 'documents is missing.'],
    ['PATCH', `${PATH}/versions/1`, {}, 400, 'The request: it takes a name, a description, or both.'],
    [
      'GET',
      '/documents/notes/today',
      undefined,
      404,
      'There is nothing at this address. A document id is one segment of the path: encode each / in it as %2F, as in /api/v1/documents/notes%2Ftoday.',
    ],
    ['GET', '/elsewhere', undefined, 404, 'There is nothing at this address.'],
  ]
  for (const [method, address, body, status, detail] of cases) {
    const answer = await api.ask(method, address, body)
    assert.deepEqual([answer.status, answer.body.detail], [status, detail], `${method} ${address}`)
  }
  const doc = new Y.Doc()
  doc.getText('body').insert(0, 'x')
  const inOtherEncoding = await api.ask('PUT', documentPath('new'), Y.encodeStateAsUpdateV2(doc))
  assert.match(inOtherEncoding.body.detail, /It takes one update of Yjs in its v1 encoding, as Y\.encodeStateAsUpdate makes it\.$/)
  const early = await api.ask('GET', `${PATH}/content?at=-15m`)
  assert.match(early.body.detail, /^The document began at \d{4}-.*Z; there is nothing of it from before\.$/)
})

test('a version that is renamed keeps what is not said anew, and who kept it', async (context) => {
  const adminKey = 'the-key-of-the-operator'
  const { server } = await startLocalServer({ access: { adminKey } })
  context.after(() => server.close())
  const admin = new ApiClient(server.url, adminKey)
  const { secret } = await admin.expect('POST', '/keys', { name: 'script', documents: { '**': 'admin' }, user: 'ada' })
  const api = new ApiClient(server.url, secret)
  await api.expect('POST', `${PATH}/updates`, { text: [{ root: 'body', at: 0, insert: 'x' }] })
  await api.expect('POST', `${PATH}/versions`, { name: 'First', description: 'of Monday' })
  const named = async (body: object): Promise<readonly unknown[]> => {
    const { name, description, author } = await admin.expect('PATCH', `${PATH}/versions/1`, body)
    assert.equal(author, 'ada')
    return [name, description]
  }
  assert.deepEqual(await named({ name: 'Second' }), ['Second', 'of Monday'])
  assert.deepEqual(await named({ description: 'of Tuesday' }), ['Second', 'of Tuesday'])
  assert.deepEqual(await named({ description: null }), ['Second', null])
  assert.equal(await api.refusal('PATCH', `${PATH}/versions/7`, { description: 'x' }), '404 moment-gone')
})

test('X2: whoever lacks a right on many documents is told which, and a 401 says what to show', async (context) => {
  const { server } = await startLocalServer({ access: { adminKey: 'the-key-of-the-operator' } })
  context.after(() => server.close())
  const { key, ticket } = await (async () => {
    const admin = new ApiClient(server.url, 'the-key-of-the-operator')
    const { secret } = await admin.expect('POST', '/keys', { name: 'script', documents: { 'wiki/**': 'read' } })
    return { key: new ApiClient(server.url, secret), ticket: { user: 'ada', documents: { 'notes/**': 'read' } } }
  })()
  const detailOf = async (method: string, address: string, body?: unknown): Promise<string> =>
    (await key.ask(method, address, body)).body.detail
  assert.equal(await detailOf('GET', '/documents'), 'This is about all documents: it takes a right on the pattern "**", and you have none.')
  assert.equal(await detailOf('GET', '/documents?prefix=wiki/'), 'This takes the right "admin" on the pattern "wiki/**".')
  assert.equal(
    await detailOf('POST', '/tickets', ticket),
    'This is about all documents whose ids begin so: it takes a right on the pattern "notes/**", and you have none.',
  )
  const stranger = await new ApiClient(server.url).ask('GET', PATH)
  assert.deepEqual([stranger.status, stranger.headers.get('www-authenticate')], [401, 'Bearer'])
})

test('commands name the document that is not there, and leave nothing behind where there is no server', async (context) => {
  const { server } = await startLocalServer()
  context.after(() => server.close())
  const folder = temporaryFolder(context)
  const said = async (...args: readonly string[]): Promise<string> => (await runCommand(args)).stderr
  const target = ['--url', server.url]
  assert.equal(await said('show', 'notes/none', ...target), 'weft: There is no document "notes/none".\n')
  assert.match(
    await said('show', 'notes/none@friday', ...target),
    /^weft: There is no document "notes\/none@friday"\. What stands behind its @ counts as a moment/,
  )
  await new ApiClient(server.url).expect('POST', `${PATH}/updates`, { text: [{ root: 'body', at: 0, insert: 'x' }] })
  assert.equal((await runCommand(['check', ...target])).stdout, '1 document checked, nothing is wrong.\n')
  const exported = path.join(folder, 'export')
  assert.match(await said('export', '--to', exported, '--data', path.join(folder, 'none')), /There is no data folder/)
  assert.equal(existsSync(exported), false)
})
