// What one client address, or one user, may have: connections, and documents open over them. Behind a proxy that is trusted the address is the one that it speaks for.
import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import WebSocket from 'ws'
import { encodeWeftClient, weftSubprotocol } from '../../protocol/dialects/weft.js'
import type { ServerOptions } from '../../server/index.js'
import { type LocalServer, startLocalServer } from '../helpers/local-server.js'
import { eventually } from '../helpers/states.js'

async function start(context: TestContext, options: ServerOptions): Promise<LocalServer> {
  const local = await startLocalServer({ access: { insecureOpen: true }, ...options })
  context.after(() => local.server.close())
  return local
}

/** Connects as a client whose proxy says where it is; answers the socket, or the status and words of the refusal. */
function connectFrom(context: TestContext, local: LocalServer, forwarded: string | null, path = 'doc'): Promise<WebSocket | string> {
  const headers = forwarded === null ? {} : { 'X-Forwarded-For': forwarded }
  const protocols = path === '' ? [weftSubprotocol] : []
  const socket = new WebSocket(`${local.webSocketUrl}/${path}`, protocols, { headers })
  context.after(() => socket.terminate())
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('open', () => resolve(socket))
    socket.on('unexpected-response', (_request, response) => {
      let body = ''
      response.on('data', (data) => {
        body += data
      })
      response.on('end', () => resolve(`${response.statusCode} ${body}`))
    })
  })
}

async function connected(context: TestContext, local: LocalServer, forwarded: string | null, path = 'doc'): Promise<WebSocket> {
  const socket = await connectFrom(context, local, forwarded, path)
  assert.ok(socket instanceof WebSocket, String(socket))
  return socket
}

test('G1: past connectionsPerAddressMax an upgrade is answered with 503 and why; other addresses come in, and so does this one when it has fewer', async (context) => {
  const local = await start(context, { limits: { connectionsPerAddressMax: 2 }, trustedProxies: ['loopback'] })
  const [first] = [await connected(context, local, '203.0.113.7'), await connected(context, local, '1.2.3.4, 203.0.113.7')]
  assert.match(String(await connectFrom(context, local, '203.0.113.7')), /^503 Your address has 2 connections/)
  await connected(context, local, '203.0.113.8')
  first.close()
  await eventually('there is room again', async () => (await connectFrom(context, local, '203.0.113.7')) instanceof WebSocket)
})

test('G1: the addresses of one IPv6 network of 64 bits are one', async (context) => {
  const local = await start(context, { limits: { connectionsPerAddressMax: 1 }, trustedProxies: ['loopback'] })
  await connected(context, local, '2001:db8:1:2::a')
  assert.match(String(await connectFrom(context, local, '2001:db8:1:2:ffff::1')), /^503 /)
  await connected(context, local, '2001:db8:1:3::a')
  await connected(context, local, '::ffff:203.0.113.7')
  assert.match(String(await connectFrom(context, local, '203.0.113.7')), /^503 /)
})

test('G1: who is not said to be a trusted proxy is not believed, and this machine has no bound', async (context) => {
  const local = await start(context, { limits: { connectionsPerAddressMax: 1 } })
  for (let count = 0; count < 3; count++) await connected(context, local, '203.0.113.7')
})

test('G1: past sessionsPerAddressMax a document is refused on every connection of the address, and not on others', async (context) => {
  const local = await start(context, { limits: { sessionsPerAddressMax: 3 }, trustedProxies: ['127.0.0.0/8'] })
  const opened = async (forwarded: string, count: number): Promise<readonly number[]> => {
    const socket = await connected(context, local, forwarded, '')
    const answers: number[] = []
    socket.on('message', (data: Buffer) => {
      const type = data[0] ?? 0
      if (type === 34 || type === 39) answers.push(type)
    })
    socket.send(Buffer.concat(encodeWeftClient({ type: 'hello', agent: 'test', token: '' })))
    for (let channel = 1; channel <= count; channel++)
      socket.send(
        Buffer.concat(encodeWeftClient({ type: 'open', channel, documentId: `d${channel}`, token: '', known: { kind: 'nothing' } })),
      )
    await eventually('all are answered', () => answers.length === count)
    return answers.toSorted()
  }
  const [accepted, refused] = [34, 39]
  assert.deepEqual(await opened('203.0.113.7', 2), [accepted, accepted])
  assert.deepEqual(await opened('203.0.113.7', 2), [accepted, refused])
  assert.deepEqual(await opened('203.0.113.9', 3), [accepted, accepted, accepted])
})

test('G1: past connectionsPerUserMax a user is refused over a further connection, in words, and let in when there is one less; others are not counted', async (context) => {
  const local = await start(context, {
    limits: { connectionsPerUserMax: 2 },
    authorize: ({ token }) => ({ user: token === '' ? null : token, permission: 'read-write' }),
  })
  /** Opens two documents over one connection; answers the reason with which the connection, or the first document, was refused, or null. */
  const refusalOf = async (token: string, path: 'weft' | 'stock'): Promise<string | null> => {
    const query = `?token=${token}`
    const socket = new WebSocket(`${local.webSocketUrl}/${path === 'stock' ? `doc${query}` : ''}`, path === 'weft' ? [weftSubprotocol] : [])
    context.after(() => socket.terminate())
    sockets.push(socket)
    let answer: string | null | undefined
    socket.on('message', (data: Buffer) => {
      const accepted = path === 'stock' ? data[0] === 0 : data[0] === 34
      if (accepted) answer ??= null
      if (path === 'weft' && data[0] === 39) answer ??= data.toString('latin1')
    })
    socket.on('close', (code, reason) => {
      answer ??= `${code} ${reason}`
    })
    await once(socket, 'open')
    if (path === 'weft') {
      socket.send(Buffer.concat(encodeWeftClient({ type: 'hello', agent: 'test', token })))
      for (const channel of [1, 2])
        socket.send(
          Buffer.concat(encodeWeftClient({ type: 'open', channel, documentId: `d${channel}`, token, known: { kind: 'nothing' } })),
        )
    }
    await eventually('it is answered', () => answer !== undefined)
    return answer ?? null
  }
  const sockets: WebSocket[] = []
  assert.equal(await refusalOf('ada', 'weft'), null)
  assert.equal(await refusalOf('ada', 'stock'), null)
  assert.match(String(await refusalOf('ada', 'stock')), /^4503 You have 2 connections to this server/)
  assert.match(String(await refusalOf('ada', 'weft')), /You have 2 connections to this server/)
  for (let count = 0; count < 3; count++) assert.equal(await refusalOf('', 'stock'), null, 'who is nobody has no bound')
  assert.equal(await refusalOf('bob', 'stock'), null)
  sockets[1]?.close()
  await eventually('there is room again', async () => (await refusalOf('ada', 'stock')) === null)
})

test('G5: a proxy that is no address is refused in words that name the setting', async () => {
  await assert.rejects(startLocalServer({ trustedProxies: ['loopback', 'my proxy'] }), (error: { code?: string; message?: string }) => {
    assert.equal(error.code, 'invalid-configuration')
    assert.match(error.message ?? '', /trustedProxies is "loopback,my proxy"/)
    return true
  })
})

test('G1: of sockets that ask for nothing, those past idleSocketsMax that were idle longest are closed, and a client gets in', async (context) => {
  const local = await start(context, { limits: { idleSocketsMax: 10 } })
  const sockets: Socket[] = []
  let closed = 0
  // They ask for nothing, or so slowly that it comes to the same.
  const slow: Socket[] = []
  const drip = (): void => {
    for (const socket of slow) socket.write('a')
  }
  const open = async (): Promise<void> => {
    const socket = connectTcp(local.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.on('close', () => {
      closed += 1
    })
    sockets.push(socket)
    await new Promise<void>((resolve) => void socket.once('connect', () => resolve()))
    if (sockets.length % 2 === 0) return
    slow.push(socket)
    socket.write('GET / HTTP/1.1\r\nX-Slow: ')
  }
  context.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  for (let count = 0; count < 10; count++) await open()
  // Each further one closes the oldest, once that has been idle for a while.
  await eventually('an old one is closed', async () => {
    await open()
    drip()
    return closed > 0
  })
  assert.ok(sockets[0]?.closed, 'the oldest first')
  await connected(context, local, null)
})
