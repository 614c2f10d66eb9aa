// Events that no log tells of, over real sockets: addresses made over the API, what they did not take, and the server killed between any two steps.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { LocalCluster } from '../helpers/local-cluster.js'
import { startLocalServer } from '../helpers/local-server.js'
import { openSession } from '../helpers/open-session.js'
import { ServerProcess } from '../helpers/server-process.js'
import { until } from '../helpers/until.js'
import { type ReceivedEvent, type WebhookReceiver, webhookReceiver, webhookSecret } from '../helpers/webhook-receiver.js'

const adminKey = 'the-key-of-the-operator'

async function ask(url: string, path: string, method = 'GET', body?: object, key = adminKey) {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return {
    status: response.status,
    body: (await response.json()) as Record<string, unknown> & { readonly items: Record<string, unknown>[] },
  }
}

const everything = [
  'document.changed',
  'document.missed',
  'document.restored',
  'document.deleted',
  'version.kept',
  'session.opened',
  'session.closed',
]

const typesOf = (events: readonly ReceivedEvent[]): string[] => events.map(({ type }) => type)
const eventOf = (receiver: WebhookReceiver, type: string) =>
  receiver.events.find((event) => event.type === type) as (ReceivedEvent & Record<string, unknown>) | undefined

test('E1: an address made over the API is told of versions, restores, deletions and sessions, and of users who were away while a document changed', async (context) => {
  const receiver = await webhookReceiver(context)
  const local = await startLocalServer({
    access: { adminKey },
    authorize: ({ token }) => ({ user: token, permission: 'read-write', admin: token !== 'somebody' }),
    webhooks: { quietMs: 20 },
  })
  context.after(() => local.server.close())
  const { url } = local.server
  assert.equal((await ask(url, '/webhooks', 'GET', undefined, 'somebody')).status, 403)
  assert.equal((await ask(url, '/webhooks', 'POST', { url: 'ftp://nowhere' })).status, 400)
  assert.equal((await ask(url, '/webhooks', 'POST', { url: receiver.url, events: ['everything'] })).status, 400)
  const made = await ask(url, '/webhooks', 'POST', { url: receiver.url, secret: webhookSecret, events: everything })
  assert.equal(made.status, 201, JSON.stringify(made.body))
  const listed = await ask(url, '/webhooks')
  assert.deepEqual(listed.body.items, [{ id: made.body['id'], url: receiver.url, events: everything, createdAt: made.body['createdAt'] }])

  const ada = openSession(context, local.webSocketUrl, 'notes', 'ada')
  ada.doc.getText('body').insert(0, 'by Ada')
  await ada.saved()
  await until(() => typesOf(receiver.events).includes('document.changed'), 'the change is told')
  assert.ok(!typesOf(receiver.events).includes('document.missed'), 'whoever wrote it did not miss it')
  assert.equal(eventOf(receiver, 'session.opened')?.['user'], 'ada')
  await ada.close()
  await until(() => typesOf(receiver.events).includes('session.closed'), 'the end of the session is told')

  const bob = openSession(context, local.webSocketUrl, 'notes', 'bob')
  await bob.synced
  bob.doc.getText('body').insert(0, 'by Bob, ')
  await bob.saved()
  await until(() => eventOf(receiver, 'document.missed') !== undefined, 'that Ada was away is told')
  assert.deepEqual(eventOf(receiver, 'document.missed')?.['away'], ['ada'])
  assert.deepEqual(eventOf(receiver, 'document.missed')?.users, ['bob'])

  await local.server.history?.keep('notes', { name: 'Draft', author: 'bob' })
  await local.server.history?.restore('notes', { at: 'seq:1', author: 'bob' })
  await local.server.history?.delete('notes')
  await until(() => typesOf(receiver.events).includes('document.deleted'), 'the rest is told')
  assert.equal(eventOf(receiver, 'version.kept')?.['name'], 'Draft')
  assert.equal(eventOf(receiver, 'version.kept')?.['user'], 'bob')
  assert.equal(eventOf(receiver, 'document.restored')?.documentId, 'notes')
  const told = typesOf(receiver.events).filter((type) => /kept|restored|deleted/.test(type))
  assert.deepEqual(told, ['version.kept', 'document.restored', 'document.deleted'], 'once, and in order')

  assert.deepEqual((await ask(url, `/webhooks/${made.body['id']}`, 'DELETE')).body, { removed: true })
  assert.deepEqual((await ask(url, `/webhooks/${made.body['id']}`, 'DELETE')).body, { removed: false })
  assert.deepEqual((await ask(url, '/webhooks')).body.items, [])
})

test('what an address does not take in the end is a dead letter, which can be delivered again or forgotten; the address can be given a secret of the server', async (context) => {
  const receiver = await webhookReceiver(context)
  const local = await startLocalServer({ access: { adminKey }, webhooks: { attemptsMax: 1 } })
  context.after(() => local.server.close())
  const { url } = local.server
  const made = await ask(url, '/webhooks', 'POST', { url: receiver.url, secret: webhookSecret, events: ['version.kept'] })
  assert.match(String((await ask(url, '/webhooks', 'POST', { url: 'http://127.0.0.1:9/x' })).body['secret']), /^whsec_/)
  const session = openSession(context, local.webSocketUrl, 'notes', adminKey)
  session.doc.getText('body').insert(0, 'x')
  await session.saved()
  receiver.mood = 'fails'
  for (const name of ['one', 'two']) await local.server.history?.keep('notes', { name, author: null })
  await until(async () => (await ask(url, '/webhooks/dead-letters')).body.items.length >= 1, 'it is put aside')
  await local.server.history?.keep('notes', { name: 'three', author: null })
  await until(async () => (await ask(url, '/webhooks/dead-letters')).body.items.length === 3, 'all are put aside')
  const letters = (await ask(url, '/webhooks/dead-letters')).body.items
  assert.deepEqual(
    letters.map(({ type, documentId }) => ({ type, documentId })),
    Array(3).fill({ type: 'version.kept', documentId: 'notes' }),
  )
  assert.match(String(letters[0]?.['reason']), /answered 500/)
  assert.ok(!JSON.stringify(letters).includes('hunter2'), 'the address may hold a secret')
  assert.equal(local.server.counters.get('webhook_events_dead'), 3)

  receiver.mood = 'takes'
  assert.deepEqual((await ask(url, `/webhooks/dead-letters/${letters[0]?.['id']}/redeliver`, 'POST')).body, { redelivering: true })
  await until(() => receiver.events.length === 1, 'it is told')
  assert.deepEqual((await ask(url, `/webhooks/dead-letters/${letters[1]?.['id']}`, 'DELETE')).body, { removed: true })
  await until(async () => (await ask(url, '/webhooks/dead-letters')).body.items.length === 1, 'one is left')
  assert.deepEqual((await ask(url, `/webhooks/dead-letters/${letters[0]?.['id']}/redeliver`, 'POST')).body, { redelivering: false })
  assert.deepEqual((await ask(url, `/webhooks/${made.body['id']}`, 'DELETE')).body, { removed: true })
  assert.deepEqual((await ask(url, '/webhooks/dead-letters')).body.items, [])
})

test('E1: kill -9 between any two steps loses no version that was answered as kept, and what a hanging receiver was told is told again', async (context) => {
  const receiver = await webhookReceiver(context)
  const server = await ServerProcess.start({ flags: ['--admin-key', adminKey] })
  context.after(() => server.dispose())
  const { status } = await ask(server.url, '/webhooks', 'POST', { url: receiver.url, secret: webhookSecret, events: ['version.kept'] })
  assert.equal(status, 201)
  const session = openSession(context, server.webSocketUrl, 'notes', adminKey)
  const kept: string[] = []
  for (let round = 0; round < 5; round++) {
    receiver.mood = round % 3 === 1 ? 'hangs' : 'takes'
    for (let version = 0; version <= round; version++) {
      session.doc.getText('body').insert(0, 'x')
      await session.saved()
      const name = `${round}.${version}`
      if ((await ask(server.url, '/documents/notes/versions', 'POST', { name })).status === 201) kept.push(name)
    }
    await server.kill()
    await server.restart()
  }
  receiver.mood = 'takes'
  assert.equal(kept.length, 15)
  const names = (): Set<unknown> => new Set(receiver.events.map((event) => (event as unknown as { readonly name: string }).name))
  await until(() => kept.every((name) => names().has(name)), 'each is told', 240_000)
})

test('E1: in a cluster an address that was made on one node is told by all of them, each event by one', async (context) => {
  const receiver = await webhookReceiver(context)
  const cluster = await LocalCluster.start({ nodes: 2, environment: { WEFT_ADMIN_KEY: adminKey } })
  context.after(() => cluster.stop())
  const [one, two] = cluster.nodes
  assert.ok(one !== undefined && two !== undefined)
  assert.equal(
    (await ask(one.url, '/webhooks', 'POST', { url: receiver.url, secret: webhookSecret, events: ['version.kept'] })).status,
    201,
  )
  const session = openSession(context, two.webSocketUrl, 'notes', adminKey)
  let names = 0
  // Every node knows of it within seconds.
  await until(async () => {
    session.doc.getText('body').insert(0, 'x')
    await session.saved()
    names += 1
    await ask(two.url, '/documents/notes/versions', 'POST', { name: `version ${names}` })
    return receiver.events.length > 0
  }, 'the other node tells of it')
  assert.equal((await ask(two.url, '/webhooks')).body.items.length, 1)
  assert.equal(new Set(receiver.events.map(({ id }) => id)).size, receiver.events.length, 'each once')
})
