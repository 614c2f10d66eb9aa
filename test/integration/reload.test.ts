// Settings that change while the server runs: as a process that is sent SIGHUP, and in the program that embeds it.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { silentLogger } from '../../core/log.js'
import { MemoryStore } from '../../persistence/index.js'
import { createServer } from '../../server/index.js'
import { ManualClock } from '../helpers/manual-clock.js'
import { RawClient } from '../helpers/raw-client.js'
import { ServerProcess } from '../helpers/server-process.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'
import { until } from '../helpers/until.js'

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

test('server.reload: what is left out stays, what is wrong changes nothing, and what needs a restart is named', async () => {
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
