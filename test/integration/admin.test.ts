// What operators see over the API and who may see it: rights, pages of others, bounds, the admin page's files, and the port of their own.
import { strict as assert } from 'node:assert'
import http from 'node:http'
import { type TestContext, test } from 'node:test'
import WebSocket from 'ws'
import * as Y from 'yjs'
import { connect, type DocumentSession } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import type { ServerOptions } from '../../server/index.js'
import { ApiClient } from '../helpers/api-client.js'
import { type LocalServer, startLocalServer } from '../helpers/local-server.js'
import { RawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const adminKey = 'the-key-of-the-operator'

async function start(context: TestContext, options: ServerOptions = { access: { adminKey } }): Promise<LocalServer> {
  const local = await startLocalServer(options)
  context.after(() => local.server.close())
  return local
}

function open(context: TestContext, url: string, token: string, documentId: string): DocumentSession {
  const connection = connect(url, { token, logger: silentLogger })
  const doc = new Y.Doc()
  context.after(async () => {
    await connection.close()
    doc.destroy()
  })
  return connection.open(documentId, doc)
}

/** As a browser or a proxy sends it: with headers that `fetch` does not let a program set. Answers the status. */
function statusOf(url: string, headers: http.OutgoingHttpHeaders, method = 'GET'): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    request.on('error', reject)
    request.end()
  })
}

test('X2: what operators see takes the right "admin" on everything, and says who is here, how far behind, and with which rights', async (context) => {
  const { server, webSocketUrl } = await start(context)
  const operator = new ApiClient(server.url, adminKey)
  const { secret: writer } = await operator.expect('POST', '/keys', { name: 'w', user: 'ada', documents: { 'notes/**': 'write' } })
  const { secret: reader } = await operator.expect('POST', '/keys', {
    name: 'r',
    user: 'ben',
    documents: { '**': 'read' },
    lifetimeMs: 60_000,
  })
  const { secret: half } = await operator.expect('POST', '/keys', { name: 'h', documents: { 'notes/**': 'admin' } })
  for (const path of ['/admin/overview', '/admin/sessions']) {
    assert.equal(await new ApiClient(server.url).refusal('GET', path), '401 unauthenticated')
    for (const token of [writer, reader, half]) assert.equal(await new ApiClient(server.url, token).refusal('GET', path), '403 forbidden')
  }
  assert.equal(await new ApiClient(server.url, half).refusal('POST', '/admin/drain'), '403 forbidden')

  const ada = open(context, webSocketUrl, writer, 'notes/today')
  const ben = open(context, webSocketUrl, reader, 'notes/today')
  await Promise.all([ada.synced, ben.synced])
  const { items, total, node } = await operator.expect('GET', '/admin/sessions')
  assert.equal(total, 2)
  const byUser = (user: string) => items.find((session: { user: string }) => session.user === user)
  assert.deepEqual([byUser('ada').permission, byUser('ada').admin, byUser('ada').expiresAt], ['read-write', false, null])
  assert.equal(byUser('ada').lag.state, 'live')
  assert.equal(byUser('ben').permission, 'read-only')
  assert.ok(byUser('ben').expiresAt > Date.now())
  for (const find of ['ben', byUser('ben').sessionId])
    assert.deepEqual((await operator.expect('GET', `/admin/sessions?find=${encodeURIComponent(find)}`)).items.length, 1)
  assert.equal((await operator.expect('GET', '/admin/sessions?find=notes%2Ftoday')).items.length, 2)
  assert.equal((await operator.expect('GET', '/admin/sessions?find=be')).items.length, 0)

  ada.doc.getText('body').insert(0, 'x')
  await ada.saved()
  await open(context, webSocketUrl, reader, 'secret').synced
  await assert.rejects(open(context, webSocketUrl, writer, 'secret').synced, { code: 'forbidden' })
  const overview = await operator.expect('GET', '/admin/overview')
  assert.equal(overview.node.boot, node.boot)
  assert.deepEqual([overview.node.mode, overview.node.ready, overview.node.redis], ['alone', true, 'none'])
  assert.deepEqual([overview.nodes.length, overview.nodes[0].ownedShards, overview.shards.unowned], [1, 1024, 0])
  assert.equal(overview.totals.sessions, 3)
  const refusal = overview.refusals.find((one: { documentId: string }) => one.documentId === 'secret')
  assert.deepEqual([refusal.act, refusal.code], ['session', 'forbidden'])
  assert.ok(overview.refusals.some((one: { act: string; user: string }) => one.act === 'GET /api/v1/admin/overview' && one.user === 'ben'))
  assert.ok(overview.memory.countedBytes > 0)

  await until(async () => {
    const { busiest, samples } = await operator.expect('GET', '/admin/overview')
    return (
      samples.through >= 2 &&
      busiest.some((one: { documentId: string; sessions: number }) => one.documentId === 'notes/today' && one.sessions === 2)
    )
  }, 'the edit is among what is busy, and samples are there')
  const { samples } = await operator.expect('GET', '/admin/overview')
  assert.ok(samples.editsPerSecond.some((rate: number) => rate > 0))
  for (const [name, column] of Object.entries(samples)) if (Array.isArray(column)) assert.equal(column.length, samples.at.length, name)
  const newer = await operator.expect('GET', `/admin/overview?samplesAfter=${samples.through}`)
  assert.ok(newer.samples.at.length <= 1)
})

test('G1: what is listed has a bound, and whoever asks past it is told of it', async (context) => {
  const { server, webSocketUrl } = await start(context)
  const operator = new ApiClient(server.url, adminKey)
  assert.equal(await operator.refusal('GET', '/admin/sessions?limit=501'), '400 malformed')
  assert.equal(await operator.refusal('GET', '/admin/overview?samplesAfter=-1'), '400 malformed')
  assert.equal(await operator.refusal('GET', `/admin/sessions?find=${'x'.repeat(601)}`), '400 malformed')
  const client = connect(webSocketUrl, { token: adminKey, logger: silentLogger })
  const docs = Array.from({ length: 12 }, () => new Y.Doc())
  await Promise.all(docs.map((doc, index) => client.open(`d${index}`, doc).synced))
  const { items, total } = await operator.expect('GET', '/admin/sessions?limit=5')
  assert.deepEqual([items.length, total], [5, 12])
  for (let index = 0; index < 150; index++) await new ApiClient(server.url, `no key ${index}`).ask('GET', `/documents/x${index}/versions`)
  assert.equal((await operator.expect('GET', '/admin/overview')).refusals.length, 100)
  await client.close()
  for (const doc of docs) doc.destroy()
})

test('X6: pages of other sites, and of other hosts of the same site, may use nothing of what is for operators, and those that were allowed may', async (context) => {
  const { server } = await start(context, { access: { adminKey, allowedOrigins: ['https://ops.example.com'], tokenCookie: 'token' } })
  const { host } = new URL(server.url)
  const overview = `${server.url}/api/v1/admin/overview`
  const shown = { Authorization: `Bearer ${adminKey}` }
  const fromPage = (origin: string, site?: string) => ({
    ...shown,
    Origin: origin,
    ...(site === undefined ? {} : { 'Sec-Fetch-Site': site }),
  })
  assert.equal(await statusOf(overview, shown), 200)
  assert.equal(await statusOf(overview, { ...shown, 'Sec-Fetch-Site': 'none' }), 200)
  assert.equal(await statusOf(overview, fromPage(`http://${host}`, 'same-origin')), 200)
  assert.equal(await statusOf(overview, fromPage(`http://${host}`)), 200)
  assert.equal(await statusOf(overview, fromPage('https://ops.example.com', 'cross-site')), 200)
  for (const [origin, site] of [
    ['https://evil.example.com', 'cross-site'],
    ['https://evil.example.com', 'same-site'],
    ['https://evil.example.com', undefined],
    ['null', 'cross-site'],
  ] as const) {
    assert.equal(await statusOf(overview, fromPage(origin, site)), 403, `${origin} ${site}`)
    assert.equal(
      await statusOf(`${server.url}/api/v1/admin/drain`, { ...fromPage(origin, site), 'Content-Type': 'text/plain' }, 'POST'),
      403,
    )
  }
  // Without an Origin, as a link or an image of theirs asks, and with the user's cookie.
  for (const site of ['cross-site', 'same-site'])
    assert.equal(await statusOf(overview, { Cookie: `token=${adminKey}`, 'Sec-Fetch-Site': site }), 403)
  assert.equal(await statusOf(overview, { Cookie: `token=${adminKey}`, 'Sec-Fetch-Site': 'same-origin' }), 200)
  assert.equal((await fetch(`${server.url}/readyz`)).status, 200, 'nothing was drained')
})

test('X1: while nobody configured who may do what, operators are served on this machine only, also where everything is open', async (context) => {
  const { server } = await start(context, { access: { insecureOpen: true } })
  for (const path of ['/admin/', '/api/v1/admin/overview']) {
    assert.equal(await statusOf(`${server.url}${path}`, {}), 200)
    // Through a proxy, or by a name of somebody else's.
    for (const headers of [{ 'X-Forwarded-For': '192.0.2.1' }, { Forwarded: 'for=192.0.2.1' }, { Host: 'weft.example.com' }])
      assert.equal(await statusOf(`${server.url}${path}`, headers), path === '/admin/' ? 404 : 403, JSON.stringify(headers))
    // Nobody knows from where a request to the fetch handler is.
    assert.equal((await server.fetch(new Request(`http://localhost${path}`))).status, path === '/admin/' ? 404 : 403)
  }
  assert.equal(await statusOf(`${server.url}/api/v1/documents/x/presence`, { 'X-Forwarded-For': '192.0.2.1' }), 200)
})

test('the page is files of its own, without anything inline, and can be turned off', async (context) => {
  const { server } = await start(context, { access: { adminKey }, basePath: '/collab' })
  const moved = await fetch(`${server.url}/collab/admin`, { redirect: 'manual' })
  assert.equal(moved.status, 308)
  assert.equal(new URL(moved.headers.get('location') ?? '', `${server.url}/collab/admin`).pathname, '/collab/admin/')
  const page = await fetch(`${server.url}/collab/admin/`)
  const html = await page.text()
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'; script-src 'self'; style-src 'self';/)
  assert.doesNotMatch(page.headers.get('content-security-policy') ?? '', /unsafe|\*/)
  assert.equal(page.headers.get('x-frame-options'), 'DENY')
  assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/i)
  for (const [, file] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
    const answer = await fetch(`${server.url}/collab/admin/${file}`)
    assert.equal(answer.status, 200, file)
    assert.match(answer.headers.get('content-security-policy') ?? '', /default-src 'none'/)
    const again = await fetch(`${server.url}/collab/admin/${file}`, { headers: { 'If-None-Match': answer.headers.get('etag') ?? '' } })
    assert.equal(again.status, 304)
  }
  const off = await start(context, { access: { adminKey }, adminPage: false })
  assert.equal((await fetch(`${off.server.url}/admin/`)).status, 404)
  await new ApiClient(off.server.url, adminKey).expect('GET', '/admin/overview')
})

test('on a port of its own the page is with the API that it uses, and clients are not', async (context) => {
  const { server, webSocketUrl } = await start(context, { access: { adminKey }, adminPort: 0, metricsPort: 0 })
  const { adminUrl, metricsUrl } = server
  assert.ok(adminUrl !== null && metricsUrl !== null)
  const operator = new ApiClient(adminUrl, adminKey)
  assert.equal((await fetch(`${adminUrl}/admin/`)).status, 200)
  await operator.expect('GET', '/admin/overview')
  await operator.expect('GET', '/revocations')
  assert.equal((await fetch(`${adminUrl}/readyz`)).status, 200)
  assert.equal((await fetch(`${adminUrl}/metrics`)).status, 404)
  assert.equal((await fetch(`${adminUrl}/`)).status, 404)
  // A socket that nobody answered would be held for good, and the server could not close.
  for (const url of [adminUrl, metricsUrl]) {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/notes`)
    assert.match(String(await new Promise((resolve) => socket.once('error', resolve))), /404/)
  }
  for (const path of ['/admin', '/admin/', '/admin/main.js', '/api/v1/admin/overview']) {
    const answer = await fetch(`${server.url}${path}`, { headers: { Authorization: `Bearer ${adminKey}` } })
    assert.equal(answer.status, 404, path)
  }
  assert.equal(
    (await fetch(`${server.url}/api/v1/admin/drain`, { method: 'POST', headers: { Authorization: `Bearer ${adminKey}` } })).status,
    404,
  )
  await new ApiClient(server.url, adminKey).expect('GET', '/revocations')
  const client = open(context, webSocketUrl, adminKey, 'notes')
  await client.synced
  assert.equal((await operator.expect('GET', '/admin/sessions')).total, 1)
})

test('G5: a client that is refused before it is connected is among the refusals, and a drain that means another node does nothing', async (context) => {
  const { server, webSocketUrl } = await start(context, { access: { adminKey }, limits: { connectionsMax: 1 } })
  const operator = new ApiClient(server.url, adminKey)
  const first = await RawClient.weft(webSocketUrl)
  await assert.rejects(RawClient.weft(webSocketUrl))
  const { refusals, node } = await operator.expect('GET', '/admin/overview')
  assert.ok(refusals.some((one: { act: string; code: string }) => one.act === 'connection' && one.code === 'full'))
  assert.equal(await operator.refusal('POST', '/admin/drain?boot=another'), '412 superseded')
  assert.equal((await fetch(`${server.url}/readyz`)).status, 200)
  first.close()
  assert.deepEqual(await operator.expect('POST', `/admin/drain?boot=${node.boot}`), { draining: true })
  await server.closed
})
