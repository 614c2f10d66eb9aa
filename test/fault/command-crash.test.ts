// Commands that take documents along, killed in the middle and run again: what they left under a final name is whole, and in the end all is there once.
import { strict as assert } from 'node:assert'
import { createReadStream, existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import * as Y from 'yjs'
import { type Random, seededRandom } from '../../core/random.js'
import { readArchive } from '../../server/history/archive-format.js'
import { ApiClient, documentPath } from '../helpers/api-client.js'
import { runCommand } from '../helpers/run-command.js'
import { ServerProcess } from '../helpers/server-process.js'
import { eventually } from '../helpers/states.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'
import { StartedCommand } from './started-command.js'

const DOCUMENTS = 120
/** How the id of a large document ends. */
const LARGE = '060'
const ids = Array.from({ length: DOCUMENTS }, (_, index) => `notes/${String(index).padStart(3, '0')}`)

/** Each with its own text, and every fifth with a version and an edit after it. */
async function fill(api: ApiClient, random: Random): Promise<void> {
  for (const [index, id] of ids.entries()) {
    const doc = new Y.Doc()
    doc.getText('body').insert(0, `The text of ${id}. `.repeat(20))
    // Takes a while to be written, so that a kill falls into it.
    if (id.endsWith(LARGE)) for (let part = 0; part < 30; part++) doc.getArray('filler').push([random.bytes(60_000)])
    await api.expect('PUT', documentPath(id), Y.encodeStateAsUpdate(doc))
    doc.destroy()
    if (index % 5 > 0) continue
    await api.expect('POST', `${documentPath(id)}/versions`, { name: `Version of ${id}` })
    await api.expect('POST', `${documentPath(id)}/updates`, { text: [{ root: 'body', at: 0, insert: 'Later. ' }] })
  }
}

const archivesIn = (folder: string): readonly string[] =>
  existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.weft')) : []

/** Reads each to its end, where its digest is; throws for one that is torn. */
async function readAll(folder: string): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for (const name of archivesIn(folder)) {
    const reading = { name, entryBytesMax: Number.MAX_SAFE_INTEGER }
    const { head, entries } = await readArchive(createReadStream(path.join(folder, name)), reading)
    for await (const _ of entries);
    found.add(head.documentId)
  }
  return found
}

/** What the documents of a server and their versions read as. Seqs are its own: an import joins edits of one person. */
async function contentOf(api: ApiClient): Promise<unknown> {
  const listed: { documentId: string }[] = (await api.expect('GET', '/documents?limit=1000')).items
  const found: unknown[] = []
  for (const { documentId } of listed) {
    const at = (moment: string): Promise<string> => api.expect('GET', `${documentPath(documentId)}/content?format=text&at=${moment}`)
    const versions: { name: string; seq: number }[] = (await api.expect('GET', `${documentPath(documentId)}/versions`)).items
    const kept = await Promise.all(versions.map(async ({ name, seq }) => [name, await at(`v${seq}`)]))
    found.push([documentId, await at('now'), kept])
  }
  return found
}

/** Kills once the number that `count` says has reached one that chance gives. */
async function killInTheMiddle(what: { kill(): Promise<void> }, count: () => number | Promise<number>, random: Random): Promise<void> {
  const from = await count()
  const until = from + 5 + random.below(40)
  await eventually(`${until} are there`, async () => (await count()) >= until)
  await what.kill()
}

test(`an export of ${DOCUMENTS} documents and an import of them, killed in the middle and run again, bring each over once and exactly`, async (context) => {
  const random = seededRandom(Number(process.env['WEFT_CRASH_SEED'] ?? 20_261))
  const source = await ServerProcess.start()
  context.after(() => source.dispose())
  await fill(new ApiClient(source.url), random)
  const folder = path.join(temporaryFolder(context), 'export')
  const exporting = ['export', '--to', folder, '--url', source.url, '--json']
  const killed = new StartedCommand(exporting)
  await eventually('the large one is begun', () => existsSync(folder) && readdirSync(folder).some((name) => name.includes(LARGE)))
  await killed.kill()
  assert.ok(archivesIn(folder).length < DOCUMENTS, 'it was killed in the middle')
  await readAll(folder)
  // A file that is torn would be written anew, and so be counted as one that was not there.
  const before = archivesIn(folder).length
  const exported = await runCommand(exporting)
  assert.equal(exported.code, 0, exported.stderr)
  const { written, upToDate } = JSON.parse(exported.stdout)
  assert.deepEqual({ written, upToDate }, { written: DOCUMENTS - before, upToDate: before }, 'it went on where it was')
  assert.deepEqual([...(await readAll(folder))].sort(), ids)
  assert.equal(readdirSync(folder).length, DOCUMENTS, 'nothing else is left')

  const target = await ServerProcess.start()
  context.after(() => target.dispose())
  const api = new ApiClient(target.url)
  const importing = ['import', folder, '--url', target.url, '--json']
  const there = async (): Promise<number> => (await api.expect('GET', '/documents?limit=1000')).items.length
  await killInTheMiddle(new StartedCommand(importing), there, random)
  const cut = new StartedCommand(importing)
  await killInTheMiddle(target, there, random)
  assert.notEqual(await cut.ended, 0, 'an import of which the server died says so')
  await target.restart()
  const already = await there()
  assert.ok(already > 0 && already < DOCUMENTS, `${already} are there after the kills`)
  const imported = await runCommand(importing)
  const { imported: count, skipped } = JSON.parse(imported.stdout)
  assert.equal(count + skipped.length, DOCUMENTS, imported.stderr)
  assert.deepEqual(await contentOf(api), await contentOf(new ApiClient(source.url)))
})
