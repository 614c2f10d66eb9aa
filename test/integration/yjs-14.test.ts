// Our client with Yjs 14 in the place of Yjs 13, as an application's bundler puts it there, in one room with clients of Yjs 13.
import { strict as assert } from 'node:assert'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import type * as Y14 from '@y/y'
import { build } from 'esbuild'
import WebSocket from 'ws'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import type { undoHistory } from '../../client/undo/index.js'
import { silentLogger } from '../../core/log.js'
import { startLocalServer } from '../helpers/local-server.js'
import { repositoryRoot } from '../helpers/repository.js'
import { canonicalState, eventually } from '../helpers/states.js'

interface Bundle {
  readonly connect: typeof connect
  readonly undoHistory: typeof undoHistory
  readonly Y: typeof Y14
}

/** The client, its undo, and the Yjs that they use. */
async function bundleWithYjs14(folder: string): Promise<Bundle> {
  const outfile = join(folder, 'client.mjs')
  const client = join(repositoryRoot, 'dist', 'client')
  await build({
    stdin: {
      contents: `
        export { connect } from ${JSON.stringify(join(client, 'index.js'))}
        export { undoHistory } from ${JSON.stringify(join(client, 'undo', 'index.js'))}
        export * as Y from 'yjs'`,
      resolveDir: repositoryRoot,
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    alias: { yjs: '@y/y' },
    external: ['ws', 'y-indexeddb'],
    outfile,
    // What Yjs 14 does not export would be undefined when it is called.
    logOverride: { 'import-is-undefined': 'error' },
    logLevel: 'silent',
  })
  const bundle: Bundle = await import(pathToFileURL(outfile).href)
  return bundle
}

test('S1, D1: our client with Yjs 14 saves, resumes what it did offline, and converges with one of Yjs 13; cursors, undo and drafts work', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'weft-yjs-14-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const with14 = await bundleWithYjs14(folder)
  const { server } = await startLocalServer()
  t.after(() => server.close())
  const sockets: WebSocket[] = []
  class Socket extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols)
      sockets.push(this)
    }
  }

  const doc14 = new with14.Y.Doc()
  const connection14 = with14.connect(server.url, { WebSocket: Socket as never, logger: silentLogger })
  const session14 = connection14.open('notes/both', doc14 as unknown as Y.Doc)
  const doc13 = new Y.Doc()
  const connection13 = connect(server.url, { logger: silentLogger })
  const session13 = connection13.open('notes/both', doc13)
  t.after(() => Promise.all([connection13.close(), connection14.close()]))
  const body = doc14.get('body')
  const text13 = doc13.getText('body')

  await Promise.all([session13.synced, session14.synced])
  body.insert(0, 'Soup, from 14. ')
  doc14.get('settings').setAttr('title', 'Supper')
  await session14.saved()
  await eventually('13 has it', () => text13.toString() === 'Soup, from 14. ' && doc13.getMap('settings').get('title') === 'Supper')
  text13.insert(text13.length, 'Bread, from 13. ')
  text13.delete(0, 4)
  await eventually('14 has it', () => body.toString() === ', from 14. Bread, from 13. ')
  session14.awareness.setLocalState({ name: 'fourteen' })
  await eventually('13 sees who is there', () => session13.awareness.getStates().get(doc14.clientID)?.['name'] === 'fourteen')

  // Offline, on both sides of a lost connection.
  for (const socket of sockets) socket.terminate()
  await eventually('14 is offline', () => session14.status.state === 'offline')
  body.insert(0, 'Offline')
  assert.equal(session14.unsaved, 1)
  text13.insert(0, 'Meanwhile ')
  await session14.saved()
  await eventually('both have all', () => body.toString() === text13.toString() && text13.toString().includes('Offline'))
  assert.ok(sockets.length > 1)

  const history = with14.undoHistory(session14, doc14 as unknown as Y.Doc, { captureTimeoutMs: 0 })
  body.insert(body.length, 'taken back')
  assert.equal(history.undo(), true)
  const draft = session14.fork(new with14.Y.Doc() as unknown as Y.Doc)
  ;(draft.doc as unknown as Y14.Doc).get('body').insert(0, 'Drafted. ')
  assert.ok(!body.toString().includes('Drafted'))
  draft.merge()
  await session14.saved()
  await eventually('the draft is merged', () => text13.toString().startsWith('Drafted. ') || text13.toString().includes('Drafted. '))
  assert.ok(!text13.toString().includes('taken back'))

  const copy = new Y.Doc()
  Y.applyUpdate(copy, with14.Y.encodeStateAsUpdate(doc14))
  assert.equal(canonicalState(copy), canonicalState(doc13))
  history.close()
  draft.close()
})
