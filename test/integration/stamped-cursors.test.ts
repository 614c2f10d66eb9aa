// Cursors that name the authenticated user, over real sockets: stock providers of both kinds and our client, each of which claims to be somebody else.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { SignJWT } from 'jose'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { providerSocket } from '../helpers/hocuspocus.js'
import { startLocalServer } from '../helpers/local-server.js'
import { until } from '../helpers/until.js'

const jwtSecret = 'a secret of more than thirty-two characters'

function token(sub: string, name: string): Promise<string> {
  return new SignJWT({ sub, name, weft: { documents: { '**': 'write' } } })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(Buffer.from(jwtSecret))
}

test('on every dialect a cursor bears the id and name of its token, whatever the client claims, and goes on bearing them', async (t) => {
  const local = await startLocalServer({ access: { jwtSecret, stampUser: 'user' } })
  t.after(() => local.server.close())

  const stock = new WebsocketProvider(local.webSocketUrl, 'notes', new Y.Doc(), {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    params: { token: await token('bob', 'Bob') },
    disableBc: true,
  })
  const connection = connect(local.webSocketUrl, { token: await token('ada', 'Ada'), logger: silentLogger })
  const ours = connection.open('notes', new Y.Doc())
  const socket = providerSocket(4, local.webSocketUrl)
  let whoIsCyd = await token('cyd', 'Cyd')
  const hocuspocus = socket.open('notes', { token: () => whoIsCyd })
  t.after(async () => {
    stock.destroy()
    stock.doc.destroy()
    socket.destroy()
    await connection.close()
    ours.doc.destroy()
  })
  const awarenesses = [stock.awareness, ours.awareness, hocuspocus.awareness]
  const names = ['Bob', 'Ada', 'Cyd']
  const seen = (): unknown[] =>
    awarenesses.flatMap((awareness) =>
      awarenesses.map((other) => (awareness === other ? 'itself' : awareness?.getStates().get(other?.clientID ?? 0))),
    )
  const expected = (at: number): unknown[] =>
    names.flatMap((own) => names.map((name) => (name === own ? 'itself' : { at, user: { color: '#f00', id: name.toLowerCase(), name } })))
  for (const at of [1, 2]) {
    for (const awareness of awarenesses) awareness?.setLocalState({ at, user: { id: 'root', name: 'The owner', color: '#f00' } })
    await until(() => {
      const states = seen()
      return states.every((state) => state === 'itself' || (state as { readonly at?: number } | undefined)?.at === at)
    }, `everybody sees everybody, ${at}`)
    assert.deepEqual(seen(), expected(at))
  }

  whoIsCyd = await token('dan', 'Dan')
  await hocuspocus.sendToken()
  const nowSeen = (): unknown => ours.awareness.getStates().get(hocuspocus.document.clientID)?.['user']
  // This provider, unlike the others, does not answer when it is asked to say its state again.
  const moves = (): void => hocuspocus.awareness?.setLocalState({ user: { id: 'cyd', name: 'Cyd', color: '#f00' } })
  await until(() => {
    moves()
    return (nowSeen() as { readonly id?: string } | undefined)?.id === 'dan'
  }, 'what a client says once it signed in as somebody else is of that user')
  assert.deepEqual(nowSeen(), { color: '#f00', id: 'dan', name: 'Dan' })
})
