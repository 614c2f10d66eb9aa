// The embedded store cut off at any moment: copies of its folder, taken while appends, snapshots, pruning and deletions run, are opened as after a crash.
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../core/clock.js'
import { silentLogger } from '../../core/log.js'
import { type Random, seededRandom } from '../../core/random.js'
import { openLmdbStore } from '../../persistence/index.js'
import type { DocumentStore } from '../../persistence/store.js'
import { keepNothing, nodeB, replay, takeFence, Writer } from '../contract/fixture.js'

const COPIES = Number(process.env['WEFT_JOURNAL_COPIES'] ?? 25)
const LARGE_BYTES = 600_000

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'weft-journal-'))
  try {
    await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const open = (folder: string): Promise<DocumentStore> =>
  openLmdbStore({ folder, clock: systemClock, logger: silentLogger, onFatal: (error) => assert.fail(error) })

/** What a crash at this moment would leave: in one turn of the event loop, in which none of our writes begins. */
function copyOf(folder: string, into: string): void {
  mkdirSync(into)
  for (const name of readdirSync(folder)) if (!name.endsWith('lock')) copyFile(path.join(folder, name), path.join(into, name))
}

/** LMDB's thread may be at a commit that makes the file longer. Copying asks for the length first: what it then reads of the beginning may name pages behind that, which no crash leaves. */
function copyFile(from: string, into: string): void {
  let before: number
  do {
    before = statSync(from).size
    copyFileSync(from, into)
  } while (statSync(from).size !== before)
}

const journalNames = (folder: string): readonly string[] => readdirSync(folder).filter((name) => name.includes('journal'))

/** Writes one document in random ways, one after the other, and knows at each moment what a reader may find. */
class RandomWriter {
  readonly documentId: string
  readonly #store: DocumentStore
  readonly #random: Random
  #writer: Writer | null = null
  #lives = 0
  /** The states of which a reader finds one: the last that was acknowledged and, while something is under way, the one after it. */
  allowed: readonly string[] = ['']

  constructor(store: DocumentStore, documentId: string, random: Random) {
    this.#store = store
    this.documentId = documentId
    this.#random = random
  }

  async step(): Promise<void> {
    this.#writer ??= await Writer.claim(this.#store, this.documentId, { incarnation: `life ${++this.#lives}` })
    const writer = this.#writer
    const kind = this.#random.below(20)
    if (kind < 13 || writer.head === 0) return this.#append(writer, this.#random.below(20) === 0 ? LARGE_BYTES : this.#random.below(300))
    if (kind < 15) return writer.save()
    if (kind < 16) return void (await this.#store.prune(this.documentId, keepNothing))
    if (kind < 17) return void (await this.#store.listDocuments({ limit: 3 }))
    if (kind < 18) return void (await this.#store.keepVersion(writer.snapshot(), { name: 'kept', author: null }))
    if (kind < 19) return void (await this.#store.readAuthors(this.documentId, { afterSeq: 0, limit: 1_000 }))
    await this.#change('', () => this.#store.deleteDocument(this.documentId, writer.fence))
    this.#writer = null
  }

  async #append(writer: Writer, bytes: number): Promise<void> {
    const update = Buffer.alloc(bytes, `${this.documentId} ${writer.incarnation} ${writer.head + 1};`)
    const after = `${this.allowed[0] ?? ''}${update.toString('utf8')}`
    const authors = { users: [`user ${this.#random.below(3)}`], firstUses: [{ clientId: this.#random.below(5), user: 'anna' }] }
    await this.#change(after, () => writer.append(new Uint8Array(update), authors))
  }

  async #change(after: string, run: () => Promise<unknown>): Promise<void> {
    this.allowed = [this.allowed[0] ?? '', after]
    await run()
    this.allowed = [after]
  }
}

/** For words about a text. */
function endOf(text: string): string {
  return `${JSON.stringify(text.slice(-24))} after ${text.length} bytes`
}

async function textOf(store: DocumentStore, documentId: string): Promise<string> {
  return new TextDecoder().decode(replay(await store.openDocument(documentId)))
}

/** Opens a copy twice, the second time after it was closed in order. */
async function check(folder: string, expected: ReadonlyMap<string, readonly string[]>): Promise<void> {
  const found = new Map<string, string>()
  let store = await open(folder)
  for (const [documentId, allowed] of expected) {
    const text = await textOf(store, documentId)
    assert.ok(allowed.includes(text), `${documentId} ends with ${endOf(text)}, and should with ${allowed.map(endOf).join(' or ')}`)
    found.set(documentId, text)
  }
  const listed = (await store.listDocuments({ limit: 1_000 })).items.map(({ documentId }) => documentId)
  const there = [...found].flatMap(([documentId, text]) => (text === '' ? [] : [documentId]))
  assert.deepEqual(
    listed.filter((documentId) => found.get(documentId) !== ''),
    there.sort(),
  )
  await store.close()
  assert.deepEqual(journalNames(folder), [], 'nothing is left to be read again')
  store = await open(folder)
  for (const [documentId, text] of found) assert.equal(await textOf(store, documentId), text)
  await store.close()
}

test(`D1, D3, D6: of a store that is cut off at any moment, ${COPIES} times, every document is as it was acknowledged`, {
  timeout: 300_000,
}, async () => {
  const seed = Number(process.env['WEFT_TEST_SEED'] ?? 12)
  console.log(`seed ${seed} (set WEFT_TEST_SEED to replay another)`)
  const random = seededRandom(seed)
  await withFolder(async (folder) => {
    const data = path.join(folder, 'data')
    const store = await open(data)
    const writers = Array.from({ length: 6 }, (_, index) => new RandomWriter(store, `document ${index}`, random))
    let isOver = false
    const running = writers.map(async (writer) => {
      while (!isOver) await writer.step()
    })
    const stop = async (): Promise<void> => {
      isOver = true
      await Promise.allSettled(running)
    }
    for (let copy = 0; copy < COPIES; copy++) {
      for (let turns = random.below(400); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve))
      const copied = path.join(folder, `copy ${copy}`)
      const expected = new Map(writers.map(({ documentId, allowed }) => [documentId, allowed]))
      copyOf(data, copied)
      await check(copied, expected).catch(async (thrown) => {
        await stop()
        throw thrown
      })
      await rm(copied, { recursive: true })
    }
    await stop()
    await Promise.all(running)
    await store.close()
    await check(data, new Map(writers.map(({ documentId, allowed }) => [documentId, allowed])))
  })
})

test('D3: a document that was deleted does not come back from the journal, and a new life of it does', () =>
  withFolder(async (folder) => {
    const data = path.join(folder, 'data')
    const store = await open(data)
    const [gone, again] = [await Writer.claim(store, 'gone'), await Writer.claim(store, 'again')]
    await gone.appendMany(3)
    await again.appendMany(3)
    assert.equal(await store.deleteDocument('gone', await takeFence(store, 'gone', nodeB)), 'written')
    assert.equal(await store.deleteDocument('again', again.fence), 'written')
    const anew = await (await Writer.claim(store, 'again', { incarnation: 'life-2' })).appendMany(2)
    assert.ok(journalNames(data).length > 0, 'the rows of both lives are in the journal')
    copyOf(data, path.join(folder, 'copy'))
    await store.close()
    const crashed = await open(path.join(folder, 'copy'))
    assert.equal((await crashed.openDocument('gone')).head, 0)
    anew.check(await crashed.openDocument('again'))
    await crashed.close()
  }))

test('D4: a folder whose journal was lost, or is of elsewhere, is refused by name, and stays as it was', () =>
  withFolder(async (folder) => {
    const data = path.join(folder, 'data')
    const store = await open(data)
    const writer = await (await Writer.claim(store, 'a')).appendMany(3)
    const [lost, whole] = [path.join(folder, 'lost'), path.join(folder, 'whole')]
    copyOf(data, lost)
    copyOf(data, whole)
    await store.close()
    const [journal = ''] = journalNames(lost)
    await unlink(path.join(lost, journal))
    await assert.rejects(open(lost), {
      code: 'data-folder-damaged',
      message: /weft\.journal-\d+, which belongs to the data file, is missing/,
    })
    copyFileSync(path.join(whole, journal), path.join(lost, journal))
    const mended = await open(lost)
    writer.check(await mended.openDocument('a'))
    await mended.close()
    // A journal beside a data file that knows nothing of it.
    const other = path.join(folder, 'other')
    await (await open(other)).close()
    copyFileSync(path.join(whole, journal), path.join(other, journal))
    await assert.rejects(open(other), { code: 'data-folder-damaged', message: /holds rows that the data file does not know of/ })
  }))

test('a backup that is taken while rows are in the journal stands alone', () =>
  withFolder(async (folder) => {
    const store = await open(path.join(folder, 'data'))
    const writer = await (await Writer.claim(store, 'a')).appendMany(5)
    const [place, backup] = [path.join(folder, 'place'), path.join(folder, 'backup')]
    mkdirSync(place)
    mkdirSync(backup)
    const taken = await store.backup?.(place)
    assert.ok(taken !== undefined, 'the embedded store can be copied')
    writeFileSync(path.join(backup, 'weft.mdb'), await taken.readFile())
    await taken.close()
    assert.deepEqual(readdirSync(place), [], 'nothing is left of it where it was put together')
    await store.close()
    const copy = await open(path.join(folder, 'backup'))
    writer.check(await copy.openDocument('a'))
    await copy.close()
  }))

test('documents of which only the journal knows are listed in their places, page by page', () =>
  withFolder(async (folder) => {
    const store = await open(path.join(folder, 'data'))
    const names = ['a', 'b/1', 'b/2', 'b/3', 'b/é', 'b/😀', 'c', 'd']
    for (const [index, name] of names.entries()) {
      await (await Writer.claim(store, name)).appendMany(2)
      // The rows of every other one are brought to the data file.
      if (index % 2 === 0) await store.readAuthors(name, { afterSeq: 0, limit: 1 })
    }
    for (const limit of [1, 2, 3, 100]) {
      const listed: string[] = []
      for (let after: string | null = null; ; ) {
        const page = await store.listDocuments({ prefix: 'b/', limit, ...(after === null ? {} : { after }) })
        for (const { documentId, head } of page.items) listed.push(`${documentId} ${head}`)
        after = page.next
        if (after === null) break
      }
      assert.deepEqual(listed, ['b/1 2', 'b/2 2', 'b/3 2', 'b/é 2', 'b/😀 2'])
    }
    await store.close()
  }))

test('G1: the journal stays short, also where every row is brought to the data file by another write', () =>
  withFolder(async (folder) => {
    const data = path.join(folder, 'data')
    const store = await open(data)
    const writer = await Writer.claim(store, 'a')
    let longest = 0
    for (let count = 0; count < 60; count++) {
      await writer.append(new Uint8Array(400_000).fill(count))
      await store.changeCursors?.advance('webhook', 'a', writer.head)
      longest = Math.max(longest, journalNames(data).length)
    }
    assert.ok(longest >= 2 && longest <= 4, `${longest} segments for 24 MB`)
    writer.check(await store.openDocument('a'))
    await store.close()
  }))

test('a store whose folder was removed while rows were in the journal still closes', () =>
  withFolder(async (folder) => {
    const data = path.join(folder, 'data')
    const store = await open(data)
    await (await Writer.claim(store, 'a')).appendMany(3)
    await rm(data, { recursive: true })
    await store.close()
  }))
