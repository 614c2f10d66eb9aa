// Imports that are killed and run again. From another server's store: what is in the data folder then is what is in the store, each document once and whole. Of an
// archive: after each step nobody is shown anything of it, or all of it.
import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import * as Y from 'yjs'
import { silentLogger } from '../../core/log.js'
import { type ArchiveEntry, writeArchive } from '../../server/history/archive-format.js'
import { createServer } from '../../server/index.js'
import { canonicalOf, leveldbFolder, otherDocuments } from '../helpers/others-stores.js'
import { runCommand } from '../helpers/run-command.js'
import { canonicalState } from '../helpers/states.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'

const DOCUMENTS = 330
const mainFile = fileURLToPath(new URL('../../weft/main.js', import.meta.url))

test('an import into a data folder that is killed three times brings every document over exactly, and none twice', async (context) => {
  const documents = otherDocuments(DOCUMENTS, 29)
  const source = await leveldbFolder(path.join(temporaryFolder(context), 'leveldb'), documents)
  const data = path.join(temporaryFolder(context), 'data')
  mkdirSync(data)
  const importing = ['import', '--from', 'y-leveldb', source, '--data', data, '--json']
  for (const through of [100, 200, 300]) {
    const child = spawn(process.execPath, [mainFile, ...importing], { stdio: ['ignore', 'ignore', 'pipe'] })
    const gone = once(child, 'close')
    // It says how far it is.
    for await (const line of createInterface(child.stderr)) {
      assert.match(line, /^imported \d+$/)
      if (line === `imported ${through}`) break
    }
    child.kill('SIGKILL')
    assert.deepEqual(await gone, [null, 'SIGKILL'])
  }
  const last = await runCommand(importing)
  assert.equal(last.code, 0, last.stderr)
  const { imported, thereAlready, problems } = JSON.parse(last.stdout)
  assert.deepEqual([imported + thereAlready, problems], [DOCUMENTS, []])
  assert.ok(imported > 0 && thereAlready >= 300, `${thereAlready} were there`)
  const server = await createServer({ dataDir: data, demo: false, logger: silentLogger })
  context.after(() => server.close())
  for (const document of documents) {
    const found = await server.history?.update(document.documentId, 'now')
    assert.ok(found)
    // One edit each: what a killed import had done was not done again.
    assert.equal(found.moment.seq, 1)
    const doc = new Y.Doc()
    Y.applyUpdate(doc, found.update)
    assert.equal(canonicalState(doc), canonicalOf(document), document.documentId)
    doc.destroy()
  }
})

const ID = 'notes/imported'
const importChild = fileURLToPath(new URL('./import-child.js', import.meta.url))
const LINES = ['Ann began. ', 'Bob went on.']

/** Edits of two people in turn, with a version after each but the last. */
async function archiveOf(lines: readonly string[]): Promise<Buffer> {
  const doc = new Y.Doc()
  const entries = async function* (): AsyncGenerator<ArchiveEntry> {
    for (const [index, line] of lines.entries()) {
      const before = Y.encodeStateVector(doc)
      doc.clientID = 11 + (index % 2)
      doc.getText('body').insert(doc.getText('body').length, line)
      const users = [index % 2 === 0 ? 'ann' : 'bob']
      yield { entry: 'edit', seq: index + 1, at: 1_000 * (index + 1), users, data: Y.encodeStateAsUpdate(doc, before) }
      if (index === lines.length - 1) break
      const data = Y.encodeStateAsUpdate(doc)
      yield {
        entry: 'version',
        seq: index + 1,
        name: `Draft ${index + 1}`,
        description: null,
        author: 'ann',
        createdAt: 1_500 + index,
        data,
      }
    }
    for (const [clientId, user] of [
      [11, 'ann'],
      [12, 'bob'],
    ] as const)
      yield { entry: 'author', clientId, user, seq: 1, at: 1_000 }
    yield { entry: 'state', data: Y.encodeStateAsUpdate(doc) }
  }
  const found: Uint8Array[] = []
  const head = { documentId: ID, head: lines.length, versions: lines.length - 1, logFrom: 1 }
  for await (const piece of writeArchive(head, entries())) found.push(piece)
  return Buffer.concat(found)
}

test('H6: an import of an archive that is killed after any of its steps shows nothing of the document, or all of it, and is whole once it is run again', async (context) => {
  const folder = temporaryFolder(context)
  const file = path.join(folder, 'archive.weft')
  const archive = await archiveOf(LINES)
  writeFileSync(file, archive)
  const other = await archiveOf(['Another archive. ', 'Of two lines.'])
  /** Into a folder of its own. False if it came to its end before it was to be killed. */
  const killedAfter = async (steps: number): Promise<{ readonly data: string; readonly wasKilled: boolean }> => {
    const data = path.join(folder, `killed after ${steps}`)
    mkdirSync(data)
    const child = spawn(process.execPath, [importChild, data, file, ID, String(steps)], { stdio: ['ignore', 'ignore', 'inherit'] })
    const [code, signal] = await once(child, 'close')
    const wasKilled = signal === 'SIGKILL'
    assert.ok(wasKilled || code === 0, `it ended with ${code}, ${signal}`)
    return { data, wasKilled }
  }
  let steps = 1
  // The next one runs while this one is looked at.
  for (let next: ReturnType<typeof killedAfter> | null = killedAfter(steps); next !== null; ) {
    const { data, wasKilled }: Awaited<ReturnType<typeof killedAfter>> = await next
    steps += 1
    next = wasKilled ? killedAfter(steps) : null
    const server = await createServer({ dataDir: data, demo: false, logger: silentLogger })
    try {
      const history = server.history ?? assert.fail('it serves')
      const whole = async (lines: readonly string[]): Promise<void> => {
        assert.equal((await history.text(ID, 'now', 'text', null)).text, lines.join(''))
        const { items } = await history.versions(ID, { limit: 10 })
        const texts = await Promise.all(items.map(async ({ seq }) => (await history.text(ID, `v${seq}`, 'text', null)).text))
        assert.deepEqual(
          items.map(({ name }, index) => [name, texts[index]]),
          lines
            .slice(0, -1)
            .map((_, index) => [`Draft ${index + 1}`, lines.slice(0, index + 1).join('')])
            .reverse(),
        )
        assert.deepEqual([...new Set((await history.attribution(ID, 'now')).users.values())].sort(), ['ann', 'bob'])
      }
      const isThere = (await history.documents({ limit: 10 })).items.length > 0
      if (isThere) await whole(LINES)
      else {
        await assert.rejects(history.find(ID, 'now'), { code: 'no-such-document' })
        assert.deepEqual((await history.versions(ID, { limit: 10, which: 'all' })).items, [])
        const listed = (await history.documents({ limit: 10, which: 'all' })).items
        // Before its first edit there is nothing to refuse, and nothing to list.
        assert.deepEqual(
          listed.map(({ documentId, unfinished }) => [documentId, unfinished]),
          steps > 4 ? [[ID, true]] : listed.length === 0 ? [] : [[ID, true]],
        )
        if (steps > 4) await assert.rejects(server.document(ID).read(), { code: 'document-unfinished' })
        // Another archive takes the place of what was begun.
        if (steps % 3 === 2) {
          await history.archives.import(ID, () => [other] as never, null)
          await whole(['Another archive. ', 'Of two lines.'])
          continue
        }
      }
      try {
        await history.archives.import(ID, () => [archive] as never, null)
      } catch (thrown) {
        assert.ok(isThere && (thrown as { code?: string }).code === 'document-exists', String(thrown))
      }
      await whole(LINES)
    } finally {
      await server.close()
    }
  }
  assert.ok(steps >= 9, `it has ${steps} steps`)
})
