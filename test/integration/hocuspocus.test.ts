// Hocuspocus' published providers, versions 2, 3 and 4, unchanged, against our server: documents, cursors, tokens, readers, kills, and rooms that they share with others.
import { strict as assert } from 'node:assert'
import { describe, type TestContext, test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { defaultLimits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import { type ServerOptions, WeftError } from '../../server/index.js'
import { type Provider, type ProviderSocket, type ProviderVersion, providerSocket } from '../helpers/hocuspocus.js'
import { type LocalServer, startLocalServer } from '../helpers/local-server.js'
import { ServerProcess } from '../helpers/server-process.js'
import { until } from '../helpers/until.js'

/** The sockets of each test: they end before their server does, since a provider that is destroyed while it connects goes on trying. */
const sockets = new WeakMap<TestContext, ProviderSocket[]>()

function endWith(context: TestContext, close: () => Promise<void>): void {
  context.after(async () => {
    for (const socket of sockets.get(context) ?? []) socket.destroy()
    await new Promise((resolve) => setImmediate(resolve))
    await close()
  })
}

async function start(context: TestContext, options: ServerOptions = {}): Promise<LocalServer> {
  const local = await startLocalServer(options)
  endWith(context, () => local.server.close())
  return local
}

function socketFor(context: TestContext, version: ProviderVersion, url: string): ProviderSocket {
  const socket = providerSocket(version, url)
  sockets.set(context, [...(sockets.get(context) ?? []), socket])
  return socket
}

async function inStep(provider: Provider): Promise<void> {
  await until(() => provider.synced && provider.unsyncedChanges === 0, 'the provider is in step')
}
const textOf = ({ document }: Provider): string => document.getText('body').toString()

for (const version of [2, 3, 4] as const)
  describe(`Hocuspocus' provider ${version}`, () => {
    test('S1: several documents on one socket, two sockets on one document, and what is typed before it is connected', async (context) => {
      const { webSocketUrl } = await start(context)
      const one = socketFor(context, version, webSocketUrl)
      const a = one.open('notes/a')
      const b = one.open('b é')
      a.document.getText('body').insert(0, 'typed at once')
      await Promise.all([inStep(a), inStep(b)])
      const two = socketFor(context, version, webSocketUrl)
      const again = two.open('notes/a')
      await inStep(again)
      assert.equal(textOf(again), 'typed at once')
      again.document.getText('body').insert(0, 'and ')
      b.document.getText('body').insert(0, 'other')
      await until(() => textOf(a) === 'and typed at once', 'the other sees it')
      assert.equal(textOf(b), 'other')
      await Promise.all([inStep(a), inStep(b), inStep(again)])
    })

    test('what was typed while it was away is counted once, with its step 2, and a sync that is forced is counted as well', async (context) => {
      const { webSocketUrl } = await start(context)
      const socket = socketFor(context, version, webSocketUrl)
      const provider = socket.open('notes')
      await inStep(provider)
      socket.disconnect()
      await until(() => !provider.synced, 'it is gone')
      for (const word of ['one ', 'two ', 'three ']) provider.document.getText('body').insert(0, word)
      const counted: number[] = []
      provider.on('unsyncedChanges', () => counted.push(provider.unsyncedChanges))
      socket.connect()
      await until(() => provider.synced && provider.isAuthenticated, 'it is back')
      await inStep(provider)
      // A document that everybody sees proves that nothing is on its way any more.
      const other = socketFor(context, version, webSocketUrl).open('notes')
      await until(() => textOf(other) === 'three two one ', 'the other sees it')
      other.document.getText('body').insert(0, 'four ')
      await until(() => textOf(provider) === 'four three two one ', 'it sees the other')
      assert.deepEqual(counted, [1, 0])
      provider.forceSync()
      assert.equal(provider.unsyncedChanges, 1)
      await inStep(provider)
    })

    test('A1: cursors, seen by all, gone with whoever leaves one document, while the socket stays', async (context) => {
      const { webSocketUrl } = await start(context)
      const one = socketFor(context, version, webSocketUrl)
      const a = one.open('notes')
      const other = one.open('other')
      const b = socketFor(context, version, webSocketUrl).open('notes')
      await Promise.all([inStep(a), inStep(b), inStep(other)])
      a.awareness?.setLocalStateField('user', { name: 'Ada' })
      b.awareness?.setLocalStateField('user', { name: 'Bob' })
      await until(() => b.awareness?.getStates().get(a.document.clientID)?.['user']?.name === 'Ada', 'Bob sees Ada')
      await until(() => a.awareness?.getStates().get(b.document.clientID)?.['user']?.name === 'Bob', 'Ada sees Bob')
      a.destroy()
      await until(() => b.awareness?.getStates().has(a.document.clientID) === false, 'Ada is gone')
      other.document.getText('body').insert(0, 'still here')
      await inStep(other)
    })

    test('G6: a reader reads, what it writes is not taken, and it is not told that it is saved', async (context) => {
      const { webSocketUrl } = await start(context, {
        authorize: ({ token }) => ({ user: token, permission: token === 'reader' ? 'read-only' : 'read-write' }),
      })
      const writer = socketFor(context, version, webSocketUrl).open('notes', { token: 'writer' })
      writer.document.getText('body').insert(0, 'hello world')
      writer.document.getText('body').delete(0, 6)
      await inStep(writer)
      const socket = socketFor(context, version, webSocketUrl)
      const reader = socket.open('notes', { token: 'reader' })
      await inStep(reader)
      assert.equal(reader.authorizedScope, 'readonly')
      // It comes back with deletions that it knows, which are nothing new.
      socket.disconnect()
      await until(() => !reader.synced, 'it is gone')
      socket.connect()
      await until(() => reader.isAuthenticated && textOf(reader) === 'world', 'it is back')
      await inStep(reader)
      const unsynced = reader.unsyncedChanges + 1
      reader.document.getText('body').insert(0, 'never ')
      await until(() => reader.unsyncedChanges === unsynced, 'it is not saved')
      writer.document.getText('body').insert(5, '!')
      await until(() => textOf(reader).endsWith('world!'), 'it goes on reading')
      assert.equal(reader.unsyncedChanges, unsynced)
      assert.equal(textOf(writer), 'world!')
    })

    test('G5: a refusal for good is said in-band, with its words, and the socket stays for other documents; a better token opens the document', async (context) => {
      const { webSocketUrl, server } = await start(context, {
        authorize: ({ documentId, token }) => {
          if (documentId === 'secret' && token !== 'better') throw new WeftError('forbidden', 'This document was not shared with you.')
          return { user: null, permission: 'read-write' }
        },
      })
      const secret = server.document('secret')
      await secret.transact((doc) => doc.getText('body').insert(0, 'of others'))
      const socket = socketFor(context, version, webSocketUrl)
      let token = 'worse'
      const refused = socket.open('secret', { token: () => token })
      const other = socket.open('notes', { token })
      const reason = await new Promise<string>((resolve) =>
        refused.on('authenticationFailed', ({ reason: words }: { reason: string }) => resolve(words)),
      )
      assert.equal(reason, 'This document was not shared with you.')
      await inStep(other)
      const accepted = server.counters.get('connections_accepted')
      // What it still sends is no further attempt.
      refused.document.getText('body').insert(0, 'x')
      token = 'better'
      // Version 2 has no way to show another one, but to begin anew.
      if (version === 2) refused.destroy()
      const again = version === 2 ? socket.open('secret', { token }) : refused
      if (version > 2) await again.sendToken()
      await until(() => again.isAuthenticated, 'it is let in')
      other.document.getText('body').insert(0, 'x')
      await inStep(other)
      // It does not ask again: it gets what is there, and what it had typed is there and counted.
      await until(() => textOf(again).includes('of others'), 'it has what others wrote')
      await inStep(again)
      again.document.getText('body').insert(0, 'y')
      assert.equal(again.unsyncedChanges, 1)
      await inStep(again)
      assert.equal((await secret.read()).getText('body').toString(), textOf(again))
      assert.equal(textOf(again).includes('x'), version > 2)
      assert.equal(server.counters.get('connections_accepted'), accepted, 'nobody had to come back')
    })

    test('X3: a token that ends is asked for in time, and the session goes on; one that is revoked ends it', async (context) => {
      let asked = 0
      const local = await start(context, {
        authorize: ({ token }) => ({
          user: token.split('/')[0] ?? null,
          permission: 'read-write',
          expiresAt: Date.now() + (token.endsWith('long') ? 3_600_000 : 1_500),
        }),
      })
      const socket = socketFor(context, version, local.webSocketUrl)
      const provider = socket.open('notes', {
        token: () => {
          asked += 1
          return asked === 1 ? 'ada/short' : 'ada/long'
        },
      })
      await inStep(provider)
      const denied = new Promise((resolve) => provider.on('authenticationFailed', resolve))
      // Version 2 knows no request for a token: it is refused when the token ends.
      if (version === 2) {
        await denied
        return
      }
      await until(() => asked === 2, 'it was asked for another token')
      provider.document.getText('body').insert(0, 'x')
      await inStep(provider)
      await local.server.access.revocations.revoke('user', 'ada', null)
      await denied
    })

    test('D1: kill -9: whatever the provider counted as synced is there, and what it had not is sent again', async (context) => {
      const server = await ServerProcess.start()
      endWith(context, () => server.dispose())
      const socket = socketFor(context, version, server.webSocketUrl)
      const provider = socket.open('notes')
      await inStep(provider)
      let written = 0
      for (let round = 0; round < 2; round++) {
        for (let edit = 0; edit < 10; edit++) {
          provider.document.getText('body').insert(written, 'x')
          written += 1
        }
        await inStep(provider)
        // More, of which nobody knows whether it was committed.
        provider.document.getText('body').insert(written, 'y')
        written += 1
        await server.kill()
        await server.restart()
        const reader = connect(server.webSocketUrl, { logger: silentLogger })
        const read = new Y.Doc()
        await reader.open('notes', read).synced
        assert.ok(read.getText('body').length >= written - 1, `${read.getText('body').length} of ${written} in round ${round}`)
        await reader.close()
        read.destroy()
        await inStep(provider)
      }
      const late = socketFor(context, version, server.webSocketUrl).open('notes')
      await inStep(late)
      await until(() => textOf(late) === textOf(provider), 'a late joiner has all of it')
      assert.equal(textOf(late).length, written)
    })
  })

test('S1: one room of all dialects: everybody reads what everybody writes, and sees everybody’s cursors', async (context) => {
  const { webSocketUrl } = await start(context)
  const hocuspocus = ([2, 3, 4] as const).map((version) => socketFor(context, version, webSocketUrl).open('notes'))
  const stock = new WebsocketProvider(webSocketUrl, 'notes', new Y.Doc(), {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  const connection = connect(webSocketUrl, { logger: silentLogger })
  const doc = new Y.Doc()
  const session = connection.open('notes', doc)
  context.after(async () => {
    stock.destroy()
    stock.doc.destroy()
    await connection.close()
    doc.destroy()
  })
  await Promise.all([session.synced, until(() => stock.synced, 'the stock provider is in step'), ...hocuspocus.map(inStep)])
  const docs = [...hocuspocus.map(({ document }) => document), stock.doc, doc]
  const awarenesses = [...hocuspocus.map(({ awareness }) => awareness), stock.awareness, session.awareness]
  docs.forEach((one, index) => {
    one.getText('body').insert(0, `${index}`)
    one.getMap('seen').set(String(index), true)
    awarenesses[index]?.setLocalStateField('user', { index })
  })
  await until(() => docs.every((one) => one.getMap('seen').size === docs.length), 'everybody has everything')
  assert.equal(new Set(docs.map((one) => one.getText('body').toString())).size, 1)
  await until(
    () => awarenesses.every((one) => docs.every(({ clientID }) => one?.getStates().has(clientID) === true)),
    'everybody sees all cursors',
  )
})

test('A2: two sessions on one document over one socket, each with an awareness of its own (session awareness)', async (context) => {
  const { webSocketUrl } = await start(context)
  const socket = socketFor(context, 4, webSocketUrl)
  const [one, two] = [socket.open('notes', { sessionAwareness: true }), socket.open('notes', { sessionAwareness: true })]
  await Promise.all([inStep(one), inStep(two)])
  one.awareness?.setLocalStateField('user', { name: 'one' })
  two.awareness?.setLocalStateField('user', { name: 'two' })
  one.document.getText('body').insert(0, 'x')
  await until(() => textOf(two) === 'x', 'the other session sees the edit')
  await until(() => one.awareness?.getStates().has(two.document.clientID) === true, 'and the cursor')
  one.destroy()
  await until(() => two.awareness?.getStates().has(one.document.clientID) === false, 'which goes with it')
  two.document.getText('body').insert(0, 'y')
  await inStep(two)
})

test('a provider that is new at an address that was refused, and shows a better token, is asked once for what it has, however late its step 1 comes', async (context) => {
  const { webSocketUrl } = await start(context, {
    authorize: ({ token }) => {
      if (token !== 'better') throw new WeftError('forbidden', 'Not shared with you.')
      return { user: null, permission: 'read-write' }
    },
  })
  const socket = new WebSocket(webSocketUrl)
  context.after(() => socket.terminate())
  const frames: string[] = []
  socket.on('message', (data: Buffer) => frames.push([...data.subarray(2, 4)].join()))
  await new Promise((resolve) => socket.once('open', resolve))
  const send = (...bytes: readonly number[]): void => socket.send(Uint8Array.from([1, 0x61, ...bytes]))
  const token = (text: string): void => send(2, 0, text.length, ...Buffer.from(text))
  const [stepOne, stepTwo, denied, synced] = ['0,0', '0,1', '2,1', '8,1']
  const count = (frame: string): number => frames.filter((one) => one === frame).length
  token('worse')
  await until(() => count(denied) === 1, 'it is refused')
  send(0, 0, 1, 0)
  token('better')
  await until(() => count(stepTwo) === 1, 'what the refused one had asked for is answered')
  send(0, 0, 1, 0)
  await until(() => count(stepTwo) === 2, 'the new one has what is there')
  assert.equal(count(stepOne), 1)
  send(0, 1, 2, 0, 0)
  await until(() => count(synced) === 1, 'what it has is saved')
  // Later ones are a sync that is forced, and count anew.
  send(0, 0, 1, 0)
  await until(() => count(stepOne) === 2, 'it is asked anew')
  assert.equal(count(synced), 1)
})

test('G1: what comes for no session is bounded, and bad bytes close that connection only', async (context) => {
  const { webSocketUrl } = await start(context)
  const bystander = socketFor(context, 4, webSocketUrl).open('notes')
  await inStep(bystander)
  const raw = async (frames: readonly (readonly number[])[]): Promise<number> => {
    const socket = new WebSocket(webSocketUrl)
    await new Promise((resolve) => socket.once('open', resolve))
    const closed = new Promise<number>((resolve) => socket.once('close', resolve))
    for (const frame of frames) socket.send(Uint8Array.from(frame))
    return closed
  }
  // Without a session there is nothing to ask, write or show there.
  const ignored = Array.from({ length: defaultLimits.ignoredMessagesPerConnectionMax + 1 }, () => [1, 0x61, 3])
  assert.equal(await raw(ignored), 4400)
  assert.equal(
    await raw([
      [1, 0x61, 2, 0, 0],
      [1, 0x61, 0, 0, 9, 1],
    ]),
    4400,
  )
  assert.equal(await raw([[5, 0x61]]), 4400)
  bystander.document.getText('body').insert(0, 'x')
  await inStep(bystander)
})
