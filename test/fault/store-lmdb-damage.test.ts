// Data files that were damaged behind the store's back: the answer names the document and is never an empty one.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, open as openFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { open as openRaw } from 'lmdb'
import { systemClock } from '../../core/clock.js'
import { type Logger, silentLogger } from '../../core/log.js'
import { DATA_FILE } from '../../persistence/data-folder.js'
import { openLmdbStore } from '../../persistence/index.js'
import { checkDataFile } from '../../persistence/lmdb/data-file.js'
import { documentKey, ownerKey, rowKey, rowPrefix, stateKey } from '../../persistence/lmdb/keys.js'
import type { DocumentStore } from '../../persistence/store.js'
import { bytesOf, keepNothing, nodeB, takeFence, Writer } from '../contract/fixture.js'

type TableName = 'documents' | 'log' | 'snapshots' | 'states' | 'owners'
/** Changes a value: the bytes to put in its place, or null to remove it. */
type Damage = (value: Buffer) => Buffer | null

const tear: Damage = (value) => value.subarray(0, value.length - 1)
const empty: Damage = () => Buffer.alloc(0)
const lose: Damage = () => null
const flip =
  (offset: number): Damage =>
  (value) => {
    const flipped = Buffer.from(value)
    flipped[offset] = (flipped[offset] ?? 0) ^ 1
    return flipped
  }

interface Scene {
  readonly writer: Writer
  /** Damages one value of the closed file and opens the store again. */
  damaged(table: TableName, key: Buffer, damage: Damage): Promise<DocumentStore>
  readonly warnings: object[]
}

/** Twelve rows, snapshots at 4 and 8, and a second document that must never be disturbed. */
async function scene(run: (scene: Scene) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'weft-damage-'))
  const warnings: object[] = []
  const logger: Logger = { ...silentLogger, warn: (fields) => void warnings.push(fields) }
  const open = () => openLmdbStore({ folder, clock: systemClock, logger, onFatal: (error) => assert.fail(error) })
  let store = await open()
  try {
    const writer = await (await Writer.claim(store, 'damaged')).appendMany(12)
    const bystander = await (await Writer.claim(store, 'bystander')).appendMany(3)
    await writer.save(4)
    await writer.save(8)
    const damaged = async (tableName: TableName, key: Buffer, damage: Damage): Promise<DocumentStore> => {
      await store.close()
      const raw = openRaw<Buffer, Buffer>({
        path: path.join(folder, DATA_FILE),
        noSubdir: true,
        encoding: 'binary',
        keyEncoding: 'binary',
        overlappingSync: false,
      })
      const table = raw.openDB<Buffer, Buffer>({ name: tableName, encoding: 'binary', keyEncoding: 'binary' })
      const value = table.get(key)
      assert.ok(value !== undefined, 'there is a value to damage')
      const bytes = damage(Buffer.from(value))
      if (bytes === null) table.removeSync(key)
      else table.putSync(key, bytes)
      await raw.close()
      store = await open()
      bystander.check(await store.openDocument('bystander'))
      return store
    }
    await run({ writer, damaged, warnings })
  } finally {
    await store.close()
    await rm(folder, { recursive: true, force: true })
  }
}

const prefix = rowPrefix('damaged')

async function isCorrupt(promise: Promise<unknown>): Promise<void> {
  await assert.rejects(
    promise,
    (error: { code?: string; message?: string }) => error.code === 'document-corrupt' && /"damaged"/.test(error.message ?? ''),
  )
}

const damages: readonly (readonly [string, Damage])[] = [
  ['torn', tear],
  ['emptied', empty],
  ['lost', lose],
  ['flipped in its version', flip(0)],
  ['flipped in its checksum', flip(3)],
  ['flipped in its body', flip(20)],
]

for (const [what, damage] of damages) {
  test(`D5: a log row that is ${what} is document-corrupt by name, for whoever needs that row`, () =>
    scene(async ({ writer, damaged }) => {
      const store = await damaged('log', rowKey(prefix, 10), damage)
      await isCorrupt(store.openDocument('damaged'))
      await isCorrupt(store.readLog('damaged', 8, 12, 1_000_000))
      await isCorrupt(store.readAt('damaged', { seq: 11 }))
      writer.check(await store.readAt('damaged', { seq: 9 }), 9)
    }))

  test(`D4: a document's record that is ${what} is document-corrupt by name, and the document cannot be written`, () =>
    scene(async ({ writer, damaged }) => {
      const store = await damaged('documents', documentKey('damaged'), damage)
      await isCorrupt(store.openDocument('damaged'))
      await isCorrupt(store.readAt('damaged', { seq: 3 }))
      await isCorrupt(store.append([writer.entry(bytesOf('more'))]))
      const stranger = { ...writer.entry(bytesOf('a fresh start'), 1), incarnation: 'another life' }
      await isCorrupt(store.append([stranger]))
      await isCorrupt(store.saveSnapshot(writer.snapshot()))
      await isCorrupt(store.prune('damaged', keepNothing))
    }))

  test(`D4: a newest snapshot whose record is ${what} is passed over for the one before it`, () =>
    scene(async ({ writer, damaged }) => {
      const read = await (await damaged('snapshots', rowKey(prefix, 8), damage)).openDocument('damaged')
      assert.equal(read.snapshot?.seq, 4)
      writer.check(read)
    }))
}

for (const [what, damage] of [
  ['torn', tear],
  ['lost', lose],
  ['flipped', flip(20)],
] as const) {
  test(`D4: a newest snapshot whose state is ${what} is passed over with a warning, and saving it again mends it`, () =>
    scene(async ({ writer, damaged, warnings }) => {
      const store = await damaged('states', stateKey(prefix, 8, 0), damage)
      const read = await store.openDocument('damaged')
      assert.equal(read.snapshot?.seq, 4)
      writer.check(read)
      assert.deepEqual(warnings, [{ documentId: 'damaged', seq: 8 }])
      const again = new Writer(store, 'damaged', await takeFence(store, 'damaged'), writer.incarnation)
      again.updates.push(...writer.updates)
      await again.save(8)
      assert.equal((await store.openDocument('damaged')).snapshot?.seq, 8)
    }))

  test(`D4: a fallback snapshot whose state is ${what} too, with the log cut off behind it, is document-corrupt`, () =>
    scene(async ({ writer, damaged }) => {
      await writer.store.prune('damaged', keepNothing)
      let store = await damaged('states', stateKey(prefix, 8, 0), damage)
      writer.check(await store.openDocument('damaged'))
      store = await damaged('states', stateKey(prefix, 4, 0), damage)
      await isCorrupt(store.openDocument('damaged'))
      await isCorrupt(store.readAt('damaged', { seq: 12 }))
    }))
}

test('D4: a lost snapshot record, with the log cut off behind it, is document-corrupt and not an empty document', () =>
  scene(async ({ writer, damaged }) => {
    await writer.store.prune('damaged', keepNothing)
    await damaged('snapshots', rowKey(prefix, 8), lose)
    await isCorrupt((await damaged('snapshots', rowKey(prefix, 4), lose)).openDocument('damaged'))
  }))

test('D4: a row under another row’s key is found out', () =>
  scene(async ({ writer, damaged }) => {
    let stolen = Buffer.alloc(0)
    await damaged('log', rowKey(prefix, 11), (value) => {
      stolen = Buffer.from(value)
      return value
    })
    await isCorrupt((await damaged('log', rowKey(prefix, 12), () => stolen)).openDocument('damaged'))
    assert.equal(writer.head, 12)
  }))

test('O1: a damaged record of who owns a shard lets nobody write there, and the others are not disturbed', () =>
  scene(async ({ writer, damaged }) => {
    const store = await damaged('owners', ownerKey(writer.fence.shard), tear)
    await assert.rejects(store.append([writer.entry(bytesOf('more'))]), { code: 'store-refused' })
    writer.check(await store.openDocument('damaged'))
    const other = { shard: (writer.fence.shard + 1) % 1024, epoch: 0 }
    assert.equal((await store.claimShards(nodeB, [other])).length, 1)
  }))

test('D4: a damaged document can be deleted for good, and begins anew', () =>
  scene(async ({ damaged }) => {
    const store = await damaged('documents', documentKey('damaged'), tear)
    assert.equal(await store.deleteDocument('damaged', await takeFence(store, 'damaged')), 'written')
    assert.deepEqual(await store.openDocument('damaged'), { incarnation: null, snapshot: null, tail: [], head: 0, quarantine: null })
  }))

test('D4: a data file that is not one is refused by name', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'weft-damage-'))
  try {
    await writeFile(path.join(folder, DATA_FILE), 'this is a text file, long enough to be looked at\n'.repeat(1000))
    const opened = openLmdbStore({ folder, clock: systemClock, logger: silentLogger, onFatal: (error) => assert.fail(error) })
    await assert.rejects(
      opened,
      (error: { code?: string; message?: string }) => error.code === 'data-folder-damaged' && (error.message ?? '').includes(folder),
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

const childScript = fileURLToPath(new URL('./store-lmdb-child.js', import.meta.url))
const run = promisify(execFile)

interface Outcome {
  readonly opened: boolean
  readonly code: unknown
  readonly signal: unknown
  readonly says: string
}

/** Opens the folder in a process of its own, which a file that is mapped without a look would end with a signal. */
async function openApart(folder: string): Promise<Outcome> {
  try {
    const { stdout } = await run(process.execPath, [childScript, folder, '1'])
    return { opened: stdout.includes('READY'), code: 0, signal: null, says: '' }
  } catch (thrown) {
    const { code, signal, stderr, stdout } = thrown as { code: unknown; signal: unknown; stderr: string; stdout: string }
    return { opened: stdout.includes('READY'), code, signal, says: stderr }
  }
}

/** A data file of some hundred pages that was closed, and its page size. */
async function filledFolder(use: (folder: string, file: string, size: number, pageBytes: number) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'weft-damage-'))
  try {
    const store = await openLmdbStore({ folder, clock: systemClock, logger: silentLogger, onFatal: (error) => assert.fail(error) })
    for (const documentId of ['a', 'b', 'c']) {
      const writer = await Writer.claim(store, documentId)
      for (let row = 0; row < 20; row++) await writer.append(new Uint8Array(5_000).fill(row))
      await writer.save(10)
      await writer.save(20)
      await store.prune(documentId, keepNothing)
    }
    await store.close()
    const file = path.join(folder, DATA_FILE)
    const head = Buffer.alloc(52)
    const handle = await openFile(file)
    await handle.read(head, 0, head.length, 0)
    await handle.close()
    await use(folder, file, (await stat(file)).size, head.readUInt32LE(48))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test('D4: a data file that was cut anywhere is refused with words and an exit code: no signal, and no empty store', () =>
  filledFolder(async (folder, file, size, page) => {
    await copyFile(file, `${file}.whole`)
    const cuts = [0, 1, page - 1, page, 2 * page, 3 * page, Math.floor(size / 2), size - page, size - 1]
    for (let index = 0; index < cuts.length; index++) {
      const cut = cuts[index] ?? 0
      await copyFile(`${file}.whole`, file)
      await truncate(file, cut)
      const { opened, code, signal, says } = await openApart(folder)
      assert.deepEqual({ opened, code, signal }, { opened: false, code: 1, signal: null }, `cut to ${cut} of ${size} bytes: ${says}`)
      assert.match(says, /data-folder-damaged/)
      assert.match(says, /Restore the folder from a backup/)
      assert.equal((await stat(file)).size, cut, 'nothing was changed')
    }
    await rm(file)
    const missing = await openApart(folder)
    assert.match(missing.says, /weft.mdb is missing/)
    assert.equal(missing.opened, false)
    await copyFile(`${file}.whole`, file)
    assert.deepEqual(await openApart(folder), { opened: true, code: 0, signal: null, says: '' }, 'the back-up is taken')
  }))

test('D4: of a file cut after each of its pages none is taken that lacks a page with something in it', () =>
  filledFolder(async (folder, file, size, page) => {
    let refused = 0
    for (let pages = Math.floor(size / page) - 1; pages >= 0; pages--) {
      await truncate(file, pages * page)
      assert.throws(() => checkDataFile(folder), { code: 'data-folder-damaged' }, `${pages} of ${size / page} pages`)
      refused += 1
    }
    assert.ok(refused > 100)
  }))

test('D4: an LMDB file with nothing in it in the place of ours is refused', () =>
  filledFolder(async (folder, file) => {
    await rm(file)
    await openRaw<Buffer, Buffer>({ path: file, noSubdir: true, encoding: 'binary', overlappingSync: false }).close()
    await assert.rejects(openLmdbStore({ folder, clock: systemClock, logger: silentLogger, onFatal: (error) => assert.fail(error) }), {
      code: 'data-folder-damaged',
    })
  }))

test('D4: a first start that was cut off before anything was written is taken for one', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'weft-damage-'))
  try {
    await writeFile(path.join(folder, DATA_FILE), '')
    const store = await openLmdbStore({ folder, clock: systemClock, logger: silentLogger, onFatal: (error) => assert.fail(error) })
    await (await Writer.claim(store, 'a')).appendMany(1)
    await store.close()
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
