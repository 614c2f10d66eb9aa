// The history of documents over HTTP, on the embedded store: read, compared, kept, restored while people type, forked, deleted; and what is refused.
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { seededRandom } from '../../core/random.js'
import { rootsOf } from '../../server/history/tasks/roots.js'
import { type Authorize, createServer, type ServerOptions, type WeftServer } from '../../server/index.js'
import { ApiClient, documentPath, type Json } from '../helpers/api-client.js'
import { randomHistory } from '../helpers/random-history.js'
import { eventually } from '../helpers/states.js'

const DOCUMENT = 'notes/today @ 10 — 文🧶'
const PATH = documentPath(DOCUMENT)

interface Scene {
  readonly server: WeftServer
  readonly api: ApiClient
}

async function start(context: TestContext, options: ServerOptions = {}): Promise<Scene> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'weft-history-'))
  const server = await createServer({ dataDir: folder, demo: false, logger: silentLogger, ...options })
  context.after(async () => {
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  await server.listen(0)
  return { server, api: new ApiClient(server.url) }
}

/** A client of ours with the document open and synced. */
async function open(
  context: TestContext,
  server: WeftServer,
  documentId = DOCUMENT,
  token = '',
): Promise<{ doc: Y.Doc; saved(): Promise<void> }> {
  const doc = new Y.Doc()
  const connection = connect(server.url.replace('http', 'ws'), { logger: silentLogger, token })
  context.after(async () => {
    await connection.close()
    doc.destroy()
  })
  const session = connection.open(documentId, doc)
  await session.synced
  return { doc, saved: () => session.saved() }
}

function stock(context: TestContext, server: WeftServer, documentId = DOCUMENT): { doc: Y.Doc; provider: WebsocketProvider } {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(server.url.replace('http', 'ws'), encodeURIComponent(documentId), doc, {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  context.after(() => {
    provider.destroy()
    doc.destroy()
  })
  return { doc, provider }
}

function sameAsReplay(updates: readonly Uint8Array[], update: Uint8Array): void {
  const [replayed, read] = [new Y.Doc(), new Y.Doc()]
  for (const one of updates) Y.applyUpdate(replayed, one)
  Y.applyUpdate(read, update)
  assert.deepEqual(rootsOf(read), rootsOf(replayed))
  assert.deepEqual(Y.encodeStateVector(read), Y.encodeStateVector(replayed))
  for (const doc of [replayed, read]) doc.destroy()
}

test('H1: the state at each seq equals a replay to it, before and after compaction', async (context) => {
  const { api, server } = await start(context, { tuning: { tailRowsMax: 20, tailBytesMin: 100 } })
  const { updates } = randomHistory(seededRandom(7), 150)
  // One request each, so that each is one row of the log.
  for (const update of updates) await api.expect('POST', `${PATH}/updates`, update)
  const { head, window } = await api.expect('GET', PATH)
  assert.deepEqual([head, window.seq], [updates.length, 1])
  await eventually('there is a snapshot to begin from', () => server.counters.get('compactions') > 0)
  await api.expect('POST', `${PATH}/versions`, { name: 'half way', at: 'seq:75' })
  for (let seq = 1; seq <= head; seq += 7) {
    const answer = await fetch(`${server.url}/api/v1${PATH}/content?format=update&at=seq:${seq}`)
    assert.equal(answer.headers.get('weft-seq'), String(seq))
    sameAsReplay(updates.slice(0, seq), new Uint8Array(await answer.arrayBuffer()))
  }
})

test('H2: a restore while a stock client, ours and one that was offline type: each root reads as then, with what was typed meanwhile, and all converge', async (context) => {
  const { server, api } = await start(context)
  const ours = await open(context, server)
  ours.doc.getText('body').insert(0, 'The first version. ')
  await ours.saved()
  await api.expect('POST', `${PATH}/versions`, { name: 'First', description: 'before the others came' })
  const other = stock(context, server)
  await eventually('the stock client has it', () => other.doc.getText('body').length > 0)
  const offline = new Y.Doc()
  Y.applyUpdate(offline, Y.encodeStateAsUpdate(ours.doc))
  ours.doc.getText('body').insert(0, 'Ruined! ')
  ours.doc.getMap('meta').set('late', true)
  await ours.saved()
  await eventually('the stock client sees it', () => other.doc.getMap('meta').get('late') === true)

  // All type while it is restored.
  let closes = 0
  other.provider.on('connection-close', () => {
    closes += 1
  })
  const restoring = api.expect('POST', `${PATH}/restore`, { at: '"First"' })
  other.doc.getText('notes').insert(0, 'stock ')
  ours.doc.getText('notes').insert(0, 'ours ')
  const report = await restoring
  assert.deepEqual([report.method, report.roots.includes('body'), report.roots.includes('meta')], ['undo', true, true])
  offline.getText('notes').insert(0, 'offline ')
  await api.expect('POST', `${PATH}/updates`, Y.encodeStateAsUpdate(offline))

  const reads = (doc: Y.Doc): boolean =>
    doc.getText('body').toString() === 'The first version. ' &&
    doc.getMap('meta').size === 0 &&
    ['stock', 'ours', 'offline'].every((word) => doc.getText('notes').toString().includes(word))
  await eventually('everybody reads what it was, and what was typed meanwhile', () => reads(ours.doc) && reads(other.doc))
  assert.equal(closes, 0, 'nobody was disconnected')

  // Taken back: to just before.
  const { items } = await api.expect('GET', `${PATH}/versions`)
  assert.deepEqual(
    items.map((version: { name: string }) => version.name),
    ['Before the restore of "First"', 'First'],
  )
  await api.expect('POST', `${PATH}/restore`, { at: `v${report.keptBefore}`, root: 'body' })
  await eventually('the text is as before the restore', () => other.doc.getText('body').toString() === 'Ruined! The first version. ')
  assert.equal((await api.expect('POST', `${PATH}/restore`, { at: 'now' })).method, 'nothing')
  offline.destroy()
})

test('H2, H5: who restores and who keeps is on record, and content is attributed by run and key', async (context) => {
  const byToken: Authorize = ({ token }) => ({ user: token === '' ? null : token, permission: 'read-write', admin: true })
  const { server } = await start(context, { authorize: byToken })
  const ada = await open(context, server, DOCUMENT, 'ada')
  ada.doc.getText('body').insert(0, 'Ada. ')
  await ada.saved()
  const ben = await open(context, server, DOCUMENT, 'ben')
  ben.doc.getText('body').insert(5, 'Ben.')
  ben.doc.getMap('meta').set('by', 'ben')
  await ben.saved()
  const cleo = new ApiClient(server.url, 'cleo')
  const kept = await cleo.expect('POST', `${PATH}/versions`, { name: 'Both' })
  assert.equal(kept.author, 'cleo')
  const { roots, users } = await cleo.expect('GET', `${PATH}/authors`)
  const body = roots.find((root: { name: string }) => root.name === 'body')
  assert.deepEqual(
    body.runs.map((run: { clientId: number; text: string }) => [users[run.clientId], run.text]),
    [
      ['ada', 'Ada. '],
      ['ben', 'Ben.'],
    ],
  )
  assert.equal(users[roots.find((root: { name: string }) => root.name === 'meta').keys.by], 'ben')
  await cleo.expect('POST', `${PATH}/restore`, { at: 'seq:1' })
  const { items } = await cleo.expect('GET', `${PATH}/changes`)
  assert.deepEqual([items.length, items[0].users, items[0].unknownAuthors], [1, ['ada', 'ben', 'cleo'], false])
})

test('what changed between two moments is told by words, by patch, and marked in rich text', async (context) => {
  const { api } = await start(context)
  const doc = new Y.Doc()
  const paragraph = new Y.XmlElement('paragraph')
  doc.getXmlFragment('doc').insert(0, [paragraph])
  const text = new Y.XmlText('A quiet <morning>')
  paragraph.insert(0, [text])
  doc.getMap('meta').set('title', 'Draft')
  await api.expect('PUT', PATH, Y.encodeStateAsUpdate(doc))
  const before = Y.encodeStateVector(doc)
  text.delete(2, 5)
  text.insert(2, 'loud')
  doc.getMap('meta').set('title', 'Final')
  await api.expect('POST', `${PATH}/updates`, Y.encodeStateAsUpdate(doc, before))
  const { roots } = await api.expect('GET', `${PATH}/diff?from=seq:1`)
  const rich = roots.find((root: { name: string }) => root.name === 'doc')
  assert.equal(rich.html, '<p>A <del>quiet</del><ins>loud</ins> &lt;morning&gt;</p>')
  assert.deepEqual(
    rich.words.filter((word: { change: string }) => word.change !== 'same'),
    [
      { change: 'removed', text: 'quiet' },
      { change: 'added', text: 'loud' },
    ],
  )
  assert.deepEqual(roots.find((root: { name: string }) => root.name === 'meta').patch, [{ op: 'replace', path: '/title', value: 'Final' }])
  const html = await api.ask('GET', `${PATH}/content?format=html&at=seq:1`)
  assert.equal(html.text, '<p>A quiet &lt;morning&gt;</p>')
  assert.match(html.headers.get('content-security-policy') ?? '', /sandbox/)
  assert.equal(await api.expect('GET', `${PATH}/content?format=markdown`), 'A loud \\<morning\\>\n')
  doc.destroy()
})

test('a script edits texts, maps and lists as a client does; If-Match says where it has to be', async (context) => {
  const { server, api } = await start(context)
  const client = await open(context, server)
  client.doc.getText('body').insert(0, 'Hello world')
  client.doc.getArray('list').insert(0, ['a', 'b'])
  await client.saved()
  const { head } = await api.expect('GET', PATH)
  const edit = {
    text: [{ root: 'body', at: 6, delete: 5, insert: 'Weft', attributes: { bold: true } }],
    patch: [
      { op: 'test', path: '/list/0', value: 'a' },
      { op: 'replace', path: '/list/0', value: { nested: [1] } },
      { op: 'add', path: '/list/-', value: 'c' },
      { op: 'add', path: '/meta/a~1b', value: 1 },
    ],
  }
  const done = await api.ask('POST', `${PATH}/updates`, edit, { 'if-match': `"${head}"` })
  assert.equal(done.status, 200)
  await eventually('connected editors see it', () => client.doc.getText('body').toString() === 'Hello Weft')
  assert.deepEqual(client.doc.getArray('list').toJSON(), [{ nested: [1] }, 'b', 'c'])
  assert.deepEqual(client.doc.getMap('meta').toJSON(), { 'a/b': 1 })
  assert.equal(await api.refusal('POST', `${PATH}/updates`, edit, { 'if-match': String(head) }), '412 superseded')
  client.doc.getMap('meta').set('title', new Y.Text('a title'))
  await client.saved()
  const moves = [
    { op: 'add', path: '/list/0/b', value: { y: 1, x: [2] } },
    { op: 'test', path: '/list/0', value: { b: { x: [2], y: 1 }, nested: [1] } },
    { op: 'move', from: '/list/0', path: '/list/-' },
    { op: 'copy', from: '/list/2/nested', path: '/meta/kept' },
    { op: 'add', path: '/list/2/nested/-', value: 2 },
    { op: 'move', from: '/meta/title', path: '/list/0' },
    { op: 'move', from: '/meta/a~1b', path: '/meta/c' },
  ]
  await api.expect('POST', `${PATH}/updates`, { patch: moves })
  await eventually('connected editors see what was moved and copied', () => client.doc.getArray('list').length === 4)
  assert.deepEqual(client.doc.getArray('list').toJSON(), ['a title', 'b', 'c', { nested: [1, 2], b: { x: [2], y: 1 } }])
  assert.deepEqual(client.doc.getMap('meta').toJSON(), { c: 1, kept: [1] })
  assert.ok(client.doc.getArray('list').get(0) instanceof Y.Text, 'it is a text still')
  for (const [wrong, says] of [
    [{ patch: [{ op: 'test', path: '/list/0', value: 'a' }] }, '409 edit-mismatch'],
    [{ patch: [{ op: 'remove', path: '/list/9' }] }, '409 edit-mismatch'],
    [{ patch: [{ op: 'add', path: '/body/x', value: 1 }] }, '409 edit-mismatch'],
    [{ patch: [{ op: 'add', path: 'list', value: 1 }] }, '409 edit-mismatch'],
    [{ patch: [{ op: 'move', path: '/list/0' }] }, '400 malformed'],
    [{ patch: [{ op: 'move', from: '/list/3', path: '/list/3/nested/0' }] }, '409 edit-mismatch'],
    [{ patch: [{ op: 'copy', from: '/list/9', path: '/list/0' }] }, '409 edit-mismatch'],
    [{ patch: [{ op: 'copy', from: '/nothing/here', path: '/list/0' }] }, '409 edit-mismatch'],
    [{ text: [{ root: 'body', at: 99 }] }, '409 edit-mismatch'],
    [{ text: [{ root: 'list', at: 0, insert: 'x' }] }, '409 edit-mismatch'],
    [{}, '400 malformed'],
  ] as const)
    assert.equal(await api.refusal('POST', `${PATH}/updates`, wrong), says, JSON.stringify(wrong))
  assert.equal(await api.refusal('POST', `${PATH}/updates`, Uint8Array.of(1, 2, 3)), '400 malformed-update')
})

test('H4: a deleted document is gone with its history, who had it open is told, and its name begins anew', async (context) => {
  const { server, api } = await start(context)
  const doc = new Y.Doc()
  const connection = connect(server.url.replace('http', 'ws'), { logger: silentLogger })
  context.after(() => connection.close())
  const session = connection.open(DOCUMENT, doc)
  await session.synced
  doc.getText('body').insert(0, 'x')
  await session.saved()
  await api.expect('POST', `${PATH}/versions`, { name: 'kept' })
  assert.deepEqual(await api.expect('DELETE', PATH), { head: 1, versions: 1 })
  await eventually('its session is told', () => session.status.state === 'refused')
  assert.equal(await api.refusal('GET', PATH), '404 no-such-document')
  assert.equal(await api.refusal('GET', `${PATH}/versions`), '404 no-such-document')
  assert.equal(await api.refusal('DELETE', PATH), '404 no-such-document')
  assert.deepEqual((await api.expect('GET', '/documents')).items, [])
  assert.equal((await api.expect('PUT', PATH, Y.encodeStateAsUpdate(doc))).seq, 1)
  doc.destroy()
})

test('G5: moments that are not there are refused with what there is, and bad requests with what is wrong', async (context) => {
  const { api } = await start(context)
  const doc = new Y.Doc()
  doc.getText('t').insert(0, 'x')
  await api.expect('PUT', PATH, Y.encodeStateAsUpdate(doc))
  doc.destroy()
  for (const [at, says] of [
    ['seq:2', '404 moment-gone'],
    ['seq:0', '404 moment-gone'],
    ['v1', '404 moment-gone'],
    ['"nothing"', '404 moment-gone'],
    ['2001-01-01T00:00:00Z', '404 moment-gone'],
    ['-9999d', '404 moment-gone'],
    ['yesterday', '400 malformed'],
    ['seq:x', '400 malformed'],
  ] as const)
    assert.equal(await api.refusal('GET', `${PATH}/content?at=${encodeURIComponent(at)}`), says, at)
  const { body } = await api.ask('GET', `${PATH}/content?at=seq:2`)
  assert.match(body.detail, /from seq 1 .* through seq 1 /)
  assert.equal(await api.refusal('GET', `${documentPath('nobody')}/content`), '404 no-such-document')
  assert.equal(await api.refusal('PUT', PATH, Uint8Array.of(0, 0)), '409 document-exists')
  assert.equal(await api.refusal('POST', `${PATH}/fork`, { into: DOCUMENT }), '409 document-exists')
  assert.equal(await api.refusal('POST', `${PATH}/fork`, { into: 'x'.repeat(513) }), '400 malformed')
  assert.equal(await api.refusal('POST', `${PATH}/versions`, { name: ' ' }), '400 malformed')
  assert.equal(await api.refusal('POST', `${PATH}/restore`, { at: 'now', root: 'nowhere' }), '422 not-restorable')
  assert.equal(await api.refusal('DELETE', `${PATH}/versions/7`), '404 moment-gone')
  assert.equal(await api.refusal('GET', '/documents?limit=0'), '400 malformed')
  const { seq } = await api.expect('POST', `${PATH}/fork`, { into: 'a fork' })
  assert.equal(seq, 1)
  assert.equal(await api.expect('GET', '/documents/a%20fork/content?format=text'), 'x')
})

test('G5: every route that is about a document says so when there is none, when its id cannot be one, and when its moment or version is gone', async (context) => {
  const { api, server } = await start(context)
  const description: Json = await (await fetch(`${server.url}/api/openapi.json`)).json()
  const bodies: Record<string, unknown> = {
    'put archive': new Uint8Array(3),
    put: Uint8Array.of(0, 0),
    'post updates': { text: [{ root: 'body', at: 0, insert: 'x' }] },
    'post versions': { name: 'x' },
    'patch versions/{seq}': { name: 'x' },
    'post restore': { at: 'now' },
    'post fork': { into: 'a copy' },
    'post quarantine': {},
    'post messages': { payload: 'x' },
  }
  /** Those that begin a document, that are about whoever is there, or about a file. */
  const withoutDocument: Record<string, string> = {
    put: '201',
    'post updates': '200',
    'put archive': '400 malformed',
    'get presence': '200',
    'post messages': '200',
    'delete sessions': '200',
  }
  await api.expect('POST', `${PATH}/updates`, { text: [{ root: 'body', at: 0, insert: 'x' }] })
  const ask = async (method: string, rest: string, id: string, query = ''): Promise<string> => {
    const path = `${documentPath(id)}${rest === '' ? '' : `/${rest.replace('{seq}', '7')}`}${query}`
    const { status, body } = await api.ask(method.toUpperCase(), path, bodies[`${method} ${rest}`.trim()])
    return status < 300 ? String(status) : `${status} ${body.code}`
  }
  let routes = 0
  for (const [path, methods] of Object.entries<Json>(description.paths)) {
    const rest = /^\/api\/v1\/documents\/\{id\}\/?(.*)$/.exec(path)?.[1]
    if (rest === undefined) continue
    for (const method of Object.keys(methods)) {
      routes += 1
      const name = `${method} ${rest}`.trim()
      const query: string = method === 'get' && rest === 'diff' ? '?from=seq:1&to=now' : ''
      assert.equal(await ask(method, rest, `nobody/${routes}`, query), withoutDocument[name] ?? '404 no-such-document', name)
      assert.equal(await ask(method, rest, 'x'.repeat(513), query), '400 invalid-document-id', name)
      assert.equal(await api.refusal('OPTIONS', `${PATH}/${rest}`.replace(/\/$/, '').replace('{seq}', '7')), '405 method-not-allowed', name)
      if (rest === 'versions/{seq}') assert.equal(await ask(method, rest, DOCUMENT), '404 moment-gone', name)
    }
  }
  assert.ok(routes >= 17, `${routes} routes are about documents`)
  for (const at of ['seq:9', 'v3', '"gone"', '-900d']) {
    const query = `?at=${encodeURIComponent(at)}`
    for (const rest of ['content', 'authors']) assert.equal(await ask('get', rest, DOCUMENT, query), '404 moment-gone', `${rest}@${at}`)
    assert.equal(await ask('get', 'diff', DOCUMENT, `?from=${encodeURIComponent(at)}`), '404 moment-gone')
    for (const [rest, body] of [
      ['versions', { name: 'x', at }],
      ['restore', { at }],
      ['fork', { into: 'a copy', at }],
    ] as const)
      assert.equal(await api.refusal('POST', `${PATH}/${rest}`, body), '404 moment-gone', `${rest}@${at}`)
  }
  assert.equal(await api.refusal('GET', documentPath('a copy')), '404 no-such-document')
})

test('G6: reading takes read, editing write, and history, restoring and deleting admin', async (context) => {
  const authorize: Authorize = ({ token }) => ({
    user: token,
    permission: token === 'reader' ? 'read-only' : 'read-write',
    admin: token === 'admin',
  })
  const { server } = await start(context, { authorize })
  const as = (token: string): ApiClient => new ApiClient(server.url, token)
  const doc = new Y.Doc()
  doc.getText('t').insert(0, 'x')
  const update = Y.encodeStateAsUpdate(doc)
  await as('writer').expect('PUT', PATH, update)
  doc.destroy()
  const requests: readonly [string, string, unknown, 'read' | 'write' | 'admin'][] = [
    ['GET', PATH, undefined, 'read'],
    ['GET', `${PATH}/content`, undefined, 'read'],
    ['GET', `${PATH}/presence`, undefined, 'read'],
    ['POST', `${PATH}/updates`, update, 'write'],
    ['GET', `${PATH}/content?at=seq:1`, undefined, 'admin'],
    ['GET', `${PATH}/versions`, undefined, 'admin'],
    ['POST', `${PATH}/versions`, { name: 'v' }, 'admin'],
    ['GET', `${PATH}/changes`, undefined, 'admin'],
    ['GET', `${PATH}/authors`, undefined, 'admin'],
    ['GET', `${PATH}/diff?from=seq:1`, undefined, 'admin'],
    ['POST', `${PATH}/restore`, { at: 'now' }, 'admin'],
    ['GET', '/documents', undefined, 'admin'],
    ['DELETE', PATH, undefined, 'admin'],
  ]
  const may = { reader: ['read'], writer: ['read', 'write'], admin: ['read', 'write', 'admin'] }
  for (const [method, address, body, right] of requests)
    for (const [token, rights] of Object.entries(may)) {
      const { status } = await as(token).ask(method, address, body)
      assert.equal(status === 403, !rights.includes(right), `${method} ${address} as ${token}: ${status}`)
    }
})

test('the description of the API names every route, and each schema that it speaks of', async (context) => {
  const { server } = await start(context)
  const description: Json = await (await fetch(`${server.url}/api/openapi.json`)).json()
  const paths = Object.keys(description.paths)
  for (const one of ['content', 'updates', 'versions', 'diff', 'changes', 'authors', 'restore', 'fork', 'presence'])
    assert.ok(paths.includes(`/api/v1/documents/{id}/${one}`), one)
  for (const [, name] of JSON.stringify(description).matchAll(/"#\/components\/schemas\/(\w+)"/g))
    assert.ok(description.components.schemas[name ?? ''] !== undefined, name)
  const page = await (await fetch(`${server.url}/api/docs`)).text()
  for (const one of paths) assert.ok(page.includes(`<code>${one}</code>`), `${one} is on the page`)
  for (const [, target] of page.matchAll(/href="#([^"]+)"/g)) assert.ok(page.includes(`id="${target}"`), `${target} is on the page`)
})

test('G5: documents are listed by their last change, in pages, also while they change', async (context) => {
  const { api, server } = await start(context)
  const ids = Array.from({ length: 23 }, (_, index) => `list/${(index * 7) % 23}`)
  const write = (id: string): Promise<Json> =>
    api.expect('POST', `${documentPath(id)}/updates`, { text: [{ root: 'body', at: 0, insert: 'x' }] })
  for (const id of ids) await write(id)
  await write('elsewhere')
  const listed = async (limit: number): Promise<readonly { documentId: string; updatedAt: number }[]> => {
    const found = []
    for (let after = ''; ; ) {
      const page = await api.expect('GET', `/documents?sort=changed&prefix=list/&limit=${limit}${after}`)
      found.push(...page.items)
      if (page.next === null) return found
      after = `&after=${encodeURIComponent(page.next)}`
    }
  }
  const expected = [...((await server.history?.documents({ prefix: 'list/', limit: 100 }))?.items ?? [])].sort(
    (one, other) => other.updatedAt - one.updatedAt || (one.documentId < other.documentId ? -1 : 1),
  )
  assert.equal(expected.length, 23)
  for (const limit of [1, 4, 23, 1_000]) assert.deepEqual(await listed(limit), expected, `in pages of ${limit}`)
  await write('list/3')
  assert.equal((await listed(5))[0]?.documentId, 'list/3')
  assert.equal(await api.refusal('GET', '/documents?sort=changed&after=list/3'), '400 malformed')
})

test('H2: our client keeps, lists and restores versions of the document that it has open, what it typed a moment ago included', async (context) => {
  const admin: Authorize = ({ token }) =>
    token === 'admin' ? { permission: 'read-write', user: 'ann', admin: true } : { permission: 'read-write', user: 'bob' }
  const { server } = await start(context, { authorize: admin, basePath: '/collab' })
  const docs = [new Y.Doc(), new Y.Doc()]
  const tokens = ['admin', 'other']
  const sessions = docs.map((doc, index) => {
    const connection = connect(`${server.url.replace('http', 'ws')}/collab`, {
      logger: silentLogger,
      token: async () => tokens[index] ?? '',
    })
    context.after(() => connection.close())
    return connection.open(DOCUMENT, doc)
  })
  const [ours, others] = sessions
  assert.ok(ours !== undefined && others !== undefined)
  await Promise.all(sessions.map((session) => session.synced))
  docs[0]?.getText('t').insert(0, 'first')
  assert.equal((await ours.keep('draft', { description: 'of it' })).name, 'draft')
  docs[0]?.getText('t').insert(0, 'typed a moment ago ')
  const done = await ours.restore('"draft"')
  assert.deepEqual([done.method, done.roots], ['undo', ['t']])
  for (const doc of docs) await eventually('all read as then', () => doc.getText('t').toString() === 'first')
  const { items, next } = await ours.versions()
  assert.deepEqual(
    [items.map(({ name, author }) => [name, author]), next],
    [
      [
        ['Before the restore of "draft"', 'ann'],
        ['draft', 'ann'],
      ],
      null,
    ],
  )
  assert.equal((await ours.versions({ limit: 1 })).next, items[0]?.seq)
  await assert.rejects(others.versions(), { name: 'RefusedError', code: 'forbidden', closeCode: 4403 })
  await assert.rejects(ours.restore('v9999'), { name: 'RefusedError', code: 'moment-gone' })
})
