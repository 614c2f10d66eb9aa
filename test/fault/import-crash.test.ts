// An import from another server's store, killed in the middle and run again: what is in the data folder then is what is in the store, each document once and whole.
import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import * as Y from 'yjs'
import { silentLogger } from '../../core/log.js'
import { createServer } from '../../server/index.js'
import { canonicalOf, leveldbFolder, otherDocuments } from '../helpers/others-stores.js'
import { runCommand } from '../helpers/run-command.js'
import { canonicalState } from '../helpers/states.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'

const DOCUMENTS = 330
const mainFile = fileURLToPath(new URL('../../server/main.js', import.meta.url))

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
