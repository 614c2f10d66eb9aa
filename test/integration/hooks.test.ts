// The hooks of the embedding program, and what it does itself: edits are looked at and refused, documents begin with what the program has, changes are told, and the
// program and its agents edit by the same path as everybody.
import { strict as assert } from 'node:assert'
import { type TestContext, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { type ConnectOptions, connect, type DocumentSession } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { type ConnectionInfo, createServer, type DocumentChange, type Hooks, type ServerOptions, WeftError } from '../../server/index.js'
import { providerSocket } from '../helpers/hocuspocus.js'
import { type LocalServer, startLocalServer } from '../helpers/local-server.js'
import { RawClient } from '../helpers/raw-client.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'
import { until } from '../helpers/until.js'

async function start(t: TestContext, hooks: Hooks, options: ServerOptions = {}): Promise<LocalServer> {
  const local = await startLocalServer({ hooks, ...options })
  t.after(() => local.server.close())
  return local
}

function open(t: TestContext, local: LocalServer, documentId: string, options: ConnectOptions = {}): DocumentSession {
  const connection = connect(local.webSocketUrl, { logger: silentLogger, ...options })
  const doc = new Y.Doc()
  t.after(async () => {
    await connection.close()
    doc.destroy()
  })
  return connection.open(documentId, doc)
}

function stock(t: TestContext, local: LocalServer, documentId: string): WebsocketProvider {
  const provider = new WebsocketProvider(local.webSocketUrl, documentId, new Y.Doc(), {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  t.after(() => {
    provider.destroy()
    provider.doc.destroy()
  })
  return provider
}

function stateOf(text: string): Uint8Array {
  const doc = new Y.Doc()
  doc.getText('body').insert(0, text)
  const state = Y.encodeStateAsUpdate(doc)
  doc.destroy()
  return state
}

test('beforeEdit sees every edit of every client and of the API, in order, and what it refuses is written nowhere', async (t) => {
  const seen: string[] = []
  const local = await start(t, {
    beforeEdit: async ({ documentId, update, from }) => {
      const doc = new Y.Doc()
      Y.applyUpdate(doc, update)
      await new Promise((resolve) => setImmediate(resolve))
      seen.push(`${from} ${documentId}`)
      if (Buffer.from(update).includes('forbidden words')) throw new WeftError('forbidden', 'Not these words.')
      doc.destroy()
    },
  })
  const writer = open(t, local, 'notes')
  await writer.synced
  for (let number = 0; number < 20; number++) {
    writer.doc.getText('body').insert(number, 'x')
    if (number % 5 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await writer.saved()
  const theirs = stock(t, local, 'notes')
  await until(() => theirs.doc.getText('body').toString() === 'x'.repeat(20), 'the stock provider has it')
  theirs.doc.getText('body').insert(0, 'forbidden words')
  const denied = await new Promise<string>((resolve) => {
    theirs.messageHandlers[2] = (_encoder, decoder) => resolve(Buffer.from(decoder.arr).toString('latin1'))
  })
  assert.match(denied, /Not these words/)
  const again = open(t, local, 'notes')
  await again.synced
  assert.equal(again.doc.getText('body').toString(), 'x'.repeat(20))
  const answer = await fetch(`${local.server.url}/api/v1/documents/notes/updates`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ text: [{ root: 'body', at: 0, insert: 'forbidden words' }] }),
  })
  assert.deepEqual([answer.status, (await answer.json()).detail], [403, 'Not these words.'])
  writer.doc.getText('body').insert(0, 'forbidden words')
  await assert.rejects(writer.saved(), { code: 'forbidden', reason: 'Not these words.' })
  assert.ok(seen.includes('api notes') && seen.filter((one) => one === 'session notes').length >= 3, seen.join())
})

test('G1: a hook that fails refuses with neutral words, one that hangs past hookMsMax with words to try again, and nobody else waits', async (t) => {
  const local = await start(
    t,
    {
      beforeEdit: ({ documentId }) => {
        if (documentId === 'fails') throw new Error('postgres://weft:hunter2@db')
        return documentId === 'hangs' ? new Promise(() => {}) : undefined
      },
    },
    { limits: { hookMsMax: 100 } },
  )
  const failing = open(t, local, 'fails')
  failing.doc.getText('body').insert(0, 'x')
  await assert.rejects(failing.saved(), { code: 'forbidden', reason: 'This edit was refused.' })
  const hanging = open(t, local, 'hangs')
  hanging.doc.getText('body').insert(0, 'x')
  await until(() => hanging.status.state === 'saving', 'it is not saved')
  const other = open(t, local, 'other')
  other.doc.getText('body').insert(0, 'x')
  await other.saved()
})

test('D1: what a client wrote before it went is committed, though the hook had not answered yet', async (t) => {
  let answer = (): void => {}
  const local = await start(t, { beforeEdit: () => new Promise((resolve) => (answer = resolve)) })
  const provider = stock(t, local, 'notes')
  await until(() => provider.synced, 'the provider is in step')
  let asked = false
  const first = answer
  provider.doc.getText('body').insert(0, 'the last words')
  await until(() => {
    asked = answer !== first
    return asked
  }, 'the hook is asked')
  provider.destroy()
  await until(async () => (await (await fetch(`${local.server.url}/metrics`)).text()).includes('weft_connections 0'), 'the client is gone')
  answer()
  const content = async () => {
    const response = await fetch(`${local.server.url}/api/v1/documents/notes/content?format=text`)
    return response.text()
  }
  await until(async () => (await content()).includes('the last words'), 'it is committed')
})

test('S5: a new document begins with what the program has for it, once, however many come at the same time, and is not asked about again', async (t) => {
  const asked: string[] = []
  const folder = temporaryFolder(t)
  const options: ServerOptions = {
    dataDir: folder,
    demo: false,
    logger: silentLogger,
    hooks: {
      firstContent: async (documentId) => {
        asked.push(documentId)
        await new Promise((resolve) => setImmediate(resolve))
        if (documentId === 'broken') throw new Error('the database does not answer')
        return documentId === 'empty' ? null : stateOf(`About ${documentId}. `)
      },
    },
  }
  const server = await createServer(options)
  t.after(() => server.close())
  await server.listen(0)
  const local = { server, webSocketUrl: server.url.replace('http', 'ws'), port: 0 }
  const sessions = Array.from({ length: 8 }, () => open(t, local, 'notes'))
  await Promise.all(sessions.map((session) => session.synced))
  for (const session of sessions) assert.equal(session.doc.getText('body').toString(), 'About notes. ')
  assert.deepEqual(asked, ['notes'])
  const empty = open(t, local, 'empty')
  await empty.synced
  assert.equal(empty.doc.getText('body').toString(), '')
  const broken = open(t, local, 'broken')
  await until(() => asked.filter((one) => one === 'broken').length >= 2, 'whoever comes tries again')
  assert.notEqual(broken.status.state, 'saved')
  await server.close()

  const again = await createServer(options)
  t.after(() => again.close())
  await again.listen(0)
  asked.length = 0
  const later = open(t, { ...local, server: again, webSocketUrl: again.url.replace('http', 'ws') }, 'notes')
  await later.synced
  assert.equal(later.doc.getText('body').toString(), 'About notes. ')
  assert.deepEqual(asked, [])
})

test('the program is told what changed, by whom and what it is now; also of what was changed just before the server stops', async (t) => {
  const told: { change: Omit<DocumentChange, 'doc' | 'json' | 'text' | 'update'>; text: string; json: unknown }[] = []
  const sessions: string[] = []
  const local = await start(
    t,
    {
      changedQuietMs: 50,
      onDocumentChanged: async (change) => {
        const { documentId, fromSeq, throughSeq, users } = change
        const doc = await change.doc()
        assert.equal(doc.getText('body').toString(), await change.text('body'))
        doc.destroy()
        told.push({ change: { documentId, fromSeq, throughSeq, users }, text: await change.text(), json: await change.json() })
      },
      onSessionOpened: ({ documentId, user }) => void sessions.push(`+${documentId} ${user}`),
      onSessionClosed: ({ documentId, user }) => void sessions.push(`-${documentId} ${user}`),
      onDocumentIdle: (documentId) => void sessions.push(`idle ${documentId}`),
    },
    { authorize: ({ token }) => ({ user: token, permission: 'read-write' }), tuning: { idleMs: 20 } },
  )
  const session = open(t, local, 'notes', { token: 'ada' })
  session.doc.getText('body').insert(0, 'hello')
  await session.saved()
  await until(() => told.length === 1, 'it was told')
  assert.deepEqual(told[0]?.change, { documentId: 'notes', fromSeq: 1, throughSeq: 1, users: ['ada'] })
  assert.match(told[0]?.text ?? '', /hello/)
  assert.deepEqual(told[0]?.json, { body: [{ insert: 'hello' }] })
  const other = open(t, local, 'other', { token: 'bob' })
  other.doc.getText('body').insert(0, 'just before the end')
  await other.saved()
  await local.server.close()
  assert.match(told.at(-1)?.text ?? '', /just before the end/)
  for (const expected of ['+notes ada', '-notes ada', '+other bob', '-other bob']) assert.ok(sessions.includes(expected), sessions.join())
})

test('S1: the program edits by the same path as everybody, and edits of its own merge with those of others', async (t) => {
  const local = await start(t, {})
  const session = open(t, local, 'notes')
  session.doc.getText('body').insert(0, 'people ')
  await session.saved()
  const notes = local.server.document('notes')
  const results = await Promise.all(
    Array.from({ length: 50 }, (_, number) =>
      notes.transact(
        (doc) => {
          doc.getMap('robots').set(String(number), true)
          return doc.getMap('robots').size
        },
        { user: 'robot' },
      ),
    ),
  )
  assert.deepEqual(
    results.map(({ result }) => result),
    Array.from({ length: 50 }, (_, number) => number + 1),
  )
  await until(() => session.doc.getMap('robots').size === 50, 'everybody sees it')
  // One client id for all of them.
  assert.equal(Y.decodeStateVector(Y.encodeStateVector(session.doc)).size, 2)
  // Who wrote what is known by client ids, so each user of the program has one of their own.
  await notes.transact((doc) => doc.getText('signed').insert(0, 'by a '), { user: 'a' })
  await notes.transact((doc) => doc.getText('signed').insert(5, 'and by b'), { user: 'b' })
  const authors = await (await fetch(`${local.server.url}/api/v1/documents/notes/authors`)).json()
  const signed = authors.roots.find(({ name }: { name: string }) => name === 'signed')
  assert.deepEqual(
    signed.runs.map(({ text, clientId }: { text: string; clientId: number }) => [text, authors.users[clientId]]),
    [
      ['by a ', 'a'],
      ['and by b', 'b'],
    ],
  )
  assert.equal((await notes.transact(() => 'nothing')).seq, null)
  const early = async (doc: Y.Doc): Promise<never> => {
    doc.getText('body').insert(0, 'too early')
    throw new Error('of the program')
  }
  await assert.rejects(notes.transact(early), /^TypeError: transact takes a function that does not wait/)
  await assert.rejects(
    notes.transact((doc) => {
      doc.getText('body').insert(0, 'half of it')
      throw new Error('no')
    }),
    /no/,
  )
  const read = await notes.read()
  assert.equal(read.getText('body').toString(), 'people ')
  read.destroy()
  const { items } = await (await fetch(`${local.server.url}/api/v1/documents/notes/changes`)).json()
  assert.ok(items.some(({ users }: { users: string[] }) => users.includes('robot')))
})

test('an agent in the process is a client like any: it types, has a cursor of which the program is told, and may do what it was granted', async (t) => {
  const said: (readonly [clientId: number, user: string | null, state: unknown])[] = []
  const onAwarenessChanged: Hooks['onAwarenessChanged'] = ({ documentId, clients }) => {
    assert.equal(documentId, 'notes')
    for (const { clientId, user, state } of clients) if (clientId === doc.clientID) said.push([clientId, user, state])
    throw new Error('It is logged, and nobody waits for it.')
  }
  const local = await start(t, { onAwarenessChanged }, { access: { adminKey: 'the-key-of-the-operator' } })
  const robot = local.server.asClient({ user: 'robot', name: 'Robot', documents: { notes: 'write' } })
  const agent = connect('ws://in.process', { ...robot, logger: silentLogger })
  const doc = new Y.Doc()
  const session = agent.open('notes', doc)
  const person = open(t, local, 'notes', { token: 'the-key-of-the-operator' })
  await Promise.all([session.synced, person.synced])
  session.awareness.setLocalState({ user: { name: 'Robot' } })
  doc.getText('body').insert(0, 'x'.repeat(100_000))
  await session.saved()
  await until(() => person.doc.getText('body').length === 100_000, 'the person sees it')
  await until(() => person.awareness.getStates().has(doc.clientID), 'and its cursor')
  person.doc.getText('body').insert(0, 'hello robot ')
  await until(() => doc.getText('body').toString().startsWith('hello robot'), 'it sees the person')
  await assert.rejects(agent.open('other', new Y.Doc()).synced, { code: 'forbidden' })
  assert.deepEqual(
    (
      await (
        await fetch(`${local.server.url}/api/v1/documents/notes/presence`, { headers: { Authorization: 'Bearer the-key-of-the-operator' } })
      ).json()
    ).clients.map(({ user }: { user: string }) => user),
    ['robot', 'admin'],
  )
  await agent.close()
  await until(() => !person.awareness.getStates().has(doc.clientID), 'it is gone')
  const state = { user: { name: 'Robot' } }
  assert.deepEqual(
    [said.find((one) => isDeepStrictEqual(one[2], state)), said.at(-1)],
    [
      [doc.clientID, 'robot', state],
      [doc.clientID, null, null],
    ],
  )
  doc.destroy()
})

test('onConnect sees who comes before anything is read, refuses in words on every dialect, and is not asked about the program itself', async (t) => {
  const seen: ConnectionInfo[] = []
  let mood: 'lets in' | 'refuses' | 'fails' | 'hangs' = 'lets in'
  const local = await start(
    t,
    {
      onConnect: async (info) => {
        seen.push(info)
        await new Promise((resolve) => setImmediate(resolve))
        if (mood === 'refuses') throw new WeftError('forbidden', 'Not from where you are.')
        if (mood === 'fails') throw new Error('a secret cause')
        if (mood === 'hangs') await new Promise(() => {})
      },
    },
    { limits: { hookMsMax: 500 } },
  )
  const first = open(t, { ...local, webSocketUrl: `${local.webSocketUrl}/?room=blue` }, 'notes')
  first.doc.getText('body').insert(0, 'hello')
  await first.saved()
  const plain = stock(t, local, 'notes')
  const socket = providerSocket(4, local.webSocketUrl)
  t.after(() => socket.destroy())
  const hocuspocus = socket.open('notes')
  await until(() => plain.doc.getText('body').toString() === 'hello' && hocuspocus.synced, 'all of them are let in')
  assert.deepEqual([...new Set(seen.map(({ dialect }) => dialect))].sort(), ['hocuspocus', 'weft', 'y-websocket'])
  assert.equal(seen.find(({ dialect }) => dialect === 'weft')?.parameters.get('room'), 'blue')
  assert.equal(seen[0]?.headers.upgrade, 'websocket')

  mood = 'refuses'
  const refused = open(t, local, 'notes')
  await until(() => refused.status.state === 'refused', 'our client says so')
  assert.equal(refused.status.state === 'refused' && refused.status.reason, 'Not from where you are.')
  const codes: (number | undefined)[] = []
  const outsider = stock(t, local, 'notes')
  outsider.on('connection-close', (event) => codes.push(event?.code))
  await until(() => codes.length > 0, 'a stock provider is closed')
  assert.equal(codes[0], 4403)
  mood = 'fails'
  const failed = open(t, local, 'notes')
  await until(() => failed.status.state === 'refused', 'a hook that fails refuses')
  assert.equal(failed.status.state === 'refused' && failed.status.reason, 'You may not connect to this server.')
  mood = 'hangs'
  const late = await RawClient.connect(`${local.webSocketUrl}/notes`)
  assert.equal((await late.closed).code, 4503)

  const asked = seen.length
  const { WebSocket: Inside, token } = local.server.asClient({ user: 'agent' })
  const agent = connect('ws://inside', { WebSocket: Inside, token, logger: silentLogger })
  const doc = new Y.Doc()
  await agent.open('notes', doc).synced
  assert.equal(doc.getText('body').toString(), 'hello')
  await agent.close()
  doc.destroy()
  assert.equal(seen.length, asked)
  first.doc.getText('body').insert(0, 'still, ')
  await first.saved()
})
