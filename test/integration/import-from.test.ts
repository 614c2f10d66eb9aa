// Documents taken along from other servers: `weft import --from` as a process, on stores that these servers' own packages wrote, into a data folder; what is there
// afterwards is compared with what was in the store, byte by byte in a canonical encoding.
import { strict as assert } from 'node:assert'
import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import * as Y from 'yjs'
import { silentLogger } from '../../core/log.js'
import { createServer } from '../../server/index.js'
import type { Json } from '../helpers/api-client.js'
import {
  canonicalOf,
  fillTable,
  fillYRedis,
  hocuspocusSqliteFile,
  leveldbFolder,
  loaded,
  type OtherDocument,
  openLeveldb,
  otherDocuments,
  updatesFolder,
  ySweetFolder,
} from '../helpers/others-stores.js'
import { startPostgres } from '../helpers/postgres.js'
import { type CommandEnded, runCommand } from '../helpers/run-command.js'
import { canonicalState } from '../helpers/states.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'

// As many as make several batches of everything; DOCUMENTS=1000 and more are for the hand.
const MANY = Number(process.env['DOCUMENTS'] ?? 300)
const many = otherDocuments(MANY)
const some = many.slice(0, 200)
const few = many.slice(0, 40)

function emptyDataFolder(context: TestContext): string {
  const folder = path.join(temporaryFolder(context), 'data')
  mkdirSync(folder)
  return folder
}

function node22(): string {
  const found = process.env['WEFT_TEST_NODE22']
  assert.ok(found, 'WEFT_TEST_NODE22 is set by the test command')
  return found
}

interface Options {
  readonly more?: readonly string[]
  readonly environment?: Record<string, string>
  readonly program?: string
}

function importing(
  kind: string,
  source: string,
  data: string,
  { more = [], environment = {}, program }: Options = {},
): Promise<CommandEnded> {
  return runCommand(['import', '--from', kind, source, '--data', data, ...more], environment, undefined, program)
}

async function imported(kind: string, source: string, data: string, options: Options = {}): Promise<Json> {
  const ended = await importing(kind, source, data, { ...options, more: [...(options.more ?? []), '--json'] })
  assert.equal(ended.code, 0, `${kind}: ${ended.stderr}${ended.stdout.slice(0, 2_000)}`)
  return JSON.parse(ended.stdout)
}

const counts = (changed: Record<string, number>): Json => ({
  dryRun: false,
  imported: 0,
  merged: 0,
  thereAlready: 0,
  empty: 0,
  skipped: 0,
  problems: [],
  ...changed,
})

/** Reads what is in the data folder by way of a server on it. */
async function assertHolds(data: string, documents: readonly OtherDocument[]): Promise<void> {
  const server = await createServer({ dataDir: data, demo: false, logger: silentLogger })
  try {
    let there = 0
    for (let after: string | null | undefined; after !== null; ) {
      const page: Json = await server.history?.documents({ limit: 1_000, ...(after === undefined ? {} : { after }) })
      there += page.items.length
      after = page.next
    }
    assert.equal(there, documents.length)
    for (const document of documents) {
      const doc = new Y.Doc()
      Y.applyUpdate(doc, (await server.history?.update(document.documentId, 'now'))?.update ?? new Uint8Array())
      assert.equal(canonicalState(doc), canonicalOf(document), document.documentId)
      doc.destroy()
    }
  } finally {
    await server.close()
  }
}

test(`${MANY} documents that Hocuspocus' extension wrote into SQLite are imported exactly, and not twice`, async (context) => {
  const file = await hocuspocusSqliteFile(temporaryFolder(context), many, node22())
  const data = emptyDataFolder(context)
  const program = node22()
  assert.deepEqual(await imported('hocuspocus-sqlite', file, data, { program, more: ['--dry-run'] }), {
    ...counts({ imported: MANY }),
    dryRun: true,
  })
  assert.deepEqual(await imported('hocuspocus-sqlite', file, data, { program }), counts({ imported: MANY }))
  await assertHolds(data, many)
  const withBetterSqlite = { program, environment: { NODE_OPTIONS: '--no-experimental-sqlite' } }
  assert.deepEqual(await imported('hocuspocus-sqlite', file, data, withBetterSqlite), counts({ thereAlready: MANY }))
})

test('without a parser, of another table, and of a torn file, an import from SQLite says what is wrong', async (context) => {
  const file = await hocuspocusSqliteFile(temporaryFolder(context), few, node22())
  const data = emptyDataFolder(context)
  const hidden = new URL('../helpers/without-packages.js', import.meta.url).href
  const environment = { NODE_OPTIONS: `--import ${hidden}`, WITHOUT_PACKAGES: 'node:sqlite,better-sqlite3' }
  const without = await importing('hocuspocus-sqlite', file, data, { environment })
  assert.match(without.stderr, /npm install better-sqlite3/)
  assert.equal(without.code, 2)
  // The one of our own tests is for Node 22, and would end an older one.
  const old = await importing('hocuspocus-sqlite', file, data)
  const isOld = Number.parseInt(process.versions.node, 10) < 22
  assert.deepEqual([old.code, /Run the import with Node 22\.13 or newer/.test(old.stderr)], isOld ? [2, true] : [0, false])
  const program = node22()
  assert.match((await importing('hocuspocus-sqlite', file, data, { program, more: ['--table', 'pages'] })).stderr, /has no table pages/)
  assert.match(
    (await importing('hocuspocus-sqlite', file, data, { program, more: ['--data-column', 'blob'] })).stderr,
    /has no column blob/,
  )
  truncateSync(file, Math.floor(statSync(file).size / 2))
  const torn = await importing('hocuspocus-sqlite', file, data, { program })
  assert.equal(torn.code, 1)
  assert.match(torn.stderr + torn.stdout, /SQLite cannot read .*malformed/)
})

test(`${MANY} documents of y-leveldb are imported exactly`, async (context) => {
  const folder = await leveldbFolder(path.join(temporaryFolder(context), 'leveldb'), many)
  const data = emptyDataFolder(context)
  assert.deepEqual(await imported('y-leveldb', folder, data), counts({ imported: MANY }))
  await assertHolds(data, many)
})

test('a folder of y-leveldb that is in use, torn, or none is refused in words, as is one that nothing can read', async (context) => {
  const folder = await leveldbFolder(path.join(temporaryFolder(context), 'leveldb'), few)
  const data = emptyDataFolder(context)
  const user = await openLeveldb(folder)
  // Opened once it answers.
  await user.setMeta('one', 'key', 1)
  const used = await importing('y-leveldb', folder, data)
  await user.destroy()
  assert.match(used.stderr, /Another process has .* open/)
  const hidden = new URL('../helpers/without-packages.js', import.meta.url).href
  const environment = { NODE_OPTIONS: `--import ${hidden}`, WITHOUT_PACKAGES: 'classic-level' }
  assert.match((await importing('y-leveldb', folder, data, { environment })).stderr, /npm install classic-level/)
  assert.match((await importing('y-leveldb', data, data)).stderr, /no folder of LevelDB/)
  for (const name of readdirSync(folder).filter((one) => one.startsWith('MANIFEST'))) truncateSync(path.join(folder, name), 10)
  const torn = await importing('y-leveldb', folder, data)
  assert.equal(torn.code, 1)
  assert.match(torn.stderr, /LevelDB cannot read/)
})

test(`${MANY} documents in a table of PostgreSQL with names of its own, and those in that of y-redis, are imported exactly`, async (context) => {
  const postgres = await startPostgres({ settings: ['fsync = off'] })
  context.after(() => postgres.stop())
  const [pages, rooms] = [await postgres.createDatabase(), await postgres.createDatabase()]
  await fillTable(pages, 'app_pages', 'slug', 'ydoc', many)
  const own = { more: ['--table', 'app_pages', '--name-column', 'slug', '--data-column', 'ydoc'] }
  const data = emptyDataFolder(context)
  assert.deepEqual(await imported('hocuspocus-postgres', pages, data, own), counts({ imported: MANY }))
  await assertHolds(data, many)
  const unknown = await importing('hocuspocus-postgres', pages, data)
  assert.match(unknown.stderr, /relation "documents" does not exist/)
  assert.equal(unknown.code, 2)
  await fillYRedis(rooms, some)
  const other = emptyDataFolder(context)
  assert.deepEqual(await imported('y-redis', rooms, other), counts({ imported: some.length }))
  await assertHolds(other, some)
})

test('of a store of Y-Sweet with a torn file all others are imported, and that one is named', async (context) => {
  const folder = ySweetFolder(temporaryFolder(context), some)
  const data = emptyDataFolder(context)
  const [torn, ...whole] = some
  assert.ok(torn)
  const file = path.join(folder, torn.documentId, 'data.ysweet')
  const bytes = readFileSync(file)
  truncateSync(file, bytes.length - 3)
  const first = await importing('y-sweet', folder, data, { more: ['--json'] })
  assert.equal(first.code, 1)
  const { imported: count, problems } = JSON.parse(first.stdout)
  assert.equal(count, some.length - 1)
  assert.deepEqual(
    problems.map((one: Json) => [one.documentId, /torn/.test(one.problem)]),
    [[torn.documentId, true]],
  )
  await assertHolds(data, whole)
  writeFileSync(file, bytes)
  assert.deepEqual(await imported('y-sweet', folder, data), counts({ imported: 1, thereAlready: some.length - 1 }))
  await assertHolds(data, some)
})

test('a folder of updates: other content is left out or merged, what is torn, empty or incomplete is named', async (context) => {
  const folder = updatesFolder(path.join(temporaryFolder(context), 'updates'), few)
  const data = emptyDataFolder(context)
  const { code, stderr } = await importing('updates', folder, path.join(data, 'absent'))
  assert.deepEqual([code, /There is no data folder/.test(stderr)], [2, true])
  assert.deepEqual(await imported('liveblocks', folder, data), counts({ imported: few.length }))
  await assertHolds(data, few)
  // Somebody went on there, and somebody else began anew.
  const [one, other] = few
  assert.ok(one && other)
  const later = loaded(one, false)
  later.getText('text').insert(0, 'later ')
  writeFileSync(path.join(folder, `${encodeURIComponent(one.documentId)}.yjs`), Y.encodeStateAsUpdate(later))
  const foreign = new Y.Doc()
  foreign.getText('text').insert(0, 'foreign')
  foreign.getText('text').insert(3, '-')
  writeFileSync(path.join(folder, 'torn.yjs'), Y.encodeStateAsUpdate(foreign).subarray(0, 12))
  writeFileSync(path.join(folder, 'nothing.yjs'), Y.encodeStateAsUpdate(new Y.Doc()))
  const edits: Uint8Array[] = []
  const writer = new Y.Doc()
  writer.on('update', (update: Uint8Array) => edits.push(update))
  for (const word of ['first', 'second', 'third']) writer.getText('text').insert(0, word)
  writeFileSync(path.join(folder, 'gap.yjs'), Y.mergeUpdates([edits[0], edits[2]].filter((edit) => edit !== undefined)))
  const again = await importing('updates', folder, data, { more: ['--json'] })
  assert.equal(again.code, 1)
  const { problems, ...counted } = JSON.parse(again.stdout)
  assert.deepEqual({ ...counted, problems: [] }, counts({ imported: 1, thereAlready: few.length - 1, empty: 1, skipped: 1 }))
  assert.deepEqual(problems.map((found: Json) => found.documentId).sort(), ['gap', one.documentId, 'torn'].sort())
  const merged = JSON.parse((await importing('updates', folder, data, { more: ['--merge', '--json'] })).stdout)
  assert.deepEqual([merged.merged, merged.thereAlready], [1, few.length])
  const server = await createServer({ dataDir: data, demo: false, logger: silentLogger })
  context.after(() => server.close())
  assert.equal((await server.history?.text('gap', 'now', 'text', null))?.text, 'first')
  assert.match((await server.history?.text(one.documentId, 'now', 'text', 'text'))?.text ?? '', /later /)
  await server.close()
})

test('updates of the second encoding are taken where one says so, and an unknown kind is answered with those that there are', async (context) => {
  const folder = temporaryFolder(context)
  const data = emptyDataFolder(context)
  const [document] = few
  assert.ok(document)
  writeFileSync(path.join(folder, `${encodeURIComponent(document.documentId)}.bin`), Y.encodeStateAsUpdateV2(loaded(document, false)))
  assert.equal((await importing('updates', folder, data)).code, 1)
  assert.deepEqual(await imported('updates', folder, data, { more: ['--encoding', 'v2'] }), counts({ imported: 1 }))
  await assertHolds(data, [document])
  const { code, stderr } = await importing('lotus', folder, data)
  assert.equal(code, 2)
  assert.match(stderr, /y-leveldb: .*\n {2}y-redis: /)
})
