// The command as a process of its own: a clean stop loses nothing, and what cannot start says why.
import { strict as assert } from 'node:assert'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { systemClock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import { silentLogger } from '../../core/log.js'
import { MemoryStore, openLmdbStore } from '../../persistence/index.js'
import { createServer } from '../../server/index.js'
import { Writer } from '../contract/fixture.js'
import { startLocalServer } from '../helpers/local-server.js'
import { RawClient } from '../helpers/raw-client.js'
import { type CommandEnded, runCommand } from '../helpers/run-command.js'
import { ServerProcess } from '../helpers/server-process.js'
import { eventually } from '../helpers/states.js'

const run = runCommand

function updateWith(key: string): Uint8Array {
  const doc = new Y.Doc()
  doc.getMap('notes').set(key, 1)
  const update = Y.encodeStateAsUpdate(doc)
  doc.destroy()
  return update
}

/** The keys of the document as a newcomer reads them. */
async function readKeys(url: string, documentId: string): Promise<Set<string>> {
  const client = await RawClient.connect(`${url}/${documentId}`)
  client.sendY({ type: 'sync-step-1', stateVector: Uint8Array.of(0) })
  await client.yMessage('sync-step-2')
  const doc = new Y.Doc()
  for (const message of client.yMessages)
    if (message.type === 'update' || message.type === 'sync-step-2') Y.applyUpdate(doc, message.update)
  client.close()
  const keys = new Set(doc.getMap('notes').keys())
  doc.destroy()
  return keys
}

describe('the command', () => {
  test('G4, D1: SIGTERM: what was received is committed and acknowledged, everybody gets 1012, and the exit code is 0', async () => {
    const server = await ServerProcess.start()
    try {
      const weft = await RawClient.weft(server.webSocketUrl)
      weft.sendWeft({ type: 'open', channel: 1, documentId: 'd', token: '', known: { kind: 'nothing' } })
      await weft.weftMessage('opened')
      const doc = new Y.Doc()
      const stock = new WebsocketProvider(server.webSocketUrl, 'd', doc, {
        WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
        disableBc: true,
        shouldReconnect: () => false,
      })
      let stockClose: number | undefined
      stock.on('closed', ({ code }) => {
        stockClose = code
      })
      await eventually('the stock client is synced', () => stock.synced)

      const count = 300
      for (let submission = 1; submission <= count; submission++)
        weft.sendWeft({ type: 'submit', channel: 1, submission, update: updateWith(`k${submission}`) })
      // The answer to a ping means that everything before it was received.
      weft.sendWeft({ type: 'ping' })
      await weft.weftMessage('pong')
      const stopped = server.stop()
      const closing = await weft.closed
      assert.equal(closing.code, 1012)
      assert.match(closing.reason, /restarting/)
      assert.equal(await stopped, 0)
      await eventually('the stock client hears of it', () => stockClose === 1012)
      stock.destroy()
      doc.destroy()
      assert.ok(weft.weftMessages.some((message) => message.type === 'drain'))
      const acknowledged = Math.max(0, ...weft.weftMessages.map((message) => (message.type === 'acknowledged' ? message.through : 0)))
      assert.equal(acknowledged, count)

      await server.restart()
      const keys = await readKeys(server.webSocketUrl, 'd')
      for (let submission = 1; submission <= count; submission++) assert.ok(keys.has(`k${submission}`), `k${submission} is lost`)
      assert.equal(await server.stop(), 0)
    } finally {
      await server.dispose()
    }
  })

  test('G4: clients that never stop writing do not hold up a stop, and nothing acknowledged to them is lost', async () => {
    const server = await ServerProcess.start()
    try {
      const clients = await Promise.all(Array.from({ length: 5 }, () => RawClient.weft(server.webSocketUrl)))
      const stopWriting = new AbortController()
      const writers = clients.map(async (client, name) => {
        client.sendWeft({ type: 'open', channel: 1, documentId: 'd', token: '', known: { kind: 'nothing' } })
        for (let submission = 1; !stopWriting.signal.aborted && client.closing === null; submission++) {
          client.sendWeft({ type: 'submit', channel: 1, submission, update: updateWith(`${name}-${submission}`) })
          await new Promise((resolve) => setImmediate(resolve))
        }
      })
      await eventually('all have acknowledgements', () =>
        clients.every((client) => client.frames.length > 10 && client.weftMessages.some((message) => message.type === 'acknowledged')),
      )
      assert.equal(await server.stop(), 0)
      const closings = await Promise.all(clients.map((client) => client.closed))
      stopWriting.abort()
      await Promise.all(writers)
      assert.deepEqual(
        closings.map(({ code }) => code),
        [1012, 1012, 1012, 1012, 1012],
      )

      await server.restart()
      const keys = await readKeys(server.webSocketUrl, 'd')
      clients.forEach((client, name) => {
        const through = Math.max(...client.weftMessages.map((message) => (message.type === 'acknowledged' ? message.through : 0)))
        for (let submission = 1; submission <= through; submission++)
          assert.ok(keys.has(`${name}-${submission}`), `${name}-${submission} was acknowledged and is lost`)
      })
    } finally {
      await server.dispose()
    }
  })

  test('a port in use is refused by name with exit code 1, and the first server goes on', async () => {
    const server = await ServerProcess.start()
    try {
      const other = await run(['serve', '--port', String(server.port), '--data', `${server.dataFolder}/other`])
      assert.equal(other.code, 1)
      assert.match(other.stderr, new RegExp(`Port ${server.port} on 127.0.0.1 is already in use`))
      assert.equal((await fetch(`${server.url}/readyz`)).status, 200)
    } finally {
      await server.dispose()
    }
  })

  test('O6: a data folder that another server has open is refused with exit code 1, and the first server goes on', async () => {
    const server = await ServerProcess.start()
    try {
      const other = await run(['serve', '--port', '0', '--data', server.dataFolder])
      assert.equal(other.code, 1)
      assert.match(other.stderr, /in use/)
      assert.equal((await fetch(`${server.url}/readyz`)).status, 200)
    } finally {
      await server.dispose()
    }
  })

  test('wrong usage is exit code 2, with nothing on stdout and nothing started', async () => {
    for (const [args, environment, says] of [
      [['serve', '--prot', '1'], {}, /--prot/],
      [['serve'], { PORT: 'x' }, /PORT is "x"/],
      [['serve', '--redis-url', 'redis://x'], {}, /Redis/],
      [['start'], {}, /"start"/],
    ] as const) {
      const ended = await run(args, environment)
      assert.equal(ended.code, 2)
      assert.match(ended.stderr, says)
      assert.equal(ended.stdout, '')
    }
  })

  test('--help and --version answer on stdout with exit code 0', async () => {
    const help = await run(['serve', '--help'])
    assert.deepEqual([help.code, help.stderr], [0, ''])
    assert.match(help.stdout, /--data <folder>/)
    const version = await run(['--version'])
    assert.equal(version.code, 0)
    assert.match(version.stdout, /^\d+\.\d+\.\d+/)
  })

  test('the log is JSON lines on stderr, stdout has one line for people', async () => {
    const server = await ServerProcess.start()
    try {
      await server.stop()
      const lines = server.output.split('\n').filter((line) => line !== '')
      const human = lines.filter((line) => !line.startsWith('{'))
      assert.deepEqual(human, [`Weft listens on ${server.url}`])
      for (const line of lines.filter((one) => one.startsWith('{'))) assert.equal(typeof JSON.parse(line).msg, 'string')
    } finally {
      await server.dispose()
    }
  })

  test('--log-format pretty: readable lines, where the data is, and what to do next', async () => {
    const server = await ServerProcess.start({ flags: ['--log-format', 'pretty'] })
    try {
      assert.equal(await server.stop(), 0)
      assert.match(server.output, /^ {2}Data {2}\//m)
      assert.ok(server.output.includes(`  ${server.dataFolder}\n`), server.output)
      assert.ok(server.output.includes(`Open ${server.url} in two windows`), server.output)
      assert.match(server.output, /^\d\d:\d\d:\d\d info {2}stopping {2}signal="?SIGTERM"?$/m)
      assert.doesNotMatch(server.output, /^\{/m)
    } finally {
      await server.dispose()
    }
  })
})

describe('a server in a program', () => {
  test('a port in use rejects with address-in-use, and what is no port with invalid-configuration', async (context) => {
    const first = await startLocalServer()
    context.after(() => first.server.close())
    const second = await createServer({ store: new MemoryStore({ clock: systemClock }), demo: false })
    context.after(() => second.close())
    await assert.rejects(second.listen(first.port), (error) => error instanceof WeftError && error.code === 'address-in-use')
    // To Node these would be the path of a socket, and any free port.
    for (const port of ['a-path', '1234', undefined, -1, 70_000] as unknown as readonly number[])
      await assert.rejects(second.listen(port), { code: 'invalid-configuration', message: /^port is .* it takes a port number/ })
    await second.close()
    await first.server.close()
  })

  test('close and drain are idempotent, and closed resolves', async (context) => {
    const { server } = await startLocalServer()
    context.after(() => server.close())
    const closing = server.close()
    assert.equal(server.drain(), closing)
    await closing
    await server.closed
    await server.close()
  })

  test('G4: while it drains, readyz says 503 and upgrades are refused, and connected clients get their close', async (context) => {
    const { server, webSocketUrl } = await startLocalServer()
    context.after(() => server.close())
    const client = await RawClient.connect(`${webSocketUrl}/d`)
    await client.yMessage('sync-step-1')
    // A client that does not answer the close holds the drain open for a while.
    client.socket.pause()
    const drained = server.drain()
    assert.equal((await fetch(`${server.url}/readyz`)).status, 503)
    assert.equal((await fetch(`${server.url}/healthz`)).status, 200)
    await assert.rejects(RawClient.connect(`${webSocketUrl}/d`), /HTTP 503: .*shutting down/)
    client.socket.resume()
    assert.equal((await client.closed).code, 1012)
    await drained
  })
})

test('D8: a quarantine is lifted by command, with the server stopped', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'weft-lift-'))
  const open = () => openLmdbStore({ folder, clock: systemClock, logger: silentLogger, onFatal: (error) => assert.fail(error) })
  const lift = (document: string): Promise<CommandEnded> => run(['lift-quarantine', document, '--data', folder])
  try {
    const store = await open()
    const writer = await (await Writer.claim(store, 'a/b')).appendMany(3)
    await store.saveQuarantine(writer.quarantine(2, 'made up'))
    const inUse = await lift('a/b')
    assert.equal(inUse.code, 1)
    assert.match(inUse.stderr, /in use by process/)
    await store.close()
    assert.deepEqual(await lift('a/b'), {
      code: 0,
      stdout: 'Lifted. All of the document is tried again when it is opened the next time.\n',
      stderr: '',
    })
    const again = await lift('a/b')
    assert.equal(again.code, 1)
    assert.match(again.stderr, /no quarantined document "a\/b"/)
    const reopened = await open()
    assert.equal((await reopened.openDocument('a/b')).quarantine, null)
    await reopened.close()
    const elsewhere = await run(['lift-quarantine', 'a/b', '--data', path.join(folder, 'missing')])
    assert.equal(elsewhere.code, 2)
    assert.match(elsewhere.stderr, /--data/)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
