// Which entries one commit takes: what people type does not wait for a paste of somebody else's, and a paste not for ever.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counters } from '../../core/counters.js'
import { silentLogger } from '../../core/log.js'
import { seededRandom } from '../../core/random.js'
import type { AppendEntry, AppendResult } from '../../persistence/store.js'
import type { LogSource } from '../../server/document/due-sources.js'
import { LogWriter, type LogWriterOptions } from '../../server/document/log-writer.js'
import { ManualClock } from '../helpers/manual-clock.js'

const KiB = 1024
const fence = { shard: 1, epoch: 1, boot: 'boot' }

/** A document of which entries of these sizes are pending, one after the other. */
class Pending implements LogSource {
  readonly documentId: string
  readonly #writer: () => LogWriter
  readonly #sizes: number[]
  #seq = 0

  constructor(documentId: string, sizes: readonly number[], writer: () => LogWriter) {
    this.documentId = documentId
    this.#sizes = [...sizes]
    this.#writer = writer
  }

  get nextBytes(): number {
    return this.#sizes[0] ?? 0
  }

  take(): AppendEntry | null {
    const size = this.#sizes.shift()
    if (size === undefined) return null
    this.#seq += 1
    return { documentId: this.documentId, fence, seq: this.#seq, incarnation: 'life', update: new Uint8Array(size) }
  }

  committed(): void {
    if (this.#sizes.length > 0) this.#writer().request(this, 0)
  }

  fenced(): void {
    assert.fail('it is not fenced')
  }

  failed(error: Error): void {
    throw error
  }
}

/** What a writer has to do with, where nothing goes wrong. */
const quiet = (clock: ManualClock): Omit<LogWriterOptions, 'append' | 'busyness' | 'storeIsShared'> => ({
  probe: async () => {},
  clock,
  random: seededRandom(1),
  logger: silentLogger,
  counters: new Counters(),
  onFenced: () => assert.fail(),
  onFatal: (error) => assert.fail(error),
})

/** The documents of each commit, where each takes as long as it is held. */
async function commitsOf(documents: Readonly<Record<string, readonly number[]>>): Promise<readonly string[]> {
  const clock = new ManualClock()
  const commits: string[] = []
  const writer: LogWriter = new LogWriter({
    append: async (entries): Promise<AppendResult> => {
      commits.push(entries.map(({ documentId }) => documentId).join('+'))
      return { fencedShards: new Set() }
    },
    ...quiet(clock),
    busyness: () => 1,
    storeIsShared: false,
  })
  for (const [documentId, sizes] of Object.entries(documents)) writer.request(new Pending(documentId, sizes, () => writer), 0)
  await clock.advanceAsync(5_000)
  await writer.close()
  return commits
}

test('all that is small is one commit', async () => {
  assert.deepEqual(await commitsOf({ a: [10], b: [20], c: [256 * KiB] }), ['a+b+c'])
})

test('what is small goes before what is large, and large entries go a few at a time', async () => {
  assert.deepEqual(await commitsOf({ paste: [8_000 * KiB], a: [10], other: [1_000 * KiB], third: [1_000 * KiB], b: [20] }), [
    'a+b',
    'paste',
    'other+third',
  ])
})

test('a document that types without end and one that pastes without end take turns', async () => {
  const commits = await commitsOf({ paste: Array(5).fill(4_000 * KiB), types: Array(12).fill(10) })
  assert.deepEqual(commits.slice(0, 10), Array.from({ length: 5 }, () => ['types', 'paste']).flat())
  assert.deepEqual(commits.slice(10), Array(7).fill('types'))
})

/** How many commits start in a second in which something is always due, each of which takes 2 ms, in a process with time to spare. */
async function commitsInASecond(storeIsShared: boolean): Promise<number> {
  const clock = new ManualClock()
  let commits = 0
  const writer: LogWriter = new LogWriter({
    append: async () => {
      commits += 1
      await new Promise<void>((resolve) => void clock.after(2, resolve))
      return { fencedShards: new Set() }
    },
    ...quiet(clock),
    busyness: () => 0,
    storeIsShared,
  })
  for (let index = 0; index < 10; index++) writer.request(new Pending(`doc-${index}`, Array(1_000).fill(10), () => writer), 0)
  await clock.advanceAsync(1_000)
  const closed = writer.close()
  await clock.advanceAsync(10)
  await closed
  return commits
}

test('a store of this process alone commits without rest while there is time to spare; one that others use rests as long as it works', async () => {
  const [alone, shared] = [await commitsInASecond(false), await commitsInASecond(true)]
  assert.ok(alone >= 490, `${alone} commits`)
  assert.ok(shared > 230 && shared < 270, `${shared} commits`)
})
