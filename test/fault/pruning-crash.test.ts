// A server that is killed again and again while it compacts and prunes, over weeks by its clock: every moment of the window and every version is there.
import { strict as assert } from 'node:assert'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import * as Y from 'yjs'
import { systemClock } from '../../core/clock.js'
import { type Random, seededRandom } from '../../core/random.js'
import { rootsOf } from '../../server/history/tasks/roots.js'
import { ApiClient, documentPath } from '../helpers/api-client.js'
import { readMetric } from '../helpers/metrics.js'
import { randomEdit } from '../helpers/random-history.js'
import { ServerProcess } from '../helpers/server-process.js'
import { eventually } from '../helpers/states.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'
import { clockShift } from './cluster-scene.js'

const DAY_MS = 24 * 3_600_000
const ROUNDS = 5
/** Between two rounds by the server's clock: the window of seven days holds this round and the one before, and no other. */
const ROUND_DAYS = 4
const SAMPLES = 6
const serverScript = fileURLToPath(new URL('./crash-server.js', import.meta.url))

/** So that a slow machine has something to prune as well: more than the rows at which the server compacts. */
const ROUND_EDITS_MIN = 30
const ROUND_MS_MAX = 120_000

function replay(updates: readonly Uint8Array[]): unknown {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  const reading = rootsOf(doc)
  doc.destroy()
  return reading
}

/** One document: what was sent to it in order, and how much of that is known to be committed. */
class Written {
  readonly id: string
  /** The seqs of versions whose keeping was answered. */
  readonly versions = new Set<number>()
  /** Of each round, the head when it began. */
  readonly began: number[] = []
  readonly #doc = new Y.Doc()
  readonly #updates: Uint8Array[] = []
  head = 0

  constructor(id: string) {
    this.id = id
    this.#doc.clientID = 7
    this.#doc.on('update', (update: Uint8Array) => this.#updates.push(update))
  }

  /** The edit after the head; the same again when it is not known to be committed. */
  #next(random: Random): Uint8Array {
    for (;;) {
      const update = this.#updates[this.head]
      if (update !== undefined) return update
      this.#doc.transact(() => randomEdit(this.#doc, random))
    }
  }

  /** One request after the other, until the server is gone. */
  async write(api: ApiClient, random: Random): Promise<void> {
    try {
      for (;;) {
        const { seq } = await api.expect('POST', `${documentPath(this.id)}/updates`, this.#next(random))
        assert.equal(seq, this.head + 1, 'D5: each edit is one row')
        this.head = seq
        if (random.below(40) > 0) continue
        const earliest = this.began.at(-2) ?? 0
        const at = earliest + 1 + random.below(this.head - earliest)
        await api.expect('POST', `${documentPath(this.id)}/versions`, { name: `At ${at}`, at: `seq:${at}` })
        this.versions.add(at)
      }
    } catch (thrown) {
      // The connection broke. A refusal is a fault.
      if (thrown instanceof assert.AssertionError) throw thrown
    }
  }

  /** After a kill: what was sent last is there, or is not. Says from which seq on every edit can be read. */
  async check(api: ApiClient, random: Random): Promise<number> {
    const { head, window } = await api.expect('GET', documentPath(this.id))
    assert.ok(head === this.head || head === this.head + 1, `D3: ${this.id} is at ${head}, ${this.head} was answered`)
    this.head = head
    const needed = (this.began.at(-1) ?? 0) + 1
    assert.ok(window.seq <= needed, `H3: ${this.id} can be read from ${window.seq} on, its window begins at ${needed}`)
    const sampled = Array.from({ length: SAMPLES }, () => needed + random.below(Math.max(1, head - needed + 1)))
    for (const seq of new Set([needed, head, ...sampled, ...this.versions])) if (seq <= head) await this.#reads(api, seq)
    // Before the window a moment may be gone, and is never another.
    const early = 1 + random.below(needed)
    const answer = await api.ask('GET', `${documentPath(this.id)}/content?format=text&root=text&at=seq:${early}`)
    if (answer.status === 200) await this.#reads(api, early)
    else assert.equal(answer.body.code, 'moment-gone')
    this.began.push(head)
    return window.seq
  }

  async #reads(api: ApiClient, seq: number): Promise<void> {
    const found = await fetch(`${api.url}/api/v1${documentPath(this.id)}/content?format=update&at=seq:${seq}`)
    assert.equal(found.status, 200, `H1, H3: ${this.id} at ${seq} (versions: ${[...this.versions].join(', ')})`)
    const doc = new Y.Doc()
    Y.applyUpdate(doc, new Uint8Array(await found.arrayBuffer()))
    assert.deepEqual(rootsOf(doc), replay(this.#updates.slice(0, seq)), `H1: ${this.id} at ${seq} reads as a replay does`)
    doc.destroy()
  }
}

test(`D3, H1, H3: ${ROUNDS} kills of a server that compacts and prunes lose nothing of the window and no version`, async (context: TestContext) => {
  const seed = Number(process.env['WEFT_CRASH_SEED'] ?? 20_261)
  console.log(`seed ${seed}`)
  const random = seededRandom(seed)
  const folder = temporaryFolder(context)
  const documents = ['one', 'two/slash', 'three'].map((id) => new Written(id))
  const windows = new Map<string, number>()
  for (let round = 0; round <= ROUNDS; round++) {
    const server = await ServerProcess.start({
      ...clockShift((round - ROUNDS) * ROUND_DAYS * DAY_MS),
      dataFolder: folder,
      script: { file: serverScript, arguments: (port) => [String(port), folder, 'forgetful-long-open'] },
    })
    try {
      const api = new ApiClient(server.url)
      if (round === 0) for (const document of documents) document.began.push(0)
      else for (const document of documents) windows.set(document.id, await document.check(api, random))
      if (round === ROUNDS) break
      const heads = new Map(documents.map(({ id, head }) => [id, head]))
      const writing = documents.map((document) => document.write(api, random))
      const hasWritten = ({ id, head }: Written): boolean => head - (heads.get(id) ?? 0) >= ROUND_EDITS_MIN
      await eventually('each document is long enough to be compacted', () => documents.every(hasWritten), ROUND_MS_MAX)
      await eventually('some were', async () => (await readMetric(server.url, 'compactions_total')) >= documents.length, ROUND_MS_MAX)
      await new Promise<void>((resolve) => void systemClock.after(200 + random.below(600), resolve))
      await server.kill()
      await Promise.all(writing)
    } finally {
      await server.dispose()
    }
  }
  for (const { id, head, versions } of documents) {
    const from = windows.get(id) ?? 0
    console.log(`${id}: ${head} edits, ${versions.size} versions, every edit can be read from ${from} on`)
    assert.ok(from > 1, `${id}: something was pruned, of ${head} edits`)
  }
  assert.ok(documents.some(({ versions }) => versions.size > 0))
})

test('H1, H3: a server that starts while its clock is eight days ahead loses nothing of the window', async (context: TestContext) => {
  const random = seededRandom(20_262)
  const folder = temporaryFolder(context)
  const document = new Written('one')
  document.began.push(0)
  for (const daysAhead of [0, 8, 16, 0]) {
    const server = await ServerProcess.start({
      ...clockShift(daysAhead * DAY_MS),
      dataFolder: folder,
      script: { file: serverScript, arguments: (port) => [String(port), folder, 'forgetful'] },
    })
    try {
      const api = new ApiClient(server.url)
      if (document.head > 0) assert.equal(await document.check(api, random), 1, `every moment is there, ${daysAhead} days ahead`)
      const writing = document.write(api, random)
      await eventually('it has pruned', async () => (await readMetric(server.url, 'compactions_total')) >= 3, ROUND_MS_MAX)
      await server.kill()
      await writing
    } finally {
      await server.dispose()
    }
  }
})
