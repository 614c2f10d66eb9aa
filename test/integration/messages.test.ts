// What applications say beside their edits, over real sockets: our client, Hocuspocus' published providers, the program and the API; who may, how much, and across nodes.
import { strict as assert } from 'node:assert'
import { type TestContext, test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect, type DocumentSession, type ReceivedMessage, type WeftConnection } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import type { Authorization, ServerOptions } from '../../server/index.js'
import { type Provider, type ProviderVersion, providerSocket } from '../helpers/hocuspocus.js'
import { LocalCluster } from '../helpers/local-cluster.js'
import { startLocalServer } from '../helpers/local-server.js'
import { until } from '../helpers/until.js'

const adminKey = 'the-key-of-the-operator'

/** Everybody is who their token says, with `reader` before it for who may not write. */
function authorize({ token }: { readonly token: string }): Authorization {
  const [user = '', role = 'writer'] = token.split('/')
  return {
    user: user || null,
    permission: role === 'reader' ? 'read-only' : 'read-write',
    ...(role === 'chatter' ? { messages: false } : {}),
  }
}

/** Closed before the server is, in the reverse of the order in which they are made. */
function scene(context: TestContext) {
  const closing: (() => unknown)[] = []
  context.after(async () => {
    for (const close of closing.reverse()) await close()
  })
  return {
    closing,
    async server(options: ServerOptions = {}) {
      const local = await startLocalServer({ authorize, access: { adminKey }, ...options })
      closing.push(() => local.server.close())
      return local
    },
    connection(url: string, token: string): WeftConnection {
      const connection = connect(url, { token, logger: silentLogger })
      closing.push(() => connection.close())
      return connection
    },
    provider(version: ProviderVersion, url: string, name: string, token: string): Provider {
      const socket = providerSocket(version, url)
      closing.push(() => new Promise((resolve) => setImmediate(resolve)))
      closing.push(() => socket.destroy())
      return socket.open(name, { token })
    },
  }
}

/** What a session hears, and its words alone. */
async function listen(session: DocumentSession): Promise<{ readonly messages: ReceivedMessage[]; readonly words: string[] }> {
  const [messages, words]: [ReceivedMessage[], string[]] = [[], []]
  session.on('message', (message) => {
    messages.push(message)
    words.push(message.payload)
  })
  await session.synced
  return { messages, words }
}

async function listenTo(provider: Provider): Promise<string[]> {
  const words: string[] = []
  provider.on('stateless', ({ payload }: { readonly payload: string }) => void words.push(payload))
  await until(() => provider.synced, 'the provider is in step')
  return words
}

async function say(url: string, path: string, payload: string, token = adminKey): Promise<number> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ payload }),
  })
  await response.arrayBuffer()
  return response.status
}

test('in a room of all dialects everybody but the speaker hears it once: broadcast, sendStateless, the program, and the API; nothing is stored, and all come back who are closed together', async (context) => {
  const at = scene(context)
  const { server, webSocketUrl } = await at.server()
  const ada = at.connection(webSocketUrl, 'ada').open('notes', new Y.Doc())
  const bob = at.connection(webSocketUrl, 'bob').open('notes', new Y.Doc())
  const elsewhere = at.connection(webSocketUrl, 'bob').open('other', new Y.Doc())
  const providers = ([2, 3, 4] as const).map((version) => at.provider(version, webSocketUrl, 'notes', `h${version}`))
  const stock = new WebsocketProvider(webSocketUrl, 'notes', new Y.Doc(), {
    params: { token: 'stock' },
    WebSocketPolyfill: WebSocket as never,
    disableBc: true,
  })
  at.closing.push(() => {
    stock.awareness.destroy()
    stock.destroy()
  })
  const [a, b, e] = await Promise.all([listen(ada), listen(bob), listen(elsewhere)])
  const heard = await Promise.all(providers.map(listenTo))
  await until(() => stock.synced, 'the stock provider is in step')
  // An edit after it, so that whoever has seen that has heard all that was said before.
  const afterwards = async (): Promise<void> => {
    ada.doc.getText('body').insert(0, 'x')
    const length = ada.doc.getText('body').length
    const docs = [bob.doc, stock.doc, ...providers.map(({ document }) => document)]
    await until(() => docs.every((doc) => doc.getText('body').length === length), 'everybody has the edit')
  }
  assert.equal(ada.broadcast('from ada'), true)
  await afterwards()
  assert.deepEqual([a.words, b.words, ...heard], [[], ['from ada'], ['from ada'], ['from ada'], ['from ada']])
  assert.equal(b.messages[0]?.user, 'ada')
  bob.broadcast('to ada alone', { to: { session: b.messages[0]?.sessionId ?? '' } })
  bob.broadcast('to h3', { to: { user: 'h3' } })
  const [, , last] = providers
  last?.sendStateless('from version 4')
  server.document('notes').broadcast('from the program')
  server.document('notes').broadcast('by a user', { user: 'eve' })
  assert.equal(await say(server.url, '/documents/notes/messages', 'over the API'), 200)
  await until(() => [a.words, b.words].every((words) => words.includes('over the API') && words.includes('from version 4')), 'it was heard')
  await until(() => a.words.includes('to ada alone') && heard[1]?.includes('to h3') === true, 'those for one alone, too')
  await afterwards()
  const all = ['from the program', 'by a user', 'over the API']
  assert.deepEqual(a.words.toSorted(), ['to ada alone', 'from version 4', ...all].toSorted())
  assert.deepEqual(b.words.toSorted(), ['from ada', 'from version 4', ...all].toSorted())
  assert.deepEqual(heard[0]?.toSorted(), ['from ada', 'from version 4', ...all].toSorted())
  assert.deepEqual(heard[1]?.toSorted(), ['from ada', 'from version 4', 'to h3', ...all].toSorted())
  assert.deepEqual(heard[2]?.toSorted(), ['from ada', ...all].toSorted())
  assert.deepEqual(e.words, [])
  assert.deepEqual(
    a.messages.filter(({ sessionId }) => sessionId === null).map(({ payload, user }) => [payload, user]),
    [
      ['from the program', null],
      ['by a user', 'eve'],
      ['over the API', 'admin'],
    ],
  )
  // Whoever is closed with all others comes back, by each dialect, hears what is said then, and loses nothing.
  const before = [...server.access.sessions.onDocument('notes')].map(({ sessionId }) => sessionId)
  const others = [...server.access.sessions.onDocument('other')].map(({ sessionId }) => sessionId)
  await server.document('notes').closeSessions()
  ada.doc.getText('body').insert(0, 'y')
  const isNew = ({ sessionId }: { readonly sessionId: string }): boolean => !before.includes(sessionId)
  await until(() => [...server.access.sessions.onDocument('notes')].filter(isNew).length === before.length, 'everybody is back')
  await until(() => stock.synced && providers.every(({ synced }) => synced), 'and in step')
  await afterwards()
  assert.deepEqual(
    [...server.access.sessions.onDocument('other')].map(({ sessionId }) => sessionId).filter((one) => !others.includes(one)),
    [],
  )
  assert.ok([...server.access.sessions.onDocument('notes')].every(isNew))
  // Nobody who comes later hears it.
  const late = at.connection(webSocketUrl, 'late').open('notes', new Y.Doc())
  const l = await listen(late)
  await afterwards()
  assert.deepEqual(l.words, [])
  assert.equal((await server.history?.document('notes'))?.head, ada.doc.getText('body').length, 'the log has the edits, and nothing else')
})

test('a user hears it once on each connection, a session alone; and only who may administer everything reaches them over the API', async (context) => {
  const at = scene(context)
  const { server, webSocketUrl } = await at.server()
  const first = at.connection(webSocketUrl, 'ada')
  const sessions = [first.open('a', new Y.Doc()), first.open('b', new Y.Doc()), at.connection(webSocketUrl, 'ada').open('a', new Y.Doc())]
  const bob = at.connection(webSocketUrl, 'bob').open('a', new Y.Doc())
  const heard = await Promise.all(sessions.map(listen))
  const b = await listen(bob)
  server.users('ada').send('program')
  assert.equal(await say(server.url, '/users/ada/messages', 'api'), 200)
  const words = (): string[] => heard.flatMap((one) => one.words)
  await until(() => words().length === 4, 'both connections heard both')
  assert.deepEqual(words().toSorted(), ['api', 'api', 'program', 'program'])
  assert.deepEqual(b.words, [])
  bob.broadcast('who is here?')
  await until(
    () => heard.filter(({ messages }) => messages.some(({ user }) => user === 'bob')).length === 2,
    'both on the document heard it',
  )
  const sessionId = [...server.access.sessions.all].find(({ user }) => user === 'bob')?.sessionId ?? ''
  server.sessions(sessionId).send('program')
  assert.equal(await say(server.url, `/sessions/${sessionId}/messages`, 'api'), 200)
  await until(() => b.words.length === 2, 'the session heard both')
  assert.deepEqual(b.words.toSorted(), ['api', 'program'])
  assert.equal(await say(server.url, '/users/ada/messages', 'x', 'bob'), 403)
  assert.equal(await say(server.url, `/sessions/${sessionId}/messages`, 'x', 'bob'), 403)
  assert.equal(await say(server.url, '/documents/a/messages', 'x', 'bob/reader'), 403)
  assert.equal(await say(server.url, '/documents/a/messages', 'x'.repeat(17 * 1024)), 413)
})

test('who may not write is told so and not heard, unless authorize says otherwise, either way; readers hear', async (context) => {
  const at = scene(context)
  const { webSocketUrl } = await at.server({
    authorize: (request) => ({ ...authorize(request), ...(request.token === 'eve/reader' ? { messages: true } : {}) }),
  })
  const writer = at.connection(webSocketUrl, 'ada').open('notes', new Y.Doc())
  const w = await listen(writer)
  const reader = at.connection(webSocketUrl, 'bob/reader').open('notes', new Y.Doc())
  const r = await listen(reader)
  const silent = at.connection(webSocketUrl, 'cy/chatter').open('notes', new Y.Doc())
  const chatting = at.connection(webSocketUrl, 'eve/reader').open('notes', new Y.Doc())
  await Promise.all([silent.synced, chatting.synced])
  const stock = at.provider(4, webSocketUrl, 'notes', 'dan/reader')
  const s = await listenTo(stock)
  const notices: string[] = []
  for (const session of [reader, silent]) session.on('notice', ({ code, reason }) => void notices.push(`${code}: ${reason}`))
  reader.broadcast('no')
  reader.broadcast('no')
  silent.broadcast('no')
  stock.sendStateless('no')
  await until(() => notices.length === 2, 'both were told')
  assert.match(notices[0] ?? '', /^forbidden: You may read this document but not send messages/)
  chatting.broadcast('a reader speaks')
  writer.broadcast('yes')
  await until(() => r.words.length === 2 && w.words.length === 1 && s.length === 2, 'what may be said is heard')
  assert.deepEqual(
    [r.words.toSorted(), w.words, s.toSorted()],
    [['a reader speaks', 'yes'], ['a reader speaks'], ['a reader speaks', 'yes']],
  )
  assert.equal(notices.length, 2, 'once for each')
})

test('G1: too much, or too large, is dropped with a notice, and neither the speaker nor the edits suffer', async (context) => {
  const at = scene(context)
  const { server, webSocketUrl } = await at.server({ limits: { appMessagesPerSecondMax: 1 } })
  const ada = at.connection(webSocketUrl, 'ada').open('notes', new Y.Doc())
  const bob = at.connection(webSocketUrl, 'bob').open('notes', new Y.Doc())
  const b = await listen(bob)
  await ada.synced
  const notices: string[] = []
  ada.on('notice', ({ code }) => void notices.push(code))
  ada.broadcast('x'.repeat(17 * 1024))
  for (let count = 0; count < 200; count++) ada.broadcast(String(count))
  ada.doc.getText('body').insert(0, 'an edit')
  await ada.saved()
  await until(() => bob.doc.getText('body').toString() === 'an edit', 'the edit is there')
  assert.deepEqual(notices.toSorted(), ['message-too-large', 'overloaded'])
  assert.equal(b.words[0], '0')
  assert.ok(b.words.length < 150, `${b.words.length} of 200 were passed on`)
  assert.equal(server.counters.get('app_messages_dropped'), 201 - b.words.length)
})

test('the hook is asked about what clients say, may keep it from the others and answer, and nobody hears what it fails on', async (context) => {
  const at = scene(context)
  const { server, webSocketUrl } = await at.server({
    hooks: {
      onMessage: ({ documentId, sessionId, user, payload }) => {
        if (payload === 'broken') throw new Error('broken')
        if (payload !== 'what time is it?') return true
        server.sessions(sessionId).send(`${user} asks on ${documentId}`)
        return false
      },
    },
  })
  const provider = at.provider(4, webSocketUrl, 'notes', 'ada')
  const bob = at.connection(webSocketUrl, 'bob').open('notes', new Y.Doc())
  const [p, b] = [await listenTo(provider), await listen(bob)]
  for (const words of ['broken', 'what time is it?', 'hello']) provider.sendStateless(words)
  await until(() => p.length === 1 && b.words.length === 1, 'both heard theirs')
  assert.deepEqual([p, b.words], [['ada asks on notes'], ['hello']])
})

test('nothing is sent, and false answered, while there is no connection', async (context) => {
  const at = scene(context)
  const { webSocketUrl } = await at.server()
  const session = at.connection(webSocketUrl, 'ada').open('notes', new Y.Doc())
  assert.equal(session.broadcast('too early'), false)
  await session.synced
  assert.equal(session.broadcast('now'), true)
  await session.close()
  assert.equal(session.broadcast('too late'), false)
})

test('messages in a cluster: they cross nodes once, reach users and sessions wherever they are, and a Redis that hangs costs messages and no edit', async (context) => {
  const cluster = await LocalCluster.start({ nodes: 2, flags: ['--admin-key', adminKey] })
  context.after(() => cluster.stop())
  const at = scene(context)
  const [one, two] = cluster.nodes
  assert.ok(one !== undefined && two !== undefined)
  const ticket = async (user: string): Promise<string> => {
    const response = await fetch(`${one.url}/api/v1/tickets`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${adminKey}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ user, documents: { '**': 'write' } }),
    })
    return ((await response.json()) as { readonly ticket: string }).ticket
  }
  const ada = at.connection(one.webSocketUrl, await ticket('ada')).open('notes', new Y.Doc())
  const bob = at.connection(two.webSocketUrl, await ticket('bob')).open('notes', new Y.Doc())
  const other = at.connection(two.webSocketUrl, await ticket('ada')).open('other', new Y.Doc())
  const provider = at.provider(4, two.webSocketUrl, 'notes', await ticket('h4'))
  const [a, b, o, h] = [await listen(ada), await listen(bob), await listen(other), await listenTo(provider)]
  // A node hears another one once Redis has its subscription.
  await until(() => ada.broadcast('?') && h.includes('?') && b.words.includes('?'), 'the first message crossed')
  await until(() => bob.broadcast('!') && a.words.includes('!'), 'and one the other way')
  const fresh = (words: readonly string[]): readonly string[] => words.filter((word) => word !== '?' && word !== '!')
  const all = (): readonly (readonly string[])[] => [a.words, b.words, o.words, h].map(fresh)
  ada.broadcast('from ada')
  provider.sendStateless('from h4')
  bob.broadcast('for ada here', { to: { user: 'ada' } })
  await until(() => all().flat().length === 5, 'all of it arrived')
  assert.deepEqual(
    all().map((words) => words.toSorted()),
    [['for ada here', 'from h4'], ['from ada', 'from h4'], [], ['from ada']],
  )
  assert.equal(await say(one.url, '/users/ada/messages', 'for ada everywhere'), 200)
  assert.equal(await say(two.url, '/documents/notes/messages', 'for the document'), 200)
  const bobsSession = a.messages.find(({ user }) => user === 'bob')?.sessionId ?? ''
  assert.equal(await say(one.url, `/sessions/${bobsSession}/messages`, 'for bob'), 200)
  await until(() => all().flat().length === 5 + 2 + 3 + 1, 'that arrived, too')
  assert.deepEqual(fresh(o.words), ['for ada everywhere'])
  assert.deepEqual(fresh(b.words).slice(2).toSorted(), ['for bob', 'for the document'])
  assert.deepEqual(fresh(h).slice(1), ['for the document'])
  cluster.redis.pause()
  context.after(() => cluster.redis.resume())
  ada.broadcast('while Redis hangs')
  ada.doc.getText('body').insert(0, 'an edit')
  await ada.saved()
  await until(() => bob.doc.getText('body').toString() === 'an edit', 'the edit crosses all the same')
  cluster.redis.resume()
  await until(() => ada.broadcast('again') && b.words.includes('again'), 'messages cross again')
  assert.ok(b.words.filter((words) => words === 'while Redis hangs').length <= 1)
})
