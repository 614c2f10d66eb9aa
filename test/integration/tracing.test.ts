// Edits followed with the real SDK of OpenTelemetry: each step of an edit's way is a span, also across nodes, and nothing is followed where nobody asked for it.
import { strict as assert } from 'node:assert'
import { AsyncLocalStorage } from 'node:async_hooks'
import { type TestContext, test } from 'node:test'
import * as api from '@opentelemetry/api'
import {
  AlwaysOffSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import * as Y from 'yjs'
import { connect, type DocumentSession } from '../../client/index.js'
import { systemClock } from '../../core/clock.js'
import { silentLogger } from '../../core/log.js'
import { seededRandom, systemRandom } from '../../core/random.js'
import { editTracesOf } from '../../server/tracing/edit-traces-of.js'
import { OpenTelemetryTraces } from '../../server/tracing/open-telemetry-traces.js'
import { type ClusterNode, TestCluster } from '../helpers/cluster.js'
import { startLocalServer } from '../helpers/local-server.js'
import { RawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

/** Registers a provider, as a program does before it makes a server. Its spans are in the exporter as soon as they end. */
function registered(context: TestContext, sampler?: AlwaysOffSampler): InMemorySpanExporter {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(exporter)],
    ...(sampler === undefined ? {} : { sampler }),
  })
  api.trace.setGlobalTracerProvider(provider)
  context.after(async () => {
    api.trace.disable()
    await provider.shutdown()
  })
  return exporter
}

/** Carries what is followed through promises, as the one of OpenTelemetry's SDK for Node does. */
function contextManager(): api.ContextManager {
  const storage = new AsyncLocalStorage<api.Context>()
  const manager: api.ContextManager = {
    active: () => storage.getStore() ?? api.ROOT_CONTEXT,
    with: (active, run, self, ...args) => storage.run(active, () => run.call(self as never, ...args)),
    bind: (_active, target) => target,
    enable: () => manager,
    disable: () => manager,
  }
  return manager
}

function open(context: TestContext, url: string, documentId: string, token = ''): DocumentSession {
  const connection = connect(url, { token, logger: silentLogger })
  const doc = new Y.Doc()
  context.after(async () => {
    await connection.close()
    doc.destroy()
  })
  return connection.open(documentId, doc)
}

const named = (spans: readonly ReadableSpan[], name: string): ReadableSpan => {
  const found = spans.filter((span) => span.name === name)
  assert.equal(found.length, 1, `one span ${name} among ${spans.map((span) => span.name)}`)
  return found[0] as ReadableSpan
}
const startOf = (span: ReadableSpan): number => span.startTime[0] * 1e9 + span.startTime[1]
const endOf = (span: ReadableSpan): number => span.endTime[0] * 1e9 + span.endTime[1]
const isChildOf = (child: ReadableSpan, parent: ReadableSpan): void => {
  assert.equal(child.parentSpanContext?.spanId, parent.spanContext().spanId, `${child.name} is within ${parent.name}`)
  assert.equal(child.spanContext().traceId, parent.spanContext().traceId)
}

test('an edit is a span from its arrival to its acknowledgement, with a span for each step of its way, one after the other', async (context) => {
  const exporter = registered(context)
  const { server, webSocketUrl } = await startLocalServer({ traceOneIn: 1 })
  context.after(() => server.close())
  const session = open(context, webSocketUrl, 'notes/today')
  const reader = open(context, webSocketUrl, 'notes/today')
  await Promise.all([session.synced, reader.synced])
  session.doc.getText('body').insert(0, 'x')
  await session.saved()
  await until(() => exporter.getFinishedSpans().some(({ name }) => name === 'weft.edit'), 'the span has ended')
  const spans = exporter.getFinishedSpans()
  const whole = named(spans, 'weft.edit')
  assert.equal(whole.parentSpanContext, undefined)
  assert.equal(whole.kind, api.SpanKind.SERVER)
  assert.deepEqual([whole.attributes['weft.document.id'], whole.attributes['weft.seq']], ['notes/today', 1])
  assert.deepEqual(
    whole.events.map(({ name, attributes }) => [name, attributes]),
    [['shown', { 'weft.sessions': 2 }]],
  )
  const steps = ['weft.edit.check', 'weft.edit.wait', 'weft.edit.commit', 'weft.edit.deliver'].map((name) => named(spans, name))
  assert.equal(spans.length, 1 + steps.length)
  let before = startOf(whole)
  for (const step of steps) {
    isChildOf(step, whole)
    assert.ok(startOf(step) >= before && endOf(step) >= startOf(step), `${step.name} comes after what is before it`)
    before = endOf(step)
  }
  assert.ok(endOf(whole) >= before)
  // Nothing of what was written, and nothing that opens anything.
  assert.doesNotMatch(JSON.stringify(spans.map(({ attributes, events }) => [attributes, events])), /body|token/)
})

test('an edit that is refused says why, and one that is known already ends without a commit', async (context) => {
  const exporter = registered(context)
  const { server, webSocketUrl } = await startLocalServer({ traceOneIn: 1, limits: { documentBytesMax: 2_000 } })
  context.after(() => server.close())
  const session = open(context, webSocketUrl, 'notes/today')
  await session.synced
  session.doc.getText('body').insert(0, 'x'.repeat(10_000))
  await assert.rejects(session.saved())
  const refused = named(exporter.getFinishedSpans(), 'weft.edit')
  assert.deepEqual(refused.status, { code: api.SpanStatusCode.ERROR, message: 'document-too-large' })
  exporter.reset()
  const client = await RawClient.weft(webSocketUrl)
  context.after(() => client.close())
  client.sendWeft({ type: 'open', channel: 1, documentId: 'other', token: '', known: { kind: 'nothing' } })
  const doc = new Y.Doc()
  doc.getText('body').insert(0, 'short')
  for (const submission of [1, 2]) {
    client.sendWeft({ type: 'submit', channel: 1, submission, update: Y.encodeStateAsUpdate(doc) })
    await until(
      () => client.weftMessages.some((message) => message.type === 'acknowledged' && message.through === submission),
      `submission ${submission} is acknowledged`,
    )
  }
  const wholes = exporter.getFinishedSpans().filter(({ name }) => name === 'weft.edit')
  assert.deepEqual(
    wholes.map(({ attributes }) => attributes['weft.edit.known']),
    [undefined, true],
  )
  assert.equal(exporter.getFinishedSpans().filter(({ name }) => name === 'weft.edit.commit').length, 1)
})

test('an edit that is refused before its document has seen it says so, too', async (context) => {
  const exporter = registered(context)
  const { server, webSocketUrl } = await startLocalServer({ traceOneIn: 1, authorize: () => ({ user: 'eve', permission: 'read-only' }) })
  context.after(() => server.close())
  const client = await RawClient.weft(webSocketUrl)
  context.after(() => client.close())
  client.sendWeft({ type: 'open', channel: 1, documentId: 'notes', token: '', known: { kind: 'nothing' } })
  client.sendWeft({ type: 'submit', channel: 1, submission: 1, update: Y.encodeStateAsUpdate(new Y.Doc()) })
  await client.weftMessage('refused')
  const whole = named(exporter.getFinishedSpans(), 'weft.edit')
  assert.deepEqual(whole.status, { code: api.SpanStatusCode.ERROR, message: 'forbidden' })
})

test('an edit over the API, and one of the program, is followed like that of a client, within what the program follows', async (context) => {
  const exporter = registered(context)
  api.context.setGlobalContextManager(contextManager())
  context.after(() => api.context.disable())
  // None would be followed on its own.
  const { server } = await startLocalServer({ traceOneIn: 1_000_000_000 })
  context.after(() => server.close())
  const within = async (name: string, work: () => Promise<unknown>): Promise<readonly ReadableSpan[]> => {
    exporter.reset()
    await api.trace.getTracer('the program').startActiveSpan(name, async (span) => work().finally(() => span.end()))
    return exporter.getFinishedSpans()
  }
  const document = server.document('notes/today')
  const byProgram = await within('job', () => document.transact((doc) => doc.getText('body').insert(0, 'x')))
  const whole = named(byProgram, 'weft.edit')
  isChildOf(whole, named(byProgram, 'job'))
  assert.deepEqual([whole.attributes['weft.document.id'], whole.attributes['weft.seq']], ['notes/today', 1])
  assert.equal(whole.kind, api.SpanKind.INTERNAL)
  for (const name of ['weft.edit.check', 'weft.edit.wait', 'weft.edit.commit', 'weft.edit.deliver'])
    isChildOf(named(byProgram, name), whole)
  const post = (expected: string): Promise<Response> =>
    server.fetch(
      new Request('http://localhost/api/v1/documents/notes%2Ftoday/updates', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'if-match': expected },
        body: JSON.stringify({ text: [{ root: 'body', at: 0, insert: 'y' }] }),
      }),
    )
  const overHttp = await within('request', async () => assert.equal((await post('"1"')).status, 200))
  isChildOf(named(overHttp, 'weft.edit'), named(overHttp, 'request'))
  assert.equal(named(overHttp, 'weft.edit').attributes['weft.seq'], 2)
  // What was refused says so, and outside of what is followed nothing is.
  const { history } = server
  assert.ok(history !== null)
  const { moment, update } = await history.update('notes/today', 'now')
  const refused = await within('job', () => assert.rejects(history.apply('notes/today', [update], null, moment.seq + 1)))
  assert.deepEqual(named(refused, 'weft.edit').status, { code: api.SpanStatusCode.ERROR, message: 'superseded' })
  exporter.reset()
  await document.transact((doc) => doc.getText('body').insert(0, 'z'))
  assert.deepEqual(exporter.getFinishedSpans(), [])
})

test('one of so many edits is followed, the sampler of the program has the last word, and without a provider nothing is', async (context) => {
  const random = seededRandom(7)
  const options = { version: 'test', clock: systemClock, random, logger: silentLogger }
  assert.equal(await editTracesOf({ ...options, oneIn: 1 }), null, 'nobody has registered a provider')
  const exporter = registered(context)
  assert.equal(await editTracesOf({ ...options, oneIn: 0 }), null)
  const traces = await editTracesOf({ ...options, oneIn: 10 })
  assert.ok(traces !== null)
  for (let count = 0; count < 1_000; count++) {
    const edit = new Uint8Array(1)
    traces.received(edit, 'notes')
    traces.repeated(edit)
  }
  const followed = exporter.getFinishedSpans().filter(({ name }) => name === 'weft.edit').length
  assert.ok(followed > 70 && followed < 140, `${followed} of 1,000`)
  api.trace.disable()
  const off = registered(context, new AlwaysOffSampler())
  const sampled = await editTracesOf({ ...options, oneIn: 1 })
  const edit = new Uint8Array(1)
  sampled?.received(edit, 'notes')
  assert.equal(sampled?.forwarded(edit), null)
  assert.deepEqual(off.getFinishedSpans(), [])
})

test('across nodes the owner and whoever shows the edit continue its trace, and one that is not followed costs them nothing', async (context) => {
  const exporters = new Map<string, InMemorySpanExporter>()
  const cluster = await TestCluster.start(context, {
    nodes: 3,
    traces: (nodeId) => {
      const exporter = new InMemorySpanExporter()
      exporters.set(nodeId, exporter)
      const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
      context.after(() => provider.shutdown())
      return new OpenTelemetryTraces({ api, tracer: provider.getTracer('weft-sync'), clock: systemClock, random: systemRandom, oneIn: 1 })
    },
  })
  const documentId = 'notes/today'
  const owner = cluster.nodes.find((node) => node.owns(documentId))
  const [from, other] = cluster.nodes.filter((node) => node !== owner)
  assert.ok(owner !== undefined && from !== undefined && other !== undefined)
  const writer = open(context, from.url, documentId)
  const readers = [owner, from, other].map((node) => open(context, node.url, documentId))
  await Promise.all([writer, ...readers].map((session) => session.synced))
  writer.doc.getText('body').insert(0, 'x')
  await writer.saved()
  const spansOf = (node: ClusterNode): readonly ReadableSpan[] => exporters.get(node.nodeId)?.getFinishedSpans() ?? []
  const has = (node: ClusterNode, name: string): boolean => spansOf(node).some((span) => span.name === name)
  await until(
    () => has(from, 'weft.edit') && has(owner, 'weft.edit.own') && has(from, 'weft.edit.deliver') && has(other, 'weft.edit.deliver'),
    'all of its way is told',
  )
  const whole = named(spansOf(from), 'weft.edit')
  const forward = named(spansOf(from), 'weft.edit.forward')
  const own = named(spansOf(owner), 'weft.edit.own')
  assert.equal(whole.attributes['weft.seq'], 1)
  isChildOf(named(spansOf(from), 'weft.edit.check'), whole)
  isChildOf(forward, whole)
  isChildOf(own, forward)
  for (const name of ['weft.edit.check', 'weft.edit.wait', 'weft.edit.commit', 'weft.edit.deliver'])
    isChildOf(named(spansOf(owner), name), own)
  for (const node of [from, other]) {
    const deliver = named(spansOf(node), 'weft.edit.deliver')
    isChildOf(deliver, own)
    assert.deepEqual(deliver.events[0]?.attributes, { 'weft.sessions': node === from ? 2 : 1 })
  }
  assert.deepEqual(
    spansOf(other).map(({ name }) => name),
    ['weft.edit.deliver'],
  )
})

test('G5: a client that says what it follows is malformed: only nodes may', async (context) => {
  const exporter = registered(context)
  const { server, webSocketUrl } = await startLocalServer({ traceOneIn: 1 })
  context.after(() => server.close())
  const client = await RawClient.weft(webSocketUrl)
  client.sendWeft({ type: 'open', channel: 1, documentId: 'notes', token: '', known: { kind: 'nothing' } })
  client.sendWeft({ type: 'trace', channel: 1, context: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` })
  const { code, reason } = await client.closed
  assert.equal(code, 4400)
  assert.match(reason, /Only nodes of the cluster/)
  assert.deepEqual(exporter.getFinishedSpans(), [])
})
