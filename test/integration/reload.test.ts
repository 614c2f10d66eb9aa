// Settings that change while the server runs: as a process that is sent SIGHUP, and in the program that embeds it.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { silentLogger } from '../../core/log.js'
import { MemoryStore } from '../../persistence/index.js'
import { createServer } from '../../server/index.js'
import { FaultyStore } from '../helpers/faulty-store.js'
import { ManualClock } from '../helpers/manual-clock.js'
import { RawClient } from '../helpers/raw-client.js'
import { ServerProcess } from '../helpers/server-process.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'
import { until } from '../helpers/until.js'
import { WebhookReceiver } from '../helpers/webhook-receiver.js'

const secret = 'a secret of the receiver and the server'
const stranger = 'https://stranger.example'

/** What a page of another origin is answered: 101 for a WebSocket. */
function statusFor(url: string, origin: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url}/plan`, { origin })
    socket.once('open', () => {
      socket.terminate()
      resolve(101)
    })
    socket.once('unexpected-response', (request, { statusCode }) => {
      request.destroy()
      resolve(statusCode ?? 0)
    })
    socket.once('error', reject)
  })
}

test('SIGHUP: settings of the file are taken over while clients stay; a file with an error changes nothing; what needs a restart is named', async (context) => {
  const file = path.join(temporaryFolder(context), 'weft.json')
  const write = (settings: object | string): void => writeFileSync(file, typeof settings === 'string' ? settings : JSON.stringify(settings))
  write({ logLevel: 'error', access: { allowedOrigins: ['https://app.example'], insecureOpen: true } })
  const server = await ServerProcess.start({ flags: ['--config', file] })
  context.after(() => server.dispose())
  /** The lines of the log that say so, once there are `count` of them. */
  const told = async (what: RegExp, count: number): Promise<string> => {
    const lines = (): readonly string[] => server.output.split('\n').filter((line) => what.test(line))
    await until(() => lines().length >= count, `${count} lines about ${what}`)
    return lines().at(-1) ?? ''
  }
  try {
    const client = await RawClient.weft(server.webSocketUrl)
    assert.equal(await statusFor(server.webSocketUrl, stranger), 403)

    write({
      logLevel: 'info',
      access: { allowedOrigins: ['https://app.example', stranger], insecureOpen: true },
      limits: { connectionsMax: 2, messageBytesMax: '1MiB' },
    })
    server.signal('SIGHUP')
    const first = await told(/settings were reloaded/, 1)
    assert.deepEqual(JSON.parse(first).reloaded, ['logLevel', 'access.allowedOrigins', 'limits.connectionsMax'])
    assert.deepEqual(JSON.parse(await told(/need a restart/, 1)).needRestart, ['limits.messageBytesMax'])
    assert.equal(await statusFor(server.webSocketUrl, stranger), 101)
    const second = await RawClient.connect(`${server.webSocketUrl}/plan`)
    await assert.rejects(RawClient.connect(`${server.webSocketUrl}/plan`), /HTTP 503.* 2 connections/)

    const wrong = { access: { allowedOrigins: ['https://app.example'], insecureOpen: true }, limits: { connectionsMax: 'many' } }
    const errors: readonly (readonly [object | string, RegExp])[] = [
      [wrong, /stay in force: limits\.connectionsMax in .*many.*it takes a whole number/],
      ['{ "logLevel": ', /stay in force: --config is .* not JSON/],
      [{ limits: { connections: 3 } }, /stay in force: limits\.connections in .* is no setting/],
      [{ tuning: { paceMsMin: 100, paceMsMax: 10 } }, /stay in force: tuning\.paceMsMin.* is above/],
    ]
    for (const [settings, words] of errors) {
      write(settings)
      server.signal('SIGHUP')
      await told(words, 1)
    }
    second.socket.terminate()
    await until(async () => (await statusFor(server.webSocketUrl, stranger).catch(() => 0)) === 101, 'the origin to be let in still')

    write({ logLevel: 'info', access: { insecureOpen: true } })
    server.signal('SIGHUP')
    const last = await told(/settings were reloaded/, 2)
    assert.deepEqual(JSON.parse(last).reloaded, ['access.allowedOrigins', 'limits.connectionsMax'])
    client.sendWeft({ type: 'open', channel: 1, documentId: 'plan', token: '', known: { kind: 'nothing' } })
    await until(() => client.frames.length >= 2, 'the first client to be answered, over the connection that it has had all the time')
    assert.equal(client.socket.readyState, WebSocket.OPEN)
    assert.equal(await server.stop(), 0)
  } finally {
    await server.dispose()
  }
})

test('server.reload: what is left out stays, what is wrong changes nothing, and what needs a restart is named', async (context) => {
  const clock = new ManualClock()
  const store = new MemoryStore({ clock })
  const server = await createServer({
    store,
    clock,
    demo: false,
    logger: silentLogger,
    trustedProxies: ['10.0.0.0/8'],
    limits: { documentIdBytesMax: 10 },
  })
  context.after(() => server.close())
  const statusOf = async (documentId: string): Promise<number> =>
    (await server.fetch(new Request(`http://localhost/api/v1/documents/${documentId}/presence`))).status
  try {
    assert.equal(await statusOf('longer-than-ten'), 400)
    assert.deepEqual(await server.reload({ limits: { documentIdBytesMax: 20 }, basePath: '/collab' }), {
      reloaded: ['limits.documentIdBytesMax'],
      needRestart: ['basePath'],
    })
    assert.equal(await statusOf('longer-than-ten'), 200)
    await assert.rejects(server.reload({ limits: { documentIdBytesMax: 10 }, trustedProxies: ['nowhere'] }), {
      code: 'invalid-configuration',
      message: /^trustedProxies is "nowhere"/,
    })
    await assert.rejects(server.reload({ limits: { outboxBytesLow: 1e12 } }), { code: 'invalid-configuration' })
    assert.equal(await statusOf('longer-than-ten'), 200)
    assert.deepEqual(await server.reload({}), { reloaded: [], needRestart: [] })
  } finally {
    await server.close()
  }
})

test('E1: an address that comes while the server runs is told from then on, one that goes is left alone, and one that comes back misses nothing', async (context) => {
  const [first, second] = [await WebhookReceiver.start(secret), await WebhookReceiver.start(secret)]
  context.after(() => Promise.all([first.close(), second.close()]))
  const webhooks = { urls: [first.url], secret, quietMs: 20, waitMsMax: 50 }
  const server = await createServer({ dataDir: temporaryFolder(context), demo: false, logger: silentLogger })
  const edit = (text: string): Promise<unknown> => server.document('plan').transact((doc) => doc.getText('t').insert(0, text))
  const told = (receiver: WebhookReceiver): number => Math.max(0, ...receiver.events.map(({ throughSeq }) => throughSeq))
  try {
    await edit('nobody is told')
    assert.deepEqual(await server.reload({ webhooks }), {
      reloaded: ['webhooks.urls', 'webhooks.secret', 'webhooks.quietMs', 'webhooks.waitMsMax'],
      needRestart: [],
    })
    await edit('the first is told')
    await until(() => told(first) === 2, 'the first to be told')
    await server.reload({ webhooks: { ...webhooks, urls: [second.url] } })
    await edit('the second is told')
    await until(() => told(second) === 3, 'the second to be told')
    assert.equal(told(first), 2)
    await server.reload({ webhooks })
    await until(() => told(first) === 3, 'the first to be told of what it missed')
    await assert.rejects(server.reload({ webhooks: { ...webhooks, urls: ['ftp://nowhere'] }, limits: { connectionsMax: 1 } }), {
      code: 'invalid-configuration',
    })
    await edit('the first is told again')
    await until(() => told(first) === 4, 'the first to be told again')
    assert.ok(first.events.every(({ documentId }) => documentId === 'plan'))
  } finally {
    await server.close()
  }
})

test('a store that keeps no cursors for webhooks: a reload that sets some changes nothing', async () => {
  const clock = new ManualClock()
  const server = await createServer({ store: new FaultyStore(new MemoryStore({ clock })), clock, demo: false, logger: silentLogger })
  try {
    const webhooks = { urls: ['http://127.0.0.1:9/'], secret }
    await assert.rejects(server.reload({ webhooks, limits: { documentIdBytesMax: 1 } }), { message: /keeps neither cursors nor records/ })
    const status = (await server.fetch(new Request('http://localhost/api/v1/documents/longer/presence'))).status
    assert.equal(status, 200)
  } finally {
    await server.close()
  }
})
