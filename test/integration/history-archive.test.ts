// Archives: what is exported and imported elsewhere has the same content, versions, authors and times; what is torn is refused; an import that was cut shows nothing.
import { strict as assert } from 'node:assert'
import { appendFileSync, createReadStream, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import * as Y from 'yjs'
import { silentLogger } from '../../core/log.js'
import { seededRandom } from '../../core/random.js'
import { type ArchiveEntry, readArchive, writeArchive } from '../../server/history/archive-format.js'
import { rootsOf } from '../../server/history/tasks/roots.js'
import { createServer, type WeftServer } from '../../server/index.js'
import { ApiClient, documentPath } from '../helpers/api-client.js'
import { randomHistory } from '../helpers/random-history.js'
import { eventually } from '../helpers/states.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'

const ID = 'notes/today @ 10 — 文🧶'
const ARCHIVE = `${documentPath(ID)}/archive`
const users = ['ann', 'bob 文', 'cyd']

async function start(
  context: TestContext,
  limits = {},
  quotas: readonly string[] = [],
  bindClientIds = false,
): Promise<{ readonly server: WeftServer; readonly api: ApiClient }> {
  const access = { bindClientIds }
  const server = await createServer({ dataDir: temporaryFolder(context), demo: false, logger: silentLogger, limits, quotas, access })
  context.after(() => server.close())
  await server.listen(0)
  return { server, api: new ApiClient(server.url) }
}

function historyOf({ history }: WeftServer): NonNullable<WeftServer['history']> {
  return history ?? assert.fail('the server serves')
}

/** A document by three users, with a version after every twenty of its edits. */
async function write(server: WeftServer, seed: number, edits = 60): Promise<void> {
  const history = historyOf(server)
  for (const [index, update] of randomHistory(seededRandom(seed), edits).updates.entries()) {
    const [clientId = 0] = Y.decodeUpdate(update).structs.map(({ id }) => id.client)
    await history.apply(ID, [update], users[(clientId % 100) / 11 - 1] ?? null)
    if (index % 20 === 19) await history.keep(ID, { name: `after ${index + 1}`, description: 'as it went', author: 'ann' })
  }
}

async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const found: Uint8Array[] = []
  for await (const piece of pieces) found.push(piece)
  return Buffer.concat(found)
}

/** All that an archive is to bring along. */
async function everything(server: WeftServer): Promise<unknown> {
  const history = historyOf(server)
  const { items } = await history.versions(ID, { limit: 100 })
  const contents = await Promise.all(
    items.map(async ({ name, description, author, createdAt }) => {
      const doc = new Y.Doc()
      Y.applyUpdate(doc, (await history.update(ID, `"${name}"`)).update)
      return { name, description, author, createdAt, roots: rootsOf(doc) }
    }),
  )
  const { users: authors, roots } = await history.attribution(ID, 'now')
  return { contents, authors: [...authors].sort(), roots }
}

test('H5: an archive brings content, versions with their times, and who wrote it to another server', async (context) => {
  const from = await start(context)
  await write(from.server, 5)
  const response = await fetch(`${from.server.url}/api/v1${ARCHIVE}`)
  assert.equal(response.headers.get('content-type'), 'application/gzip')
  const archive = new Uint8Array(await response.arrayBuffer())
  // Where client ids are bound to users, the server itself brings in what they wrote.
  const into = await start(context, {}, [], true)
  const sent = await into.api.ask('PUT', ARCHIVE, archive, { 'content-type': 'application/gzip' })
  assert.equal(sent.status, 201, sent.text)
  const { length } = (await historyOf(from.server).versions(ID, { limit: 10 })).items
  assert.deepEqual([sent.body.versions, length > 1], [length, true])
  assert.deepEqual(await everything(into.server), await everything(from.server))
  const { items } = await historyOf(into.server).changes(ID, { afterSeq: 0, limit: 10, gapMs: 3_600_000 })
  assert.deepEqual(new Set(items.flatMap((sitting) => sitting.users)), new Set(users))
  // It is there now, and is left alone unless it is to be merged.
  assert.equal(await into.api.refusal('PUT', ARCHIVE, archive), '409 document-exists')
  const { head } = await historyOf(into.server).document(ID)
  assert.deepEqual((await into.api.ask('PUT', `${ARCHIVE}?merge=true`, archive)).body, { seq: head, versions: 0 })
  // Without the log it is smaller, and has the versions all the same.
  const short = await bytesOf(await historyOf(from.server).archives.export(ID, { log: false }))
  assert.ok(gunzipSync(short).length < gunzipSync(archive).length)
  const third = await start(context)
  await historyOf(third.server).archives.import(ID, () => [short] as never, null)
  assert.equal((await historyOf(third.server).versions(ID, { limit: 10 })).items.length, length)
})

/** Three people's letters in one row, one of them unknown, and a deletion; before it a base by one of them. */
function rowOfSeveral(): { readonly base: Uint8Array; readonly row: Uint8Array; readonly state: Uint8Array } {
  const doc = new Y.Doc()
  const text = doc.getText('body')
  const write = (clientId: number, edit: () => void): Uint8Array => {
    const before = Y.encodeStateVector(doc)
    doc.clientID = clientId
    edit()
    return Y.encodeStateAsUpdate(doc, before)
  }
  const base = write(11, () => text.insert(0, 'base '))
  const row = Y.mergeUpdates([
    write(22, () => text.insert(5, 'bob ')),
    write(33, () => text.insert(9, 'cyd ')),
    write(44, () => text.insert(13, 'who ')),
    write(11, () => text.insert(17, 'ann')),
    write(22, () => text.delete(0, 1)),
  ])
  return { base, row, state: Y.encodeStateAsUpdate(doc) }
}

test('H5: authors of several people, and of what is older than the log, are kept as far as anybody can tell, and others are said to be unknown', async (context) => {
  const { base, row, state } = rowOfSeveral()
  const entries = async function* (): AsyncGenerator<ArchiveEntry> {
    yield { entry: 'base', seq: 4, data: base }
    yield { entry: 'edit', seq: 5, at: 1_000, users: ['bob 文', 'ann', 'cyd'], data: row }
    for (const [clientId, user] of [
      [11, 'ann'],
      [22, 'bob 文'],
      [33, 'cyd'],
    ] as const)
      yield { entry: 'author', clientId, user, seq: 1, at: 1_000 }
    yield { entry: 'state', data: state }
  }
  const { server } = await start(context)
  const history = historyOf(server)
  const archive = await bytesOf(writeArchive({ documentId: ID, head: 5, versions: 0, logFrom: 5 }, entries()))
  await history.archives.import(ID, () => [archive] as never, 'importer')
  assert.equal((await history.text(ID, 'now', 'text', null)).text, 'ase bob cyd who ann')
  const { users: known } = await history.attribution(ID, 'now')
  assert.deepEqual(
    [...known].sort(([a], [b]) => a - b),
    [
      [11, 'ann'],
      [22, 'bob 文'],
      [33, 'cyd'],
    ],
  )
  const { items } = await history.changes(ID, { afterSeq: 0, limit: 10, gapMs: 3_600_000 })
  assert.deepEqual(
    items.map(({ users: wrote }) => [...wrote].sort()),
    [['ann', 'bob 文', 'cyd']],
  )
  // And on to a third server, from a document of which nothing is known but what the import said.
  const third = await start(context)
  const again = await bytesOf(await history.archives.export(ID))
  await historyOf(third.server).archives.import(ID, () => [again] as never, null)
  assert.deepEqual((await historyOf(third.server).attribution(ID, 'now')).users, known)
})

test('An import counts against the quota of documents, and a document that somebody began meanwhile is left as it is', async (context) => {
  const from = await start(context)
  await write(from.server, 12, 20)
  const archive = await bytesOf(await historyOf(from.server).archives.export(ID))
  const { server, api } = await start(context, {}, ['** documents=1'])
  await api.expect('POST', `${documentPath('other')}/updates`, { text: [{ root: 'body', at: 0, insert: 'x' }] })
  assert.equal(await api.refusal('PUT', ARCHIVE, archive), '403 quota-exceeded')
  assert.equal((await historyOf(server).documents({ limit: 10 })).items.length, 1)
  const open = await start(context)
  let readings = 0
  const begunMeanwhile = async function* (): AsyncGenerator<Uint8Array> {
    readings += 1
    yield archive
    // Between the look at the whole archive and the first edit of it.
    if (readings === 1) await open.api.expect('POST', `${documentPath(ID)}/updates`, { text: [{ root: 'body', at: 0, insert: 'mine' }] })
  }
  await assert.rejects(
    historyOf(open.server).archives.import(ID, begunMeanwhile, null),
    (error: { code?: string }) => error.code === 'document-exists',
  )
  assert.equal(await open.api.expect('GET', `${documentPath(ID)}/content?format=text`), 'mine')
})

function docWith(text: string): Y.Doc {
  const doc = new Y.Doc()
  doc.getText('body').insert(0, text)
  return doc
}

/** Three days of two people's writing, and a version that was kept long after its edits. */
async function* fewDays(): AsyncGenerator<ArchiveEntry> {
  const doc = new Y.Doc()
  const edit = (seq: number, time: string, clientId: number, text: string): ArchiveEntry => {
    const before = Y.encodeStateVector(doc)
    doc.clientID = clientId
    doc.getText('body').insert(doc.getText('body').length, text)
    return { entry: 'edit', seq, at: Date.parse(time), users: [clientId === 11 ? 'ann' : 'cyd'], data: Y.encodeStateAsUpdate(doc, before) }
  }
  doc.clientID = 11
  doc.getText('body').insert(0, 'old ')
  const data = Y.encodeStateAsUpdate(doc)
  yield { entry: 'version', seq: 1, name: 'Old', description: null, author: 'ann', createdAt: Date.parse('2026-03-01T00:00:00Z'), data }
  yield { entry: 'base', seq: 1, data }
  yield edit(2, '2026-01-05T10:00:00Z', 11, 'one ')
  yield edit(3, '2026-01-05T10:00:20Z', 11, 'two ')
  yield edit(4, '2026-01-05T10:03:00Z', 22, 'three ')
  yield edit(5, '2026-01-06T09:00:00Z', 11, 'four ')
  yield edit(6, '2026-01-07T09:00:00Z', 11, 'five')
  yield { entry: 'state', data: Y.encodeStateAsUpdate(doc) }
}

test('Edits that came with an archive are told with the times at which they were made, here and from here on, and are named by them', async (context) => {
  const archive = await bytesOf(writeArchive({ documentId: ID, head: 6, versions: 1, logFrom: 2 }, fewDays()))
  const { server, api } = await start(context)
  await historyOf(server).archives.import(ID, () => [archive] as never, null)
  await api.expect('POST', `${documentPath(ID)}/updates`, { text: [{ root: 'body', at: 0, insert: 'and here ' }] })
  const further = await start(context)
  const again = await bytesOf(await historyOf(server).archives.export(ID))
  await historyOf(further.server).archives.import(ID, () => [again] as never, null)
  for (const history of [historyOf(server), historyOf(further.server)]) {
    const { items } = await history.changes(ID, { afterSeq: 0, limit: 10, gapMs: 300_000 })
    const days = items.map(({ from, through, users: wrote }) => [...[from, through].map((time) => new Date(time).toISOString()), ...wrote])
    // The base counts as of the first edit after it that has a time, and edits within a minute as of the last of them.
    assert.deepEqual(days.slice(0, 3), [
      ['2026-01-05T10:00:20.000Z', '2026-01-05T10:03:00.000Z', 'ann', 'cyd'],
      ['2026-01-06T09:00:00.000Z', '2026-01-06T09:00:00.000Z', 'ann'],
      ['2026-01-07T09:00:00.000Z', '2026-01-07T09:00:00.000Z', 'ann'],
    ])
    assert.equal(days.length, 4, 'and what was written here')
    const textAt = async (address: string): Promise<string> => (await history.text(ID, address, 'text', null)).text
    assert.equal(await textAt('2026-01-05T10:01:00Z'), 'old one two ')
    assert.equal(await textAt('2026-01-05T12:00:00Z'), 'old one two three ')
    assert.equal(await textAt('2026-01-06T09:00:00Z'), 'old one two three four ')
    assert.equal(await textAt('2026-02-01T00:00:00Z'), 'old one two three four five')
    assert.equal(await textAt('now'), 'and here old one two three four five')
    assert.equal(await textAt('"Old"'), 'old ')
    assert.equal((await history.find(ID, '2026-01-06T10:00:00Z')).at, Date.parse('2026-01-06T09:00:00Z'))
    await assert.rejects(history.find(ID, '2026-01-04T00:00:00Z'), { code: 'moment-gone' })
  }
  // Another life of the document has times of its own.
  await api.expect('DELETE', documentPath(ID))
  await api.expect('POST', `${documentPath(ID)}/updates`, { text: [{ root: 'body', at: 0, insert: 'new' }] })
  assert.ok(((await historyOf(server).document(ID)).window.at ?? 0) > Date.parse('2026-06-01T00:00:00Z'))
  await assert.rejects(historyOf(server).find(ID, '2026-01-06T10:00:00Z'), { code: 'moment-gone' })
})

test('H6: the program hears of an imported document once, when all of it is there, with all who wrote in it', async (context) => {
  const archive = await bytesOf(writeArchive({ documentId: ID, head: 6, versions: 1, logFrom: 2 }, fewDays()))
  const heard: { readonly fromSeq: number; readonly throughSeq: number; readonly users: readonly string[]; readonly text: string }[] = []
  const server = await createServer({
    dataDir: temporaryFolder(context),
    demo: false,
    logger: silentLogger,
    hooks: {
      changedQuietMs: 1,
      onDocumentChanged: async (change) => {
        heard.push({ fromSeq: change.fromSeq, throughSeq: change.throughSeq, users: change.users, text: await change.text() })
      },
    },
  })
  context.after(() => server.close())
  await server.listen(0)
  await historyOf(server).archives.import(ID, () => [archive] as never, null)
  await eventually('it is told', () => heard.length > 0)
  const { head } = await historyOf(server).document(ID)
  const [{ users: wrote = [], ...rest } = {}] = heard
  assert.deepEqual(rest, { fromSeq: 1, throughSeq: head, text: 'old one two three four five' })
  assert.deepEqual([...wrote].sort(), ['ann', 'cyd'])
  await historyOf(server).apply(ID, [Y.encodeStateAsUpdate(docWith('more'))], 'bob 文')
  await eventually('the next change is told', () => heard.length > 1)
  assert.deepEqual([heard.length, heard[1]?.fromSeq, heard[1]?.users], [2, head + 1, ['bob 文']])
})

test('H6: an import that was cut anywhere shows nothing, and is made up for when it is asked for again', async (context) => {
  const from = await start(context)
  await write(from.server, 6)
  const archive = await bytesOf(await historyOf(from.server).archives.export(ID))
  const lines = gunzipSync(archive).toString().split('\n')
  const expected = await everything(from.server)
  const random = seededRandom(8)
  for (let round = 0; round < 6; round++) {
    const { server } = await start(context)
    const { archives } = historyOf(server)
    let readings = 0
    const cut = (): AsyncIterable<Uint8Array> => {
      const length = ++readings === 1 ? lines.length : 2 + random.below(lines.length - 4)
      return (async function* () {
        yield gzipSync(lines.slice(0, length).join('\n'))
      })()
    }
    await assert.rejects(archives.import(ID, cut, null), /torn/)
    // Nobody is shown what was begun: it is in no list, and nobody is let in.
    assert.deepEqual((await historyOf(server).documents({ limit: 1 })).items, [])
    const open = server.document(ID).read()
    await assert.rejects(open, { code: 'document-unfinished', retryable: true })
    await archives.import(ID, () => [gzipSync(lines.join('\n'))] as never, null)
    assert.deepEqual(await everything(server), expected)
    await assert.rejects(
      archives.import(ID, () => [gzipSync(lines.join('\n'))] as never, null),
      (error: { code?: string }) => error.code === 'document-exists',
    )
  }
})

test('G5: an archive that is torn, changed, of another format or too long is refused, and nothing of it is written', async (context) => {
  const { server, api } = await start(context, { archiveBytesMax: 100_000, documentBytesMax: 50_000 })
  await write(server, 7, 20)
  const archive = await bytesOf(await historyOf(server).archives.export(ID))
  await api.expect('DELETE', documentPath(ID))
  const lines = gunzipSync(archive).toString().split('\n')
  const random = seededRandom(9)
  const bad: (readonly [Uint8Array, string])[] = [
    [new Uint8Array(0), '400 malformed'],
    [Buffer.from('not gzipped'), '400 malformed'],
    [gzipSync('not lines of ours'), '400 malformed'],
    [gzipSync('{"weftArchive":1}\n'), '400 malformed'],
    [gzipSync(`${lines[0]}\n`), '400 malformed'],
    [gzipSync(`"${'x'.repeat(1_000_000)}`), '400 malformed'],
    [gzipSync(`${lines[0]}\n{"entry":"state","bytes":60000000000}\n`), '400 malformed'],
    [gzipSync(`${lines[0]}\n{"entry":"surprise"}\n`), '400 malformed'],
    [new Uint8Array(100_001), '413 document-too-large'],
  ]
  for (let round = 0; round < 20; round++) {
    bad.push([archive.subarray(0, 1 + random.below(archive.length - 1)), '400 malformed'])
    const changed = [...lines]
    const index = 1 + random.below(lines.length - 2)
    changed[index] = (lines[index] ?? '').replace(/[0-9A-Za-z]/, (letter) => (letter === '7' ? '8' : '7'))
    bad.push([gzipSync(changed.join('\n')), '400 malformed'])
  }
  for (const [index, [bytes, refusal]] of bad.entries()) assert.equal(await api.refusal('PUT', ARCHIVE, bytes), refusal, `number ${index}`)
  // One that does not say how long it is, is counted.
  const chunked = await fetch(`${server.url}/api/v1${ARCHIVE}`, {
    method: 'PUT',
    body: new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(10_000)),
    }),
    duplex: 'half',
  } as RequestInit).catch(() => null)
  assert.ok(chunked === null || chunked.status === 413, 'it is refused, or cut off')
  assert.equal(await api.refusal('GET', documentPath(ID)), '404 no-such-document')
  assert.equal((await api.ask('PUT', ARCHIVE, archive)).status, 201)
})

test('a file of which only the head is read, or that is refused, is let go of', async (context) => {
  const folder = temporaryFolder(context)
  const { server } = await start(context)
  await write(server, 11)
  const whole = path.join(folder, 'whole')
  const other = path.join(folder, 'other')
  // Larger than what is read ahead.
  writeFileSync(whole, await bytesOf(await historyOf(server).archives.export(ID)))
  appendFileSync(whole, Buffer.alloc(1024 * 1024))
  writeFileSync(other, Buffer.concat([gzipSync(`{"weftArchive":1}\n${'x'.repeat(100_000)}\n`), Buffer.alloc(1024 * 1024)]))
  const reading = { name: 'it', entryBytesMax: 1024 * 1024 }
  const files = [createReadStream(whole), createReadStream(other)]
  const [good = assert.fail(), bad = assert.fail()] = files
  const { head, close } = await readArchive(good, reading)
  assert.equal(head.documentId, ID)
  await close()
  await assert.rejects(readArchive(bad, reading), /format 1/)
  await eventually('both to be closed', () => files.every(({ closed }) => closed))
})
