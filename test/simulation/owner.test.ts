// A seeded simulation of one owner: random sessions edit, leave, lag and come back, while the store fails and the process crashes or is fenced.
// SEEDS and SEED choose how many runs, and from which seed; a failure names its seed.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { sleep } from '../../core/clock.js'
import { shardOf } from '../../core/document-id.js'
import { type Random, seededRandom } from '../../core/random.js'
import { MemoryDisk } from '../../persistence/memory/memory-store.js'
import { inspectUpdate, storedBounds } from '../../protocol/updates/inspect.js'
import { KnownState } from '../../protocol/updates/known-state.js'
import { type CompactionInput, type CompactionResult, InProcessCompactor } from '../../server/document/compaction.js'
import type { BroadcastOrder } from '../../server/document/owner-environment.js'
import type { Known } from '../../server/document/port.js'
import { ManualClock } from '../helpers/manual-clock.js'
import { OwnerBench, type OwnerBenchOptions, TestSession } from '../helpers/owner-bench.js'
import { canonicalState } from '../helpers/states.js'

const DOCUMENT = 'doc'
const STEPS = 120
const tuning = { idleMs: 200, tailRowsMax: 12, tailBytesMin: 400, idleTailRowsMin: 3, compactionRetryMs: 50 } as const

/** Keeps each submission until it is acknowledged, as a client would, and remembers what was. */
class SimulatedClient extends TestSession {
  readonly acknowledgedUpdates: Uint8Array[] = []
  suspended = false
  #sent = new Map<number, Uint8Array>()

  override submit(update: Uint8Array): number {
    const submission = super.submit(update)
    this.#sent.set(submission, update)
    return submission
  }

  override acknowledged(through: number, seq: number): void {
    super.acknowledged(through, seq)
    for (const [submission, update] of this.#sent) {
      if (submission > through) continue
      this.#sent.delete(submission)
      this.acknowledgedUpdates.push(update)
    }
  }

  override sync(known?: Known): void {
    this.suspended = false
    super.sync(known)
  }

  suspend(): void {
    this.suspended = true
    this.attachment.suspend()
  }

  get unacknowledged(): number {
    return this.#sent.size
  }

  async connect(bench: OwnerBench): Promise<void> {
    this.#sent = new Map()
    await this.attach(bench.directory, DOCUMENT)
    const missing = Y.encodeStateAsUpdate(this.doc, this.attachment.stateVector())
    this.sync(this.knownByVector())
    this.submit(missing)
  }
}

/** Takes its time, so that edits are committed between the start of a compaction and the use of its result. */
class SlowCompactor extends InProcessCompactor {
  readonly #clock: ManualClock
  readonly #random: Random

  constructor(clock: ManualClock, random: Random) {
    super()
    this.#clock = clock
    this.#random = random
  }

  override async compact(input: CompactionInput): Promise<CompactionResult> {
    await sleep(this.#clock, this.#random.below(200))
    return super.compact(input)
  }
}

class Simulation {
  readonly #random: Random
  readonly #options: OwnerBenchOptions
  readonly #clients: SimulatedClient[] = []
  readonly #releases: (() => void)[] = []
  readonly #paused: OwnerBench[] = []
  #bench: OwnerBench

  private constructor(random: Random, options: OwnerBenchOptions, bench: OwnerBench) {
    this.#random = random
    this.#bench = bench
    this.#options = options
    for (let index = 0; index < 4; index++) {
      const doc = new Y.Doc()
      doc.clientID = index + 1
      this.#clients.push(new SimulatedClient(doc))
    }
  }

  static async run(seed: number): Promise<void> {
    const random = seededRandom(seed)
    const broadcast: BroadcastOrder = random.below(3) === 0 ? 'before-commit' : 'after-commit'
    const clock = new ManualClock()
    const options = { clock, disk: new MemoryDisk(), tuning, broadcast, compactor: new SlowCompactor(clock, random) }
    const simulation = new Simulation(random, options, await OwnerBench.start(options))
    for (let step = 0; step < STEPS; step++) await simulation.#step()
    await simulation.#finish()
  }

  async #step(): Promise<void> {
    const random = this.#random
    const client = this.#clients[random.below(this.#clients.length)] as SimulatedClient
    const choice = random.below(100)
    if (choice < 50) this.#edit(client)
    else if (choice < 62) await this.#reconnect(client)
    else if (choice < 66) client.detach()
    else if (choice < 70) client.isAttached && client.suspend()
    else if (choice < 78) client.isAttached && client.sync(random.below(2) === 0 ? client.knownBySeq() : client.knownByVector())
    else if (choice < 82) this.#bench.store.failBefore('append')
    else if (choice < 86) this.#bench.store.failAfter('append')
    else if (choice < 88) this.#releases.push(this.#bench.store.stall('append'))
    else if (choice < 90) this.#releases.push(this.#bench.store.stall('readLog'))
    else if (choice < 92) this.#bench.store.failAfter('saveSnapshot')
    else if (choice < 94) this.#bench.store.failBefore('openDocument')
    else if (choice < 96) await this.#restart()
    else this.#releaseAll()
    if (random.below(3) > 0) await this.#bench.clock.advanceAsync(random.below(100))
  }

  #edit(client: SimulatedClient): void {
    const random = this.#random
    const text = client.doc.getText('text')
    const choice = random.below(4)
    if (choice === 0 && text.length > 2) text.delete(random.below(text.length - 1), 1 + random.below(2))
    else if (choice === 1) client.doc.getMap('map').set(`key${random.below(3)}`, random.below(100))
    else text.insert(random.below(text.length + 1), String.fromCharCode(97 + random.below(26)).repeat(1 + random.below(3)))
  }

  async #reconnect(client: SimulatedClient): Promise<void> {
    client.detach()
    // A failed open is a client's everyday life: it comes back in a later step.
    const connected = client.connect(this.#bench).catch(() => {})
    await this.#bench.clock.settle()
    this.#releaseAll()
    await connected
  }

  /** A new process takes the shards over; the old one is gone (a crash), or lives on without knowing (a pause). */
  async #restart(): Promise<void> {
    const old = this.#bench
    const crashed = this.#random.below(2) === 0
    if (crashed) for (const client of this.#clients) client.detach()
    else this.#paused.push(old)
    this.#bench = await OwnerBench.start(this.#options)
    this.#releaseAll()
    await old.clock.settle()
    await this.#checkAcknowledged()
  }

  #releaseAll(): void {
    for (const release of this.#releases.splice(0)) release()
  }

  /** D1, D3: every acknowledged edit is in the store. */
  async #checkAcknowledged(): Promise<void> {
    const stored = await this.#storedAnyway()
    const known = new KnownState()
    const updates = stored.tail.map((row) => row.update)
    for (const update of stored.snapshot === null ? updates : [stored.snapshot.state, ...updates])
      known.add(inspectUpdate(update, storedBounds))
    for (const client of this.#clients)
      for (const update of client.acknowledgedUpdates)
        assert.equal(known.subtract(inspectUpdate(update, storedBounds)), null, 'D1: an acknowledged edit is not in the store')
  }

  async #storedAnyway(): ReturnType<OwnerBench['store']['openDocument']> {
    for (;;) {
      try {
        return await this.#bench.store.openDocument(DOCUMENT)
      } catch {
        // One of the failures that the simulation asked for.
      }
    }
  }

  /** S6: whoever is attached, and has asked to be brought up to date, has all that is durable without asking again. */
  async #checkLive(): Promise<void> {
    this.#releaseAll()
    // Until it writes, an owner that was paused does not know that there is another; a node that misses its heartbeats stops by itself.
    for (const old of this.#paused.splice(0)) old.directory.abandon(new Set([shardOf(DOCUMENT)]))
    await this.#bench.clock.advanceAsync(20_000)
    for (const client of this.#clients) if (client.isAttached && client.suspended) client.sync(client.knownBySeq())
    await this.#bench.clock.advanceAsync(20_000)
    const stored = await this.#storedAnyway()
    const updates = stored.tail.map((row) => row.update)
    if (stored.snapshot !== null) updates.push(stored.snapshot.state)
    for (const client of this.#clients.filter((candidate) => candidate.isAttached)) {
      const known = new KnownState()
      known.add(inspectUpdate(Y.encodeStateAsUpdate(client.doc), storedBounds))
      for (const update of updates)
        assert.equal(known.subtract(inspectUpdate(update, storedBounds)), null, 'S6: a live session missed something')
    }
  }

  async #finish(): Promise<void> {
    await this.#checkLive()
    this.#bench = await OwnerBench.start(this.#options)
    this.#releaseAll()
    await this.#bench.clock.advanceAsync(20_000)
    // Twice: what one brings back in the first round may be what another's edits depend on.
    for (const client of [...this.#clients, ...this.#clients]) {
      await this.#reconnect(client)
      await this.#bench.clock.advanceAsync(1_000)
    }
    await this.#checkAcknowledged()
    const states = this.#clients.map((client) => canonicalState(client.doc))
    const replayed = canonicalState(await this.#bench.stored(DOCUMENT))
    for (const [index, state] of states.entries()) {
      assert.equal(this.#clients[index]?.unacknowledged, 0, 'every submission was answered')
      assert.equal(state, replayed, `S1: client ${index + 1} differs from the log replayed`)
    }
    const rows = this.#bench.disk.documents.get(DOCUMENT)?.log ?? []
    assert.deepEqual(
      rows.map((row) => row.seq),
      rows.map((_, index) => (rows[0]?.seq ?? 1) + index),
      'D5: seqs are contiguous',
    )
    for (const client of this.#clients) client.detach()
    await this.#bench.clock.advanceAsync(20_000)
    assert.equal(this.#bench.directory.openDocuments, 0, 'an idle document is evicted')
    await this.#bench.directory.close()
  }
}

test('S1, D1, D5: random sessions over a failing store converge, and nothing acknowledged is lost', { timeout: 300_000 }, async () => {
  const first = Number(process.env['SEED'] ?? 1)
  const count = Number(process.env['SEEDS'] ?? 60)
  for (let seed = first; seed < first + count; seed++) {
    try {
      await Simulation.run(seed)
    } catch (cause) {
      throw new Error(`The simulation failed with SEED=${seed}`, { cause })
    }
  }
})
