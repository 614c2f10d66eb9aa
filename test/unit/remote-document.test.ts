// The replica of a document that another node owns, against a script of that node, on a clock that the test moves.

import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { Counters } from '../../core/counters.js'
import type { EditTraces } from '../../core/edit-traces.js'
import { WeftError } from '../../core/errors.js'
import { defaultLimits, type Limits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import { MemoryBudget } from '../../core/memory-budget.js'
import { seededRandom } from '../../core/random.js'
import type { LogRow } from '../../persistence/store.js'
import { weftNodeSubprotocol } from '../../protocol/dialects/weft.js'
import { NodeLinks } from '../../server/cluster/links/node-links.js'
import { RemoteDocument } from '../../server/cluster/remote-document.js'
import type { DocumentDirectory } from '../../server/document/port.js'
import { defaultTuning } from '../../server/document/tuning.js'
import { ManualClock } from '../helpers/manual-clock.js'
import { editOf, TestSession } from '../helpers/owner-bench.js'
import { ScriptedNode } from '../helpers/scripted-node.js'

const DOCUMENT = 'far/away'
const INCARNATION = 'the first'
const IDLE_MS = 1_000

interface Bench {
  readonly clock: ManualClock
  readonly node: ScriptedNode
  readonly remote: RemoteDocument
  readonly ended: () => number
  /** Every edit that the owner has told of, or will. */
  readonly doc: Y.Doc
  /** An edit of the owner's, as the update of one beat. */
  readonly budget: MemoryBudget
  edit(text: string): Uint8Array
  join(): Promise<TestSession>
}

interface BenchOptions {
  readonly limits?: Partial<Limits>
  readonly log?: readonly LogRow[]
  readonly subprotocol?: string
  readonly traces?: EditTraces
}

/** A remote document whose owner has answered with `seq` and the updates, unless `updates` is null. */
async function bench(seq: number, updates: readonly Uint8Array[] | null, options: BenchOptions = {}): Promise<Bench> {
  const clock = new ManualClock()
  const node = new ScriptedNode()
  node.subprotocol = options.subprotocol ?? weftNodeSubprotocol
  const limits = { ...defaultLimits, ...options.limits }
  const budget = new MemoryBudget(limits.memoryBytesMax)
  const links = new NodeLinks({
    dialer: node,
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    agent: 'node-1',
    waitingBytesHigh: 1024 * 1024,
  })
  let ended = 0
  const remote = new RemoteDocument({
    documentId: DOCUMENT,
    link: links.to(node.address),
    store: {
      readLog: async (_documentId, afterSeq, throughSeq) =>
        options.log?.filter((row) => row.seq > afterSeq && row.seq <= throughSeq) ?? null,
    },
    clock,
    logger: silentLogger,
    counters: new Counters(),
    limits,
    budget,
    pace: defaultTuning,
    traces: options.traces ?? null,
    busyness: () => 1,
    idleMs: IDLE_MS,
    ended: () => {
      ended += 1
    },
  })
  const doc = new Y.Doc()
  for (const update of updates ?? []) Y.applyUpdate(doc, update)
  await clock.settle()
  if (updates !== null) {
    const stateVector = Y.encodeStateVector(doc)
    node.say({ type: 'opened', channel: 1, incarnation: INCARNATION, seq, stateVector, permission: 'read-write' })
    node.say({ type: 'state', channel: 1, seq, updates })
  }
  const directory: DocumentDirectory = { attach: (_documentId, request) => remote.attach(request) }
  return {
    clock,
    node,
    remote,
    budget,
    ended: () => ended,
    doc,
    edit: (text) => {
      const before = Y.encodeStateVector(doc)
      doc.getText('text').insert(doc.getText('text').length, text)
      return Y.encodeStateAsUpdate(doc, before)
    },
    join: async () => {
      const session = new TestSession()
      await session.attach(directory, DOCUMENT)
      session.sync()
      await clock.settle()
      return session
    },
  }
}

const base = editOf('base ', 1)

test('S5, S2: many sessions cost one subscription, and joins are answered with the bytes that came', async () => {
  const { node, join } = await bench(7, [base])
  const sessions = await Promise.all(Array.from({ length: 5 }, join))
  assert.equal(node.receivedOf('open').length, 1)
  assert.equal(node.receivedOf('sync').length, 0)
  for (const session of sessions) {
    assert.equal(session.text, 'base ')
    assert.deepEqual(session.events, ['catch-up 7'])
    assert.equal(session.catchUps[0]?.updates[0], sessions[0]?.catchUps[0]?.updates[0])
  }
})

test('S6: a session that joins between two beats gets the first in its catch-up and the second after it', async () => {
  const { node, join, edit } = await bench(1, [base])
  const early = await join()
  node.say({ type: 'update', channel: 1, seq: 2, update: edit('one ') })
  const late = await join()
  node.say({ type: 'update', channel: 1, seq: 3, update: edit('two ') })
  assert.deepEqual(late.events, ['catch-up 2', 'beat 3'])
  assert.deepEqual(early.events, ['catch-up 1', 'beat 2', 'beat 3'])
  assert.equal(late.text, 'base one two ')
  assert.equal(early.text, late.text)
})

test('S6: beats that a crowd is sent at a pace are missed by nobody who joins meanwhile', async () => {
  const { clock, node, join, edit } = await bench(1, [base])
  const crowd = await Promise.all(Array.from({ length: 20 }, join))
  for (let seq = 2; seq <= 6; seq++) node.say({ type: 'update', channel: 1, seq, update: edit(`${seq} `) })
  const late = await join()
  await clock.advanceAsync(50)
  for (const session of [...crowd, late]) assert.equal(session.text, 'base 2 3 4 5 6 ')
  assert.ok((crowd[0]?.beats.length ?? 0) <= 2, 'the beats were merged')
})

test('D1: an acknowledgement reaches the session whose submission it was, and only when the owner gives it', async () => {
  const { node, join } = await bench(1, [base])
  const [a, b] = [await join(), await join()]
  a.submit(editOf('a', 11))
  b.submit(editOf('b', 12))
  a.submit(editOf('c', 13))
  assert.deepEqual(
    node.receivedOf('submit').map(({ submission }) => submission),
    [1, 2, 3],
  )
  assert.equal(a.acknowledgedThrough, -1)
  node.say({ type: 'acknowledged', channel: 1, through: 2, seq: 2 })
  assert.equal(a.acknowledgedThrough, 1)
  assert.equal(b.acknowledgedThrough, 1)
  node.say({ type: 'acknowledged', channel: 1, through: 3, seq: 3 })
  assert.equal(a.acknowledgedThrough, 2)
  assert.equal(b.acknowledgedThrough, 1)
})

test('G5: a refusal reaches the session whose submission it was, with the code of the owner', async () => {
  const { node, join } = await bench(1, [base])
  const [a, b] = [await join(), await join()]
  a.submit(editOf('a', 11))
  b.submit(editOf('b', 12))
  node.say({
    type: 'refused',
    channel: 1,
    submission: 2,
    closeCode: 4413,
    code: 'document-too-large',
    reason: 'Too large.',
    retryable: false,
  })
  node.say({ type: 'acknowledged', channel: 1, through: 2, seq: 2 })
  assert.deepEqual(a.events.slice(1), ['acknowledged 1 at 2'])
  assert.deepEqual(b.events.slice(1), ['refused 1 document-too-large'])
  assert.equal(b.refusals[0]?.error.message, 'Too large.')
})

test('O5: when the link or the channel ends, sessions are told that the owner moved; other errors are passed on', async () => {
  const refusal = { closeCode: 4512, reason: 'x', retryable: true }
  const cases: [string, (node: ScriptedNode) => void][] = [
    ['owner-moved', (node) => node.cut()],
    ['owner-moved', (node) => node.say({ type: 'closed', channel: 1, code: 'owner-moved', ...refusal })],
    ['owner-moved', (node) => node.say({ type: 'closed', channel: 1, code: 'draining', ...refusal })],
    ['document-corrupt', (node) => node.say({ type: 'closed', channel: 1, code: 'document-corrupt', ...refusal })],
    ['internal', (node) => node.say({ type: 'closed', channel: 1, code: 'something-new', ...refusal })],
  ]
  for (const [code, end] of cases) {
    const { node, join, ended } = await bench(1, [base])
    const session = await join()
    end(node)
    assert.equal(session.detachedBy?.code, code)
    assert.equal(ended(), 1)
  }
})

test('D4: an attach fails with the owner’s reason when the owner cannot open the document, and nobody gets an empty one', async () => {
  const { node, join } = await bench(0, null)
  const joining = join()
  node.say({ type: 'closed', channel: 1, code: 'store-unavailable', closeCode: 4500, reason: 'Not now.', retryable: true })
  await assert.rejects(joining, (error) => error instanceof WeftError && error.code === 'store-unavailable' && error.message === 'Not now.')
})

test('G3: a link that no longer answers pings is given up within 3 s', async () => {
  const { clock, node, join } = await bench(1, [base])
  const session = await join()
  await clock.advanceAsync(10_000)
  assert.ok(node.linked)
  node.answersPings = false
  await clock.advanceAsync(3_000)
  assert.equal(session.detachedBy?.code, 'owner-moved')
})

test('S1: the channel is closed when nobody has used it for a while, but not while a submission has no answer', async () => {
  const { clock, node, join, ended } = await bench(1, [base])
  const session = await join()
  session.submit(editOf('a', 11))
  session.detach()
  await clock.advanceAsync(10 * IDLE_MS)
  assert.equal(node.receivedOf('close').length, 0)
  node.say({ type: 'acknowledged', channel: 1, through: 1, seq: 2 })
  await clock.advanceAsync(IDLE_MS - 1)
  assert.equal(ended(), 0)
  const another = await join()
  await clock.advanceAsync(10 * IDLE_MS)
  assert.equal(ended(), 0)
  another.detach()
  await clock.advanceAsync(IDLE_MS)
  assert.equal(ended(), 1)
  assert.equal(node.receivedOf('close').length, 1)
})

test('G2, S6: what the owner sends after the link lagged reaches live sessions as a beat, and those that resume from any seq', async () => {
  const { node, join, edit } = await bench(1, [base])
  const live = await join()
  const lagging = await join()
  node.say({ type: 'update', channel: 1, seq: 2, update: edit('2 ') })
  lagging.attachment.suspend()
  node.say({ type: 'state', channel: 1, seq: 5, updates: [edit('3 '), edit('4 5 ')] })
  node.say({ type: 'update', channel: 1, seq: 6, update: edit('6 ') })
  assert.equal(live.text, 'base 2 3 4 5 6 ')
  assert.equal(live.seq, 6)
  lagging.sync(lagging.knownBySeq())
  assert.equal(lagging.text, live.text)
  // From a seq inside the stretch: it gets all of the stretch.
  const resumed = await join()
  resumed.sync({ kind: 'seq', incarnation: INCARNATION, seq: 4, stateVector: Uint8Array.of(0) })
  const last = resumed.catchUps.at(-1)
  assert.equal(last?.seq, 6)
  const doc = new Y.Doc()
  for (const update of [base, ...live.beats.slice(0, 1).map((beat) => beat.update), ...(last?.updates ?? [])]) Y.applyUpdate(doc, update)
  assert.equal(doc.getText('text').toString(), live.text)
})

test('S2: a session that resumes from before the replica’s base gets the log from the store', async () => {
  const rows = ['a', 'b', 'c'].map((text, index) => ({ seq: index + 1, epoch: 1, committedAt: 0, update: editOf(text, 20 + index) }))
  const state = Y.mergeUpdates(rows.map(({ update }) => update))
  const { clock, join } = await bench(3, [state], { log: rows })
  const session = await join()
  session.sync({ kind: 'seq', incarnation: INCARNATION, seq: 2, stateVector: Uint8Array.of(0) })
  await clock.settle()
  assert.deepEqual(session.catchUps.at(-1)?.updates, [rows[2]?.update])
})

test('G2: a replica that has outgrown its base asks for the owner’s state anew, and its sessions miss nothing', async () => {
  const { node, join, edit, doc } = await bench(1, [base])
  const session = await join()
  let seq = 1
  while (node.receivedOf('sync').length === 0) {
    assert.ok(seq < 100, 'it never asked')
    seq += 1
    node.say({ type: 'update', channel: 1, seq, update: edit('x'.repeat(8 * 1024)) })
  }
  // What lies between the last beat and the state never came as a beat.
  edit('unseen ')
  node.say({ type: 'state', channel: 1, seq: seq + 1, updates: [Y.encodeStateAsUpdate(doc)] })
  node.say({ type: 'update', channel: 1, seq: seq + 2, update: edit('end') })
  assert.equal(session.text, doc.getText('text').toString())
  assert.equal((await join()).text, session.text)
  assert.equal(node.receivedOf('sync').length, 1)
})

test('S6: what a lagging link brings while the replica waits for everything is not taken for everything', async () => {
  const { node, join, edit, doc } = await bench(1, [base])
  const session = await join()
  let seq = 1
  while (node.receivedOf('sync').length === 0) {
    seq += 1
    node.say({ type: 'update', channel: 1, seq, update: edit('x'.repeat(8 * 1024)) })
  }
  node.say({ type: 'state', channel: 1, seq: seq + 1, updates: [edit('stretch ')] })
  assert.equal((await join()).text, doc.getText('text').toString())
  node.say({ type: 'state', channel: 1, seq: seq + 1, updates: [Y.encodeStateAsUpdate(doc)] })
  node.say({ type: 'update', channel: 1, seq: seq + 2, update: edit('end') })
  assert.equal(session.text, doc.getText('text').toString())
  assert.equal((await join()).text, session.text)
})

test('G1 (pendingBytesPerDocumentMax): writers are paused while too much is on its way to the owner', async () => {
  const { node, join } = await bench(1, [base], { limits: { pendingBytesPerDocumentMax: 8 * 1000 } })
  const [writer, other] = [await join(), await join()]
  for (let submission = 1; submission <= 11; submission++) writer.submit(new Uint8Array(100))
  assert.ok(writer.paused && other.paused)
  node.say({ type: 'acknowledged', channel: 1, through: 5, seq: 2 })
  assert.ok(writer.paused)
  node.say({ type: 'acknowledged', channel: 1, through: 6, seq: 3 })
  assert.ok(!writer.paused && !other.paused)
})

test('G2: writers are paused while the link itself has too much waiting', async () => {
  const { node, join } = await bench(1, [base])
  const writer = await join()
  node.bufferedBytes = 2 * 1024 * 1024
  writer.submit(editOf('a', 11))
  assert.ok(writer.paused)
  node.take()
  assert.ok(!writer.paused)
})

test('G1 (sessionsPerDocumentMax): a session too many is refused here', async () => {
  const { join } = await bench(1, [base], { limits: { sessionsPerDocumentMax: 1 } })
  await join()
  await assert.rejects(join(), (error) => error instanceof WeftError && error.code === 'too-many-sessions')
})

test('S4: the state vector that stock clients are asked with is that of everything that came', async () => {
  const { node, join, edit, doc } = await bench(1, [base])
  const session = await join()
  node.say({ type: 'update', channel: 1, seq: 2, update: edit('more') })
  assert.deepEqual(session.attachment.stateVector(), Y.encodeStateVector(doc))
})

test('G8: a replica counts into the budget of its node while it is there, and one that holds nothing goes with its last session', async () => {
  const held = await bench(3, [editOf('x'.repeat(50_000), 1)])
  const documents = held.budget.account('documents')
  const session = await held.join()
  assert.ok(documents.bytes > 50_000)
  session.detach()
  await held.clock.advanceAsync(IDLE_MS - 1)
  assert.equal(held.ended(), 0)
  await held.clock.advanceAsync(1)
  assert.equal(held.ended(), 1)
  assert.equal(documents.bytes, 0)

  const blank = await bench(0, [])
  const reader = await blank.join()
  assert.ok(blank.budget.account('documents').bytes > 0)
  reader.detach()
  await blank.clock.advanceAsync(0)
  assert.equal(blank.ended(), 1)
  assert.equal(blank.budget.account('documents').bytes, 0)
})

test('H5: the owner is told who wrote what is submitted, whenever that is somebody else than before', async () => {
  const { node, remote, clock, join } = await bench(0, [])
  const [a, b] = [await join(), await join()]
  a.user = 'ann'
  b.user = 'ben'
  for (const [client, session] of [a, a, b, a].entries()) session.submit(editOf('x', client + 1))
  b.user = null
  b.submit(editOf('x', 9))
  await clock.settle()
  const said = node.received.flatMap((message) =>
    message.type === 'author' ? [`of ${message.user}`] : message.type === 'submit' ? [String(message.submission)] : [],
  )
  assert.deepEqual(said, ['of ann', '1', '2', 'of ben', '3', 'of ann', '4', 'of ', '5'])
  remote.end(new WeftError('draining', 'over'))
})

test('H5: a node of the version before is sent what is submitted, and not who wrote it', async () => {
  const { node, remote, clock, join } = await bench(0, [], { subprotocol: 'weft-node.1' })
  const session = await join()
  session.user = 'ann'
  session.submit(editOf('x', 1))
  await clock.settle()
  const types = node.received.map(({ type }) => type)
  assert.ok(types.includes('submit') && !types.includes('author'), types.join(' '))
  remote.end(new WeftError('draining', 'over'))
})

test('H5: the owner is told which submissions are followed and asked for updates that are, and a node of the version before is told nothing of it', async () => {
  const over: string[] = []
  const traces: EditTraces = {
    received: () => {},
    made: () => {},
    continued: () => {},
    refused: () => {},
    repeated: () => {},
    waits: () => {},
    commits: () => {},
    durable: () => {},
    contextOf: () => null,
    shown: () => {},
    acknowledged: () => {},
    forwarded: (edit) => ({
      context: `context of ${edit.length}`,
      acknowledged: (seq) => void over.push(`acknowledged at ${seq}`),
      refused: (code) => void over.push(`refused: ${code}`),
      lost: () => void over.push('lost'),
    }),
    arrived: (context) => ({ shown: (sessions) => void over.push(`${context} shown to ${sessions}`) }),
  }
  const said = (node: ScriptedNode): readonly string[] =>
    node.received.flatMap((message) =>
      message.type === 'trace' ? [`trace "${message.context}"`] : message.type === 'submit' ? ['submit'] : [],
    )
  const { node, remote, clock, edit, join } = await bench(0, [], { traces })
  const session = await join()
  const first = editOf('x', 1)
  session.submit(first)
  session.submit(editOf('yy', 2))
  session.submit(editOf('zzz', 3))
  await clock.settle()
  assert.deepEqual(said(node).slice(0, 3), ['trace ""', `trace "context of ${first.length}"`, 'submit'])
  node.say({ type: 'trace', channel: 1, context: 'from the owner' })
  node.say({ type: 'update', channel: 1, seq: 1, update: edit('hello') })
  await clock.settle()
  await clock.advanceAsync(1_000)
  node.say({ type: 'acknowledged', channel: 1, through: 1, seq: 1 })
  node.say({ type: 'refused', channel: 1, submission: 2, closeCode: 4403, code: 'forbidden', reason: 'no', retryable: false })
  assert.deepEqual(over, ['from the owner shown to 1', 'acknowledged at 1', 'refused: forbidden'])
  remote.end(new WeftError('draining', 'over'))
  assert.deepEqual(over.slice(3), ['lost'])

  const older = await bench(0, [], { traces, subprotocol: 'weft-node.3' })
  const there = await older.join()
  there.submit(first)
  await older.clock.settle()
  assert.deepEqual(said(older.node), ['submit'])
  older.remote.end(new WeftError('draining', 'over'))
})
