// An edit that was shown before its commit and lost in a crash, with nobody left who would send it again: those who were shown it bring it back.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import type * as Y from 'yjs'
import { defaultLimits } from '../../core/limits.js'
import { seededRandom } from '../../core/random.js'
import { MemoryDisk } from '../../persistence/memory/memory-store.js'
import { defaultTuning } from '../../server/document/tuning.js'
import { canonicalState } from '../helpers/states.js'
import { Ledger } from './ledger.js'
import { SimulatedNetwork } from './network.js'
import { SimulatedNode } from './node.js'
import { calm } from './profile.js'
import { HostClock, SimulatedTime } from './time.js'
import { WeftClient } from './weft-client.js'

const documentId = 'first'
const HOUR_MS = 3_600_000

interface Scene {
  readonly author: Y.Doc
  readonly reader: Y.Doc
  readonly logged: () => string
}

/** The author does something and is gone for good; the reader was shown it; the node crashes before it is committed, and comes back. */
async function lost(prepare: (author: Y.Doc) => void, act: (author: Y.Doc) => void): Promise<Scene> {
  const time = new SimulatedTime()
  const random = seededRandom(1)
  const network = new SimulatedNetwork(time, random)
  const ledger = new Ledger()
  let stalled = false
  const node = new SimulatedNode({
    name: 'node-1',
    address: 'node-1:1234',
    time,
    network,
    random,
    skew: { offsetMs: 0, rate: 1 },
    ground: {
      kind: 'disk',
      disk: new MemoryDisk(),
      trouble: () => (stalled ? { ...calm, stall: 1_000, stallMsMax: HOUR_MS } : calm),
      acknowledgesEarly: false,
    },
    ledger,
    limits: defaultLimits,
    tuning: defaultTuning,
    broadcast: 'before-commit',
    expectations: { broadcast: 'before-commit', limits: defaultLimits, beats: 'rows' },
    compactionMsMax: 0,
    losesMessages: false,
    punishesOthers: false,
  })
  const join = (clientId: number): WeftClient =>
    new WeftClient(
      {
        time,
        clock: new HostClock(time, `client-${clientId}`),
        network,
        random,
        url: 'ws://node-1:1234',
        ledger,
        shownIsDurable: false,
      },
      new Map([[documentId, clientId]]),
    )
  const start = (): void => void node.start().catch((error: unknown) => time.fail(error))
  const docOf = (client: WeftClient): Y.Doc => client.participants[0]?.doc as Y.Doc
  start()
  const author = join(1)
  const reader = join(2)
  await time.advance(5_000)
  prepare(docOf(author))
  await time.advance(5_000)
  assert.equal(canonicalState(docOf(reader)), canonicalState(ledger.replica(documentId)), 'it begins with the same everywhere')
  stalled = true
  act(docOf(author))
  await time.advance(2_000)
  author.clock.kill()
  network.ended(author.clock, 'process')
  node.crash('process')
  stalled = false
  start()
  await time.advance(30_000)
  reader.checkQuiet()
  return { author: docOf(author), reader: docOf(reader), logged: () => canonicalState(ledger.replica(documentId)) }
}

const text = (doc: Y.Doc): string => doc.getText('text').toString()

test('S1: a deletion that was shown, lost, and sent by nobody again is brought back by those who were shown it', async () => {
  const { author, reader, logged } = await lost(
    (doc) => doc.getText('text').insert(0, 'hello'),
    (doc) => doc.getText('text').delete(1, 3),
  )
  assert.deepEqual([text(author), text(reader)], ['ho', 'ho'])
  assert.equal(canonicalState(reader), logged())
})

test('S1: text that was shown, lost, and sent by nobody again is brought back by those who were shown it', async () => {
  const { author, reader, logged } = await lost(
    (doc) => doc.getText('text').insert(0, 'hello'),
    (doc) => doc.getText('text').insert(5, ' world'),
  )
  assert.deepEqual([text(author), text(reader)], ['hello world', 'hello world'])
  assert.equal(canonicalState(reader), logged())
})
