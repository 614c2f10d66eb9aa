// The HTTP application as a fetch handler: who is let in, what is refused and how, without a socket.
import { strict as assert } from 'node:assert'
import type { IncomingMessage } from 'node:http'
import { describe, test } from 'node:test'
import { systemClock } from '../../core/clock.js'
import { Counters } from '../../core/counters.js'
import { WeftError } from '../../core/errors.js'
import { defaultLimits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import { MemoryBudget } from '../../core/memory-budget.js'
import { systemRandom } from '../../core/random.js'
import { AccessControl } from '../../server/access/access-control.js'
import { trustedProxiesOf } from '../../server/access/addresses.js'
import type { Authorize } from '../../server/access/authorize.js'
import { type Application, createApplication } from '../../server/api/application.js'

function applicationWith(authorize: Authorize | null, proxies: readonly string[] = []): Application {
  const trustedProxies = trustedProxiesOf(proxies, 'trustedProxies')
  const access = new AccessControl({
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    counters: new Counters(),
    limits: defaultLimits,
    jsonWebTokens: null,
    adminKey: null,
    authorize,
    ticketKey: new Uint8Array(32),
    tokenCookie: null,
    allowedOrigin: null,
    trustedProxies,
    insecureOpen: false,
  })
  return createApplication({
    accessControl: access,
    webhooks: () => null,
    audit: null,
    adminFiles: new Map(),
    desk: {
      overview: () => assert.fail('nobody may see it'),
      sessions: () => assert.fail('nobody may see them'),
      drain: () => assert.fail('nobody may do it'),
    },
    logger: silentLogger,
    memory: new MemoryBudget(defaultLimits.memoryBytesMax),
    counters: new Counters(),
    gauges: [],
    clock: systemClock,
    limits: defaultLimits,
    files: new Map(),
    basePath: '',
    version: 'test',
    history: () => null,
    store: () => null,
    messages: () => null,
    access: {
      authorize: (request) => access.authorize(request),
      refusalOf: (visit, request) => access.refusalOf(visit, request),
      isAllowedOrigin: (origin) => access.isAllowedOrigin(origin),
      servesOperators: (request) => access.servesOperators(request),
      trustedProxies,
    },
    presence: () => ({
      documentPresence: async (documentId) => ({ documentId, clients: [], clientCount: 0, sessionCount: 0, complete: true }),
      connectionsOf: async () => [],
      close: async () => {},
    }),
    readiness: () => ({ ready: true, text: 'serving' }),
  })
}

const PRESENCE = 'http://localhost/api/v1/documents/a/presence'

function from(address: string | undefined, headers: Record<string, string>): { incoming: IncomingMessage } {
  return { incoming: { socket: { remoteAddress: address }, headers } as unknown as IncomingMessage }
}

async function codeOf(answer: Response): Promise<string> {
  assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/)
  const { status, code, title, detail } = await answer.json()
  assert.equal(status, answer.status)
  assert.ok(title !== '' && detail !== '')
  return `${status} ${code}`
}

describe('the HTTP application', () => {
  test('X1: while nobody configured who may do what, the API answers its own machine only, by its own names, and no proxy that nobody trusts', async () => {
    const app = applicationWith(null, ['10.0.0.1'])
    const local = { host: 'localhost:1234' }
    const cases: readonly [string | undefined, Record<string, string>, number][] = [
      // It sent its request and went.
      [undefined, local, 403],
      ['127.0.0.1', local, 200],
      ['::1', { host: '[::1]:1' }, 200],
      ['::ffff:127.0.0.1', { host: '127.0.0.1' }, 200],
      ['192.0.2.1', local, 403],
      ['127.0.0.1', { host: 'evil.example' }, 403],
      ['127.0.0.1', { host: 'localhost.evil.example' }, 403],
      ['127.0.0.1', { ...local, 'x-forwarded-for': '192.0.2.1' }, 403],
      ['127.0.0.1', { ...local, 'x-forwarded-for': '127.0.0.1' }, 403],
      ['127.0.0.1', { ...local, forwarded: 'for=192.0.2.1' }, 403],
      ['10.0.0.1', { ...local, 'x-forwarded-for': '192.0.2.1' }, 403],
    ]
    for (const [address, headers, status] of cases) {
      const answer = await app(new Request(PRESENCE), from(address, headers))
      assert.equal(answer.status, status, `${address} ${JSON.stringify(headers)}`)
      if (status === 403) assert.equal(await codeOf(answer), '403 forbidden')
    }
  })

  test('X1, G7: an outsider is refused before anything of a body is read, and a body of JSON is small', async () => {
    const unread = new ReadableStream({
      pull: () => {
        throw new Error('The body was read.')
      },
    })
    const post = (body: BodyInit, headers: Record<string, string>): Request =>
      new Request(PRESENCE.replace('presence', 'restore'), { method: 'POST', body, headers, duplex: 'half' } as RequestInit)
    const stranger = await applicationWith(null)(post(unread, { 'content-type': 'application/json' }), from('192.0.2.1', {}))
    assert.equal(await codeOf(stranger), '403 forbidden')
    const large = await applicationWith(() => ({ user: null, permission: 'read-write' }))(
      post('{}', { 'content-type': 'application/json', 'content-length': String(2 * 1024 * 1024) }),
    )
    assert.equal(await codeOf(large), '413 document-too-large')
  })

  test('X6: a page of another site is refused, whoever is logged in', async () => {
    const app = applicationWith(() => ({ user: 'ada', permission: 'read-write' }))
    const ask = (site: string): Promise<Response> => app(new Request(PRESENCE, { headers: { 'sec-fetch-site': site } }))
    assert.equal(await codeOf(await ask('cross-site')), '403 forbidden')
    assert.equal((await ask('same-origin')).status, 200)
  })

  test('G5: what authorize refuses is refused with its words, as a problem', async () => {
    const app = applicationWith(({ token }) => {
      throw new WeftError(token === '' ? 'unauthenticated' : 'forbidden', 'The words of authorize.')
    })
    const answer = await app(new Request(PRESENCE))
    assert.match(await answer.clone().text(), /The words of authorize\./)
    assert.equal(await codeOf(answer), '401 unauthenticated')
    assert.equal(await codeOf(await app(new Request(PRESENCE, { headers: { authorization: 'Bearer x' } }))), '403 forbidden')
  })

  test('G5: a body that is missing, no JSON, or of another kind is refused in words', async () => {
    const app = applicationWith(() => ({ user: 'ada', permission: 'read-write', admin: true }))
    const paths = ['keys', 'tickets', 'revocations', 'webhooks', 'documents/a/versions', 'documents/a/restore', 'documents/a/fork']
    const post = (path: string, type: string | null, body: string | null): Promise<Response> =>
      app(new Request(`http://localhost/api/v1/${path}`, { method: 'POST', body, headers: type === null ? {} : { 'content-type': type } }))
    for (const path of paths) {
      assert.equal(await codeOf(await post(path, null, null)), '400 malformed', path)
      assert.equal(await codeOf(await post(path, 'application/json', '{"kind":')), '400 malformed', path)
      assert.equal(await codeOf(await post(path, 'application/json', '')), '400 malformed', path)
      // What a form of another page can send.
      assert.equal(await codeOf(await post(path, 'text/plain', '{}')), '415 unsupported-media-type', path)
      assert.equal(await codeOf(await post(path, 'application/x-www-form-urlencoded', 'kind=user')), '415 unsupported-media-type', path)
    }
  })

  test('G5: unknown addresses and methods are answered as problems, which say what is answered', async () => {
    const app = applicationWith(null)
    assert.equal(await codeOf(await app(new Request('http://localhost/api/v1/nothing'))), '404 not-found')
    const post = await app(new Request(PRESENCE, { method: 'POST', body: 'x' }))
    assert.equal(post.headers.get('allow'), 'GET, HEAD')
    assert.equal(await codeOf(post), '405 method-not-allowed')
  })

  test('X5: what fails inside is told in neutral words', async () => {
    const app = applicationWith(() => {
      throw new Error('postgres://weft:hunter2@db')
    })
    const answer = await app(new Request(PRESENCE))
    const text = await answer.text()
    assert.equal(answer.status, 403)
    assert.ok(!text.includes('hunter2'), text)
  })
})
