// The small example programs run as they are, against a server, and see each other's text.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { seededRandom } from '../../core/random.js'
import { createServer } from '../../server/index.js'
import { ServerProcess } from '../helpers/server-process.js'
import { eventually } from '../helpers/states.js'

const run = promisify(execFile)

async function example(name: string, ...args: string[]): Promise<string> {
  const file = fileURLToPath(new URL(`../../examples/${name}.js`, import.meta.url))
  const { stdout } = await run(process.execPath, [file, ...args], { timeout: 180_000 })
  return stdout
}

test('D1: the examples type into one document, each sees what the ones before it left, and both end by themselves', async () => {
  const server = await ServerProcess.start()
  try {
    const first = await example('node-client', server.webSocketUrl, 'notes/examples')
    assert.match(first, /^Hello from process \d+\.\n/)
    const second = await example('stock-y-websocket', server.webSocketUrl, 'notes/examples')
    assert.match(second, /^Hello from process \d+\.\nHello from y-websocket in process \d+\.\n/)
    // Saved, by the client that can tell: it survives the server.
    await server.kill()
    await server.restart()
    const third = await example('node-client', server.webSocketUrl, 'notes/examples')
    assert.match(third, /^Hello from process \d+\.\n/)
    assert.ok(third.startsWith(first.trimEnd()), 'what the first program saved is still there')
  } finally {
    await server.dispose()
  }
})

test('H2: a history of 100,000 edits is broken on purpose, and the restore script finds the last good moment and brings it back while somebody has it open', async (context) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'weft-restore-'))
  const server = await createServer({ dataDir: folder, demo: false, logger: silentLogger })
  context.after(() => server.close())
  await server.listen(0)
  const connection = connect(server.url.replace('http', 'ws'), { logger: silentLogger })
  const open = new Y.Doc()
  try {
    const random = seededRandom(3)
    const doc = new Y.Doc()
    const text = doc.getText('body')
    const group: Uint8Array[] = []
    doc.on('update', (update: Uint8Array) => void group.push(update))
    for (let edit = 1; edit <= 100_000; edit++) {
      const at = random.below(text.length + 1)
      if (at > 0 && random.below(6) === 0) text.delete(at - 1, 1)
      else text.insert(at, 'etaoin shrdlu'.charAt(random.below(13)))
      // A commit holds what came in during the one before it.
      if (edit % 200 === 0) await server.history?.apply('novel', [Y.mergeUpdates(group.splice(0))], 'author')
    }
    const good = text.toString()
    text.delete(0, text.length - 10)
    text.insert(0, 'oops ')
    await server.history?.apply('novel', group.splice(0), 'somebody')
    const session = connection.open('novel', open)
    await session.synced
    assert.equal(open.getText('body').length, 15)
    const said = await example('restore-script', server.url, 'novel', 'body', '1000')
    assert.match(said, /Restored "body" of novel to seq 500 \(undo\)\. To take it back: restore v\d+\./)
    await eventually('whoever has it open sees it', () => open.getText('body').toString() === good)
    assert.match(await example('restore-script', server.url, 'novel', 'body', '1000'), /long enough; nothing was changed/)
    doc.destroy()
  } finally {
    await connection.close()
    open.destroy()
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
