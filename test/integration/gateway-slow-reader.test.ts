// Clients that stop taking data from their socket: bounded memory, then up to date again, or closed as too slow (G2).
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { defaultLimits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import { decodeAwareness, encodeAwareness } from '../../protocol/awareness.js'
import { ApiClient } from '../helpers/api-client.js'
import { startLocalServer } from '../helpers/local-server.js'
import { readMetric } from '../helpers/metrics.js'
import { RawClient } from '../helpers/raw-client.js'
import { canonicalState, eventually } from '../helpers/states.js'

const OUTBOX_BYTES_HIGH = 256 * 1024
/** Small enough to be sent as a whole: what goes in pieces waits for the client's pongs, and does not fill its outbox. */
const UPDATE_BYTES = 30_000
/** As much waits after so many edits in a row: the kernel's socket buffers, whose size is the machine's, are full at both ends. */
const FULL_AFTER_EDITS = 30
/** More than the socket buffers of any machine take. */
const EDITS_MAX = 3_000

/** Longer than the test takes on any machine: a reader that does not read, and so answers no ping, is not to be given up. */
const PATIENT_MS = 600_000
const patience = { laggingMsMax: PATIENT_MS, pingPeriodMs: PATIENT_MS, pongMsMax: PATIENT_MS }

const limits = { outboxBytesHigh: OUTBOX_BYTES_HIGH, outboxBytesLow: 64 * 1024 }

/** Submits large edits one after the other, each when the one before is acknowledged, until `afterEach` answers `stop`. */
async function writeMuch(writer: RawClient, doc: Y.Doc, afterEach: () => Promise<'go on' | 'stop'>): Promise<void> {
  writer.sendWeft({ type: 'open', channel: 1, documentId: 'd', token: '', known: { kind: 'nothing' } })
  await writer.weftMessage('opened')
  let submission = 0
  doc.on('update', (update: Uint8Array) => writer.sendWeft({ type: 'submit', channel: 1, submission: ++submission, update }))
  for (let count = 1; count <= EDITS_MAX; count++) {
    doc.getMap('notes').set('k', String(count % 10).repeat(UPDATE_BYTES))
    await eventually('the edit is acknowledged', () => writer.weftMessages.some((m) => m.type === 'acknowledged' && m.through >= count))
    writer.frames.splice(0)
    if ((await afterEach()) === 'stop') return
  }
  assert.fail(`the reader's socket still took data after ${EDITS_MAX} edits`)
}

describe('slow readers', () => {
  test('G2, A3: memory is bounded while a client does not read, and then it is brought up to date, awareness included', async (context) => {
    const { server, webSocketUrl } = await startLocalServer({ limits: { ...limits, ...patience } })
    context.after(() => server.close())
    const reader = await RawClient.connect(`${webSocketUrl}/d`)
    reader.sendY({ type: 'sync-step-1', stateVector: Uint8Array.of(0) })
    await reader.yMessage('sync-step-2')
    // The server has its confirmation of what it sent, and waits for nothing but what follows.
    await reader.roundTrip()
    reader.socket.pause()

    const writer = await RawClient.weft(webSocketUrl)
    const doc = new Y.Doc()
    let waitingMax = 0
    let awarenessClock = 0
    let waiting = 0
    let sameAsBefore = 0
    await writeMuch(writer, doc, async () => {
      const before = waiting
      waiting = await readMetric(server.url, 'waiting_bytes')
      waitingMax = Math.max(waitingMax, waiting)
      sameAsBefore = waiting === before && waiting > 0 ? sameAsBefore + 1 : 0
      const state = new TextEncoder().encode(`{"cursor":${++awarenessClock}}`)
      writer.sendWeft({ type: 'awareness', channel: 1, update: encodeAwareness([{ clientId: 7, clock: awarenessClock, state }]) })
      return sameAsBefore < FULL_AFTER_EDITS ? 'go on' : 'stop'
    })
    assert.ok(server.counters.get('sessions_lagging') >= 1)
    assert.ok(server.counters.get('awareness_frames_dropped') >= 1)
    assert.ok(waitingMax < OUTBOX_BYTES_HIGH + 4 * UPDATE_BYTES, `at most ${waitingMax} bytes waited`)
    // Operators see it first of all, though the writer came after it.
    const operator = new ApiClient(server.url)
    const [behind] = (await operator.expect('GET', '/admin/sessions?limit=1')).items
    assert.equal(behind.lag.state, 'lagging')
    assert.ok(behind.lag.edits > 0 && behind.lag.waitingBytes > 0, JSON.stringify(behind.lag))
    assert.equal((await operator.expect('GET', '/admin/overview')).totals.laggingSessions, 1)

    reader.socket.resume()
    const copy = new Y.Doc()
    let lastCursor = ''
    await eventually('the reader is up to date', () => {
      for (const message of reader.yMessages) {
        if (message.type === 'update' || message.type === 'sync-step-2') Y.applyUpdate(copy, message.update)
        if (message.type === 'awareness')
          for (const entry of decodeAwareness(message.update)) if (entry.clientId === 7) lastCursor = new TextDecoder().decode(entry.state)
      }
      reader.frames.splice(0)
      return canonicalState(copy) === canonicalState(doc) && lastCursor === `{"cursor":${awarenessClock}}`
    })
    assert.equal(reader.closing, null)
    const { items } = await operator.expect('GET', '/admin/sessions')
    assert.deepEqual(
      items.map(({ lag }: { lag: { state: string; edits: number } }) => [lag.state, lag.edits]),
      [
        ['live', 0],
        ['live', 0],
      ],
    )
    for (const client of [reader, writer]) client.close()
    await server.close()
  })

  test('G1, G2: laggingMsMax: a client that never reads again is closed with 4508, nobody else', async (context) => {
    const { server, webSocketUrl } = await startLocalServer({ limits: { ...limits, laggingMsMax: 1_000 } })
    context.after(() => server.close())
    const reader = await RawClient.connect(`${webSocketUrl}/d`)
    reader.sendY({ type: 'sync-step-1', stateVector: Uint8Array.of(0) })
    await reader.yMessage('sync-step-2')
    // The server has its confirmation of what it sent, and waits for nothing but what follows.
    await reader.roundTrip()
    reader.socket.pause()
    const writer = await RawClient.weft(webSocketUrl)
    const isGivenUp = (): boolean => server.counters.get('sessions_too_slow') === 1
    await writeMuch(writer, new Y.Doc(), () => Promise.resolve(isGivenUp() ? 'stop' : 'go on'))
    await eventually('the reader is given up', isGivenUp)
    // What was sent before can still be read, and then why it ended.
    reader.socket.resume()
    const closing = await reader.closed
    assert.equal(closing.code, 4508)
    // Of edits, or of the difference that it was being sent when the kernel took no more.
    assert.match(closing.reason, /too slowly|takes nothing/)
    assert.equal(writer.closing, null)
    writer.close()
    await server.close()
  })

  test('G2: a flood of step 1 from a client that does not read costs bounded memory', async (context) => {
    // The rate of questions is not what is to bound it here.
    const rates = { syncsPerSecondMax: 10_000, syncsPerSecondPerSessionMax: 10_000 }
    const { server, webSocketUrl } = await startLocalServer({ limits: { ...limits, ...rates } })
    context.after(() => server.close())
    const writer = await RawClient.connect(`${webSocketUrl}/d`)
    const doc = new Y.Doc()
    doc.getMap('notes').set('k', 'x'.repeat(1_000_000))
    writer.sendY({ type: 'update', update: Y.encodeStateAsUpdate(doc) })
    await eventually('the document is there', () => server.counters.get('log_rows_committed') === 1)

    const flooder = await RawClient.connect(`${webSocketUrl}/d`)
    flooder.socket.pause()
    for (let count = 0; count < 500; count++) flooder.sendY({ type: 'sync-step-1', stateVector: Uint8Array.of(0) })
    const received = server.counters.get('messages_received')
    await eventually('the flood has arrived', () => server.counters.get('messages_received') >= received + 500)
    const waiting = await readMetric(server.url, 'waiting_bytes')
    assert.ok(waiting < 3_000_000, `${waiting} bytes wait`)
    for (const client of [flooder, writer]) client.close()
    await server.close()
  })
})

/** What a provider of Hocuspocus begins with, as bytes: step 1 of somebody who has nothing of the document. */
function hocuspocusStepOne(documentId: string): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarString(encoder, documentId)
  for (const type of [0, 0]) encoding.writeVarUint(encoder, type)
  encoding.writeVarUint8Array(encoder, Uint8Array.of(0))
  return encoding.toUint8Array(encoder)
}

test("G2: whoever floods Hocuspocus' step 1, each of which asks for the whole document, and does not read, costs bounded memory and work, and nobody else their time, and is closed", async () => {
  const { server, webSocketUrl } = await startLocalServer({ limits: { ...limits, ...patience, rateExceededMsMax: 3_000 } })
  const { url } = server
  const writer = connect(url, { logger: silentLogger })
  const session = writer.open('d', new Y.Doc())
  const text = session.doc.getText('body')
  // One value, which comes in one message.
  session.doc.getMap('notes').set('k', 'x'.repeat(1_000_000))
  await session.saved()

  const flooder = await RawClient.connect(webSocketUrl)
  flooder.send(hocuspocusStepOne('d'))
  await eventually('it has the document', () => flooder.frames.some((frame) => frame.length > 1_000_000))
  flooder.frames.splice(0)
  flooder.socket.pause()
  const floodMs = performance.now()
  const asked = 20_000
  for (let count = 0; count < asked; count++) flooder.send(hocuspocusStepOne('d'))
  let waitingMax = 0
  let slowestMs = 0
  for (let edit = 0; edit < 20; edit++) {
    const typedMs = performance.now()
    text.insert(0, 'typed ')
    await session.saved()
    slowestMs = Math.max(slowestMs, performance.now() - typedMs)
    waitingMax = Math.max(waitingMax, await readMetric(url, 'waiting_bytes'))
  }
  // What waits, and one answer more that was begun before it was too much.
  assert.ok(waitingMax < OUTBOX_BYTES_HIGH + 2 * 1_100_000, `at most ${waitingMax} bytes waited`)
  assert.ok(slowestMs < 2_000, `others waited ${slowestMs} ms`)
  assert.ok(server.counters.get('rates_exceeded_syncs') >= 1)

  // It has asked for more than it may, for longer than it may.
  flooder.socket.resume()
  assert.equal((await flooder.closed).code, 4503)
  const answered = flooder.frames.filter((frame) => frame.length > 1_000_000).length
  const seconds = (performance.now() - floodMs) / 1_000
  // Ten seconds' worth may come at once.
  assert.ok(answered <= defaultLimits.syncsPerSecondPerSessionMax * (seconds + 10) + 1, `${answered} answers within ${seconds} s`)
  await writer.close()
  await server.close()
})
