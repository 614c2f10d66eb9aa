// The limits of the gateway, each injected small, and what lies past it (G1); permissions on every write (G6).
import { strict as assert } from 'node:assert'
import http from 'node:http'
import { describe, test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { systemClock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import { MemoryStore } from '../../persistence/index.js'
import type { AppendEntry, AppendResult, StoredDocument } from '../../persistence/store.js'
import type { ServerOptions } from '../../server/index.js'
import { type LocalServer, startLocalServer } from '../helpers/local-server.js'
import { readMetric } from '../helpers/metrics.js'
import { RawClient } from '../helpers/raw-client.js'
import { eventually } from '../helpers/states.js'

async function withServer(options: ServerOptions, run: (local: LocalServer) => Promise<void>): Promise<void> {
  const local = await startLocalServer(options)
  try {
    await run(local)
  } finally {
    await local.server.close()
  }
}

function updateWith(key: string, value: unknown): Uint8Array {
  const doc = new Y.Doc()
  doc.getMap('notes').set(key, value)
  return Y.encodeStateAsUpdate(doc)
}

const stock = { WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket, disableBc: true, maxBackoffTime: 100 }

/** So many turns of the server's event loop at least. Answers how many messages that took. */
async function roundTrips(url: string, count: number): Promise<number> {
  const client = await RawClient.weft(url)
  await client.weftMessage('welcome')
  for (let answers = 2; answers <= count + 1; answers++) {
    client.sendWeft({ type: 'ping' })
    while (client.frames.length < answers) await new Promise((resolve) => setImmediate(resolve))
  }
  client.close()
  return count + 1
}

describe('limits', () => {
  test('G1: connectionsMax: the next upgrade is answered with HTTP 503, and there is room again after a close', () =>
    withServer({ limits: { connectionsMax: 2 } }, async ({ webSocketUrl, server }) => {
      const first = await RawClient.connect(`${webSocketUrl}/a`)
      const second = await RawClient.connect(`${webSocketUrl}/a`)
      await assert.rejects(RawClient.connect(`${webSocketUrl}/a`), /HTTP 503: .*2 connections/)
      assert.equal(server.counters.get('connections_refused'), 1)
      assert.equal(second.closing, null)
      first.close()
      await first.closed
      await eventually('there is room again', async () => {
        const again = await RawClient.connect(`${webSocketUrl}/a`).catch(() => null)
        again?.close()
        return again !== null
      })
      second.close()
    }))

  test('G1: connectionsPerSecondMax: past two seconds of it an upgrade is answered with 503 and when to come back; whoever is here is served, and there is room again', () =>
    withServer({ limits: { connectionsPerSecondMax: 1 } }, async ({ webSocketUrl, server }) => {
      const here = await RawClient.weft(webSocketUrl)
      await here.weftMessage('welcome')
      const outcomes = await Promise.allSettled(Array.from({ length: 40 }, () => RawClient.connect(`${webSocketUrl}/a`)))
      const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []))
      assert.ok(refused.length >= 25, `${refused.length} were refused`)
      for (const reason of refused) assert.match(reason, /HTTP 503: More connections come than this server lets in/)
      assert.equal(server.counters.get('connections_refused'), refused.length)
      // On a slow machine there may be room for one by now; then the next is refused.
      const ask = (): Promise<http.IncomingMessage | null> =>
        new Promise((resolve, reject) => {
          const headers = {
            Connection: 'Upgrade',
            Upgrade: 'websocket',
            'Sec-WebSocket-Version': '13',
            'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
          }
          http
            .get(`${server.url}/a`, { headers }, resolve)
            .on('upgrade', (_response, socket) => {
              socket.destroy()
              resolve(null)
            })
            .on('error', reject)
        })
      let answer = await ask()
      while (answer === null) answer = await ask()
      answer.resume()
      assert.match(answer.headers['retry-after'] ?? '', /^[1-4]$/)
      here.sendWeft({ type: 'ping' })
      await here.weftMessage('pong')
      await eventually('there is room again', async () => {
        const again = await RawClient.connect(`${webSocketUrl}/a`).catch(() => null)
        again?.close()
        return again !== null
      })
      for (const outcome of outcomes) if (outcome.status === 'fulfilled') outcome.value.close()
      here.close()
    }))

  test('G1: sessionsPerDocumentMax: y-websocket is closed with 4503, a weft channel with the same, others go on', () =>
    withServer({ limits: { sessionsPerDocumentMax: 2 } }, async ({ webSocketUrl }) => {
      const first = await RawClient.connect(`${webSocketUrl}/a`)
      await first.yMessage('sync-step-1')
      const second = await RawClient.connect(`${webSocketUrl}/a`)
      await second.yMessage('sync-step-1')
      const third = await RawClient.connect(`${webSocketUrl}/a`)
      const closing = await third.closed
      assert.equal(closing.code, 4503)
      assert.match(closing.reason, /2/)
      const weft = await RawClient.weft(webSocketUrl)
      weft.sendWeft({ type: 'open', channel: 1, documentId: 'a', token: '', known: { kind: 'nothing' } })
      const closed = await weft.weftMessage('closed')
      assert.deepEqual([closed.code, closed.closeCode, closed.retryable], ['too-many-sessions', 4503, true])
      assert.equal(first.closing, null)
      for (const client of [first, second, weft]) client.close()
    }))

  test('G1: sessionsPerConnectionMax: a further open is refused with too-many-sessions, and a close makes room', () =>
    withServer({ limits: { sessionsPerConnectionMax: 2 } }, async ({ webSocketUrl }) => {
      const client = await RawClient.weft(webSocketUrl)
      for (const channel of [1, 2, 3])
        client.sendWeft({ type: 'open', channel, documentId: `d${channel}`, token: '', known: { kind: 'nothing' } })
      const closed = await client.weftMessage('closed')
      assert.deepEqual([closed.channel, closed.code, closed.closeCode], [3, 'too-many-sessions', 4503])
      client.sendWeft({ type: 'close', channel: 1 })
      client.sendWeft({ type: 'open', channel: 4, documentId: 'd4', token: '', known: { kind: 'nothing' } })
      await eventually('channel 4 is open', () => client.weftMessages.some((m) => m.type === 'opened' && m.channel === 4))
      client.close()
    }))

  test('G1: sessionsPerConnectionAndDocumentMax: a connection opens a document so many times, and others go on', () =>
    withServer({ limits: { sessionsPerDocumentMax: 10 } }, async ({ webSocketUrl }) => {
      const client = await RawClient.weft(webSocketUrl)
      for (let channel = 1; channel <= 100; channel++)
        client.sendWeft({ type: 'open', channel, documentId: 'd', token: '', known: { kind: 'nothing' } })
      await eventually('all are answered', () => client.weftMessages.filter((m) => m.type === 'closed').length === 92)
      const closed = await client.weftMessage('closed')
      assert.deepEqual([closed.channel, closed.code, closed.closeCode], [9, 'too-many-sessions', 4503])
      const other = await RawClient.connect(`${webSocketUrl}/d`)
      await other.yMessage('sync-step-1')
      client.sendWeft({ type: 'close', channel: 1 })
      client.sendWeft({ type: 'open', channel: 101, documentId: 'd', token: '', known: { kind: 'nothing' } })
      await eventually('there is room again', () => client.weftMessages.some((m) => m.type === 'opened' && m.channel === 101))
      for (const one of [client, other]) one.close()
    }))

  test('G1: documentBytesMax: the update is refused with 4413', () =>
    withServer({ limits: { documentBytesMax: 10_000 } }, async ({ webSocketUrl }) => {
      const weft = await RawClient.weft(webSocketUrl)
      weft.sendWeft({ type: 'open', channel: 1, documentId: 'a', token: '', known: { kind: 'nothing' } })
      weft.sendWeft({ type: 'submit', channel: 1, submission: 1, update: updateWith('k', 'x'.repeat(11_000)) })
      const refused = await weft.weftMessage('refused')
      assert.deepEqual([refused.code, refused.closeCode], ['document-too-large', 4413])
      const stockLike = await RawClient.connect(`${webSocketUrl}/a`)
      stockLike.sendY({ type: 'update', update: updateWith('k', 'x'.repeat(11_000)) })
      const closing = await stockLike.closed
      assert.equal(closing.code, 4413)
      assert.ok(stockLike.yMessages.some((message) => message.type === 'auth-denied'))
      weft.close()
    }))

  test('G1: handshakeMsMax: a weft client that stays silent is closed', () =>
    withServer({ limits: { handshakeMsMax: 50 } }, async ({ webSocketUrl }) => {
      const client = await RawClient.connect(webSocketUrl, ['weft.1'])
      const closing = await client.closed
      assert.equal(closing.code, 4508)
      assert.match(closing.reason, /hello/)
    }))

  test('G1: silenceMsMax: a y-websocket client gets an empty message after this long', () =>
    withServer({ limits: { silenceMsMax: 30 } }, async ({ webSocketUrl }) => {
      const client = await RawClient.connect(`${webSocketUrl}/a`)
      await eventually(
        'three empty messages',
        () => client.frames.filter((frame) => Buffer.from(frame).equals(Buffer.of(1, 1, 0))).length >= 3,
      )
      client.close()
    }))

  test('G1: attachingBytesMax: a client that writes before its document is open is not read further, and loses nothing', async () => {
    // Opening waits until the test lets it go on.
    let letGo = (): void => {}
    const gate = new Promise<void>((resolve) => {
      letGo = resolve
    })
    class SlowStore extends MemoryStore {
      override async openDocument(documentId: string): Promise<StoredDocument> {
        await gate
        return super.openDocument(documentId)
      }
    }
    const store = new SlowStore({ clock: systemClock })
    await withServer({ store, limits: { attachingBytesMax: 100_000 } }, async ({ webSocketUrl, server }) => {
      const client = await RawClient.weft(webSocketUrl)
      client.sendWeft({ type: 'open', channel: 1, documentId: 'a', token: '', known: { kind: 'nothing' } })
      const count = 400
      for (let submission = 1; submission <= count; submission++)
        client.sendWeft({ type: 'submit', channel: 1, submission, update: updateWith(`k${submission}`, 'x'.repeat(20_000)) })
      const received = (): number => server.counters.get('messages_received')
      await eventually('the server stops reading', () => server.counters.get('reads_held') > 0)
      // Turns of its event loop, in each of which it would read three messages or more.
      const others = await roundTrips(webSocketUrl, count)
      const read = received() - others
      assert.ok(read < count / 2, `${read} of ${count} messages were read`)
      letGo()
      await eventually('everything is acknowledged', () =>
        client.weftMessages.some((m) => m.type === 'acknowledged' && m.through === count),
      )
      client.close()
    })
  })

  test('G1: pendingBytesPerDocumentMax: while the store stalls, writers are not read, not closed for silence, and lose nothing', async () => {
    let letGo = (): void => {}
    const gate = new Promise<void>((resolve) => {
      letGo = resolve
    })
    class StallingStore extends MemoryStore {
      override async append(entries: readonly AppendEntry[]): Promise<AppendResult> {
        await gate
        return super.append(entries)
      }
    }
    const store = new StallingStore({ clock: systemClock })
    const limits = { pendingBytesPerDocumentMax: 100_000, pingPeriodMs: 50, pongMsMax: 50 }
    await withServer({ store, limits }, async ({ webSocketUrl, server }) => {
      const client = await RawClient.weft(webSocketUrl)
      client.sendWeft({ type: 'open', channel: 1, documentId: 'a', token: '', known: { kind: 'nothing' } })
      await client.weftMessage('state')
      const count = 400
      for (let submission = 1; submission <= count; submission++)
        client.sendWeft({ type: 'submit', channel: 1, submission, update: updateWith(`k${submission}`, 'x'.repeat(20_000)) })
      const received = (): number => server.counters.get('messages_received')
      await eventually('the server stops reading', () => server.counters.get('reads_held') > 0)
      // Turns of its event loop, in each of which it would read three messages or more.
      const others = await roundTrips(webSocketUrl, count)
      const read = received() - others
      assert.ok(read < count / 2, `${read} of ${count} messages were read`)
      assert.ok(!client.weftMessages.some((message) => message.type === 'acknowledged'))
      assert.equal(client.closing, null)
      letGo()
      await eventually('everything is acknowledged', () =>
        client.weftMessages.some((m) => m.type === 'acknowledged' && m.through === count),
      )
      client.close()
    })
  })

  test('G2: a weft client that opens without reading is closed as too slow, instead of its answers being queued, and the server goes on', () => {
    const codes: unknown[] = []
    const note = (fields: object): void => void codes.push('code' in fields ? fields.code : null)
    const logger = { debug: () => {}, info: note, warn: note, error: note }
    // No rate stops the flood before.
    const rates = { messagesPerSecondMax: 1_000_000, opensPerSecondMax: 1_000_000 }
    const limits = { sessionsPerConnectionMax: 1, outboxBytesHigh: 2_000, outboxBytesLow: 500, ...rates }
    return withServer({ limits, logger }, async ({ webSocketUrl, server }) => {
      const client = await RawClient.weft(webSocketUrl)
      await client.weftMessage('welcome')
      client.socket.pause()
      // The kernel's buffers, whose size is the machine's, take the first megabytes of the answers.
      let channel = 0
      const isGivenUp = async (): Promise<boolean> => (await readMetric(server.url, 'connections')) === 0
      while (channel < 2_000_000 && !(await isGivenUp())) {
        const before = server.counters.get('messages_received')
        for (let count = 0; count < 20_000; count++)
          client.sendWeft({ type: 'open', channel: ++channel, documentId: 'd', token: '', known: { kind: 'nothing' } })
        await eventually('they are read', async () => server.counters.get('messages_received') >= before + 20_000 || (await isGivenUp()))
      }
      await eventually('it is given up', isGivenUp)
      assert.ok(codes.includes('too-slow'), `it was closed for ${codes.join(', ')}`)
      client.close()
      const other = await RawClient.connect(`${webSocketUrl}/d`)
      await other.yMessage('sync-step-1')
      other.close()
    })
  })
})

describe('the log', () => {
  test('G1: a flood of refusals on many connections writes a bounded number of lines, and everybody is answered', async () => {
    let lines = 0
    const count = (): void => void lines++
    const logger = { debug: () => {}, info: count, warn: count, error: count }
    await withServer(
      { logger, limits: { logLinesPerKindMax: 20, logLinesPerConnectionMax: 2, documentIdBytesMax: 5 } },
      async ({ webSocketUrl }) => {
        const before = lines
        const clients = await Promise.all(Array.from({ length: 5 }, () => RawClient.weft(webSocketUrl)))
        for (const client of clients)
          for (let channel = 1; channel <= 2_000; channel++)
            client.sendWeft({ type: 'open', channel, documentId: `too long ${channel}`, token: '', known: { kind: 'nothing' } })
        await eventually('all are answered', () => clients.every((client) => client.frames.length === 2_001))
        assert.ok(lines - before <= 10, `${lines - before} lines for 10,000 refusals`)
        for (let round = 0; round < 100; round++) {
          const client = await RawClient.connect(`${webSocketUrl}/too-long`)
          assert.equal((await client.closed).code, 4400)
        }
        assert.ok(lines - before <= 20, `${lines - before} lines for 10,100 refusals`)
        for (const client of clients) client.close()
      },
    )
  })
})

describe('permissions', () => {
  const readOnlyHere: ServerOptions = {
    authorize: ({ documentId, token }) => {
      if (token === 'wrong') return Promise.reject(new WeftError('unauthenticated', 'The token is not valid.'))
      if (documentId === 'secret') return Promise.reject(new WeftError('forbidden', 'You may not open this document.'))
      return Promise.resolve({ user: 'u', permission: token === 'writer' ? 'read-write' : 'read-only' })
    },
  }

  test('G6: a read-only y-websocket client is told so, its edit reaches nobody, and it goes on reading', () =>
    withServer(readOnlyHere, async ({ webSocketUrl }) => {
      const reader = await RawClient.connect(`${webSocketUrl}/a`)
      reader.sendY({ type: 'sync-step-1', stateVector: Uint8Array.of(0) })
      reader.sendY({ type: 'update', update: updateWith('forbidden', 1) })
      const denied = await reader.yMessage('auth-denied')
      assert.match(denied.reason, /not change it/)
      const doc = new Y.Doc()
      const writer = new WebsocketProvider(webSocketUrl, 'a', doc, { ...stock, params: { token: 'writer' } })
      await eventually('the writer is synced', () => writer.synced)
      assert.equal(doc.getMap('notes').has('forbidden'), false)
      doc.getMap('notes').set('allowed', 1)
      await reader.yMessage('update')
      assert.equal(reader.closing, null)
      reader.close()
      writer.destroy()
      doc.destroy()
    }))

  test('G5: who may not come in learns why: 4401 and 4403', () =>
    withServer(readOnlyHere, async ({ webSocketUrl }) => {
      const wrong = await RawClient.connect(`${webSocketUrl}/a?token=wrong`)
      assert.deepEqual(await wrong.closed, { code: 4401, reason: 'The token is not valid.' })
      const secret = await RawClient.connect(`${webSocketUrl}/secret`)
      assert.deepEqual(await secret.closed, { code: 4403, reason: 'You may not open this document.' })
      const weft = await RawClient.weft(webSocketUrl)
      weft.sendWeft({ type: 'open', channel: 1, documentId: 'secret', token: '', known: { kind: 'nothing' } })
      assert.equal((await weft.weftMessage('closed')).closeCode, 4403)
      weft.close()
    }))

  test('G6: a weft client is told its permission, refused by number, and told when a new token changes it', () =>
    withServer(readOnlyHere, async ({ webSocketUrl }) => {
      const client = await RawClient.weft(webSocketUrl)
      client.sendWeft({ type: 'open', channel: 1, documentId: 'a', token: '', known: { kind: 'nothing' } })
      assert.equal((await client.weftMessage('opened')).permission, 'read-only')
      client.sendWeft({ type: 'submit', channel: 1, submission: 1, update: updateWith('k', 1) })
      assert.equal((await client.weftMessage('refused')).code, 'forbidden')
      client.sendWeft({ type: 'token', channel: 1, token: 'writer' })
      assert.equal((await client.weftMessage('permission')).permission, 'read-write')
      client.sendWeft({ type: 'submit', channel: 1, submission: 2, update: updateWith('k', 1) })
      assert.equal((await client.weftMessage('acknowledged')).through, 2)
      client.close()
    }))
})
