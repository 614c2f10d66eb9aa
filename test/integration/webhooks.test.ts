// Webhooks against a receiver that works, fails, hangs and is away, and with the server killed between any two steps.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { silentLogger } from '../../core/log.js'
import { createServer } from '../../server/index.js'
import { LocalCluster } from '../helpers/local-cluster.js'
import { startLocalServer } from '../helpers/local-server.js'
import { openSession } from '../helpers/open-session.js'
import { ServerProcess } from '../helpers/server-process.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'
import { until } from '../helpers/until.js'
import { type WebhookReceiver, webhookReceiver, webhookSecret } from '../helpers/webhook-receiver.js'

/** Told of every seq from 1 on, without a hole; some twice, if the server was killed between telling and remembering it. */
function assertWhole(receiver: WebhookReceiver, documentId: string, throughSeq: number): void {
  let told = 0
  for (const event of receiver.events.filter((one) => one.documentId === documentId)) {
    assert.ok(event.fromSeq <= told + 1, `${documentId}: seq ${told + 1} is missing before ${event.fromSeq}`)
    assert.equal(event.created, event.fromSeq === 1)
    told = Math.max(told, event.throughSeq)
  }
  assert.equal(told, throughSeq, documentId)
}

test('E1: a change is told once it is quiet, signed, with who made it, and never again', async (context) => {
  const receiver = await webhookReceiver(context)
  const dataDir = temporaryFolder(context)
  const options = {
    dataDir,
    demo: false as const,
    logger: silentLogger,
    authorize: ({ token }: { token: string }) => ({ user: token, permission: 'read-write' as const }),
    webhooks: { urls: [receiver.url], secret: webhookSecret, quietMs: 50 },
  }
  const before = await createServer({ ...options, webhooks: {} })
  context.after(() => before.close())
  await before.listen(0)
  const old = openSession(context, before.url.replace('http', 'ws'), 'from before', 'ada')
  old.doc.getText('body').insert(0, 'x')
  await old.saved()
  await before.close()

  const server = await createServer(options)
  context.after(() => server.close())
  await server.listen(0)
  const session = openSession(context, server.url.replace('http', 'ws'), 'notes é', 'ada')
  session.doc.getText('body').insert(0, 'hello')
  await session.saved()
  await until(() => receiver.events.length === 1, 'it is told')
  const [event] = receiver.events
  assert.deepEqual(
    { ...event, id: '' },
    {
      id: '',
      type: 'document.changed',
      documentId: 'notes é',
      created: true,
      fromSeq: 1,
      throughSeq: 1,
      users: ['ada'],
      at: (event as unknown as { at: number }).at,
    },
  )
  const bob = openSession(context, server.url.replace('http', 'ws'), 'notes é', 'bob')
  await bob.synced
  for (let index = 0; index < 5; index++) {
    bob.doc.getText('body').insert(0, 'x')
    await bob.saved()
  }
  await until(() => receiver.events.at(-1)?.throughSeq === 6, 'the next change is told')
  assert.deepEqual(receiver.events.at(-1)?.users, ['bob'])
  assertWhole(receiver, 'notes é', 6)
  await server.close()
  const told = receiver.events.length
  const again = await createServer(options)
  context.after(() => again.close())
  await again.listen(0)
  const marker = openSession(context, again.url.replace('http', 'ws'), 'marker', 'ada')
  marker.doc.getText('body').insert(0, 'x')
  await marker.saved()
  await until(() => receiver.events.at(-1)?.documentId === 'marker', 'what changed since is told')
  assert.equal(receiver.events.length, told + 1, 'and nothing that was told before, or was there before anybody listened')
  await again.close()
})

test('E2: a receiver that fails, hangs or is away is told everything once it is back, and nobody waits for it meanwhile', async (context) => {
  const receiver = await webhookReceiver(context)
  const lines: string[] = []
  const log = (fields: object, message: string): void =>
    void lines.push(JSON.stringify(fields, (_key, value) => (value instanceof Error ? value.stack : value)) + message)
  const local = await startLocalServer({
    webhooks: { urls: [receiver.url], secret: webhookSecret, quietMs: 10 },
    logger: { debug: log, info: log, warn: log, error: log },
  })
  context.after(() => local.server.close())
  receiver.mood = 'fails'
  const ids = Array.from({ length: 20 }, (_, number) => `doc/${number}`)
  for (const id of ids) {
    const session = openSession(context, local.webSocketUrl, id)
    session.doc.getText('body').insert(0, 'x')
    await session.saved()
  }
  await until(() => receiver.requests >= 2, 'it was tried, and tried again')
  assert.ok(receiver.requests < 20, 'an address that fails is left alone for a while')
  assert.deepEqual(receiver.events, [])
  receiver.mood = 'takes'
  await until(() => new Set(receiver.events.map(({ documentId }) => documentId)).size === 20, 'everything is told', 30_000)
  for (const id of ids) assertWhole(receiver, id, 1)
  // The address may hold a secret.
  assert.ok(
    lines.some((line) => line.includes('/hooks')),
    'the failure is in the log',
  )
  for (const line of lines) assert.ok(!line.includes('hunter2'), line)
})

test('E1: kill -9 between any two steps loses no change', async (context) => {
  const receiver = await webhookReceiver(context)
  const server = await ServerProcess.start({
    environment: {
      WEFT_WEBHOOK_URLS: receiver.url,
      WEFT_WEBHOOK_SECRET: webhookSecret,
      WEFT_WEBHOOK_QUIET: '5ms',
      WEFT_WEBHOOK_WAIT: '20ms',
    },
  })
  context.after(() => server.dispose())
  const sessions = ['a', 'b', 'c'].map((id) => openSession(context, server.webSocketUrl, id))
  let letters = 0
  for (let round = 0; round < 8; round++) {
    // Sooner or later after the commits: before they are told, while they are, before that is remembered.
    for (let edit = 0; edit < 1 + round * 2; edit++) {
      for (const session of sessions) session.doc.getText('body').insert(0, 'x')
      letters += 1
      await Promise.all(sessions.map((session) => session.saved()))
    }
    await server.kill()
    await server.restart()
  }
  const heads = new Map<string, number>()
  const { items } = await (await fetch(`${server.url}/api/v1/documents`)).json()
  for (const { documentId, head } of items) heads.set(documentId, head)
  assert.equal(heads.size, 3)
  await until(
    () => [...heads].every(([id, head]) => receiver.events.some((event) => event.documentId === id && event.throughSeq === head)),
    'the last change of each is told',
  )
  for (const [id, head] of heads) assertWhole(receiver, id, head)
  assert.ok(letters > 0 && receiver.events.length < 200, `${receiver.events.length} events`)
})

test('E1: in a cluster whoever owns a document tells of it, and goes on where a node that was killed left off', async (context) => {
  const receiver = await webhookReceiver(context)
  const cluster = await LocalCluster.start({
    nodes: 2,
    environment: { WEFT_WEBHOOK_URLS: receiver.url, WEFT_WEBHOOK_SECRET: webhookSecret, WEFT_WEBHOOK_QUIET: '200ms' },
  })
  context.after(() => cluster.stop())
  const [one, two] = cluster.nodes
  assert.ok(one !== undefined && two !== undefined)
  const ids = Array.from({ length: 10 }, (_, number) => `doc/${number}`)
  const sessions = ids.map((id) => openSession(context, one.webSocketUrl, id))
  for (const session of sessions) session.doc.getText('body').insert(0, 'x')
  await Promise.all(sessions.map((session) => session.saved()))
  // Before the quiet time is over: what it owned nobody has told of.
  await two.kill()
  await until(() => new Set(receiver.events.map(({ documentId }) => documentId)).size === ids.length, 'all of them are told', 40_000)
  for (const id of ids) assertWhole(receiver, id, 1)
})
