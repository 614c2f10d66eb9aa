// Our client with Yjs 14 in the place of Yjs 13, as an application's bundler puts it there, in one room with clients of Yjs 13; and what frameworks have of it.
import 'fake-indexeddb/auto'
import '../helpers/page-window.js'

import { strict as assert } from 'node:assert'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import type * as Y14 from '@y/y'
import { build } from 'esbuild'
import { createElement as h, type ReactNode } from 'react'
import { createRoot } from 'react-dom/client'
import { createApp } from 'vue'
import WebSocket from 'ws'
import * as Y from 'yjs'
import { connect, type indexedDbPersistence } from '../../client/index.js'
import type * as react from '../../client/react/index.js'
import type * as svelte from '../../client/svelte/index.js'
import type { undoHistory } from '../../client/undo/index.js'
import type * as vue from '../../client/vue/index.js'
import { silentLogger } from '../../core/log.js'
import { startLocalServer } from '../helpers/local-server.js'
import { repositoryRoot } from '../helpers/repository.js'
import { canonicalState, eventually } from '../helpers/states.js'

interface Bundle {
  readonly connect: typeof connect
  readonly indexedDbPersistence: typeof indexedDbPersistence
  readonly undoHistory: typeof undoHistory
  readonly react: typeof react
  readonly vue: typeof vue
  readonly svelte: typeof svelte
  readonly Y: typeof Y14
}

/** The client, its undo, what frameworks have of it, and the Yjs that they use. */
async function bundleWithYjs14(folder: string): Promise<Bundle> {
  const outfile = join(folder, 'client.mjs')
  const entry = (...path: string[]): string => JSON.stringify(join(repositoryRoot, 'dist', 'client', ...path, 'index.js'))
  await build({
    stdin: {
      contents: `
        export { connect, indexedDbPersistence } from ${entry()}
        export { undoHistory } from ${entry('undo')}
        export * as react from ${entry('react')}
        export * as vue from ${entry('vue')}
        export * as svelte from ${entry('svelte')}
        export * as Y from 'yjs'`,
      resolveDir: repositoryRoot,
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    alias: { yjs: '@y/y' },
    // As the test has them.
    external: ['ws', 'react', 'vue'],
    outfile,
    // What Yjs 14 does not export would be undefined when it is called.
    logOverride: { 'import-is-undefined': 'error' },
    logLevel: 'silent',
  })
  const bundle: Bundle = await import(pathToFileURL(outfile).href)
  return bundle
}

let bundled: Promise<Bundle>
let folder: string
before(async () => {
  // Where packages are found that are not in the bundle.
  folder = await mkdtemp(join(repositoryRoot, 'dist', 'yjs-14-'))
  bundled = bundleWithYjs14(folder)
})
after(() => rm(folder, { recursive: true, force: true }))

test('S1, D1: our client with Yjs 14 saves, resumes what it did offline, and converges with one of Yjs 13; cursors, undo and drafts work', async (t) => {
  const with14 = await bundled
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

interface Shown {
  readonly open: react.OpenDocument | null
  readonly text: unknown
  readonly saved: boolean
  readonly draft: react.Draft | null
  readonly undo: react.Undo
  readonly chapter: react.OpenDocument | null
  readonly others: number
}

test('D1, D3: with Yjs 14, React, Vue and Svelte show and save what is typed, drafted and taken back, subdocuments too, and a copy on the device is there without a server', async (t) => {
  const with14 = await bundled
  const { server } = await startLocalServer()
  t.after(() => server.close())
  const persistence = with14.indexedDbPersistence({ prefix: 'yjs-14:' })
  const options = { logger: silentLogger, persistence, backoff: { baseMs: 20, capMs: 100 } }
  const bodyOf = (doc: Y.Doc | undefined) => (doc as unknown as Y14.Doc | undefined)?.get('body') as unknown as Y.Text | undefined
  const now: Record<string, Shown> = {}

  const React14 = (): ReactNode => {
    const { useDocument, useDraft, useOthers, useStatus, useSubdocument, useUndo, useY } = with14.react
    const open = useDocument('frameworks')
    const text = useY(bodyOf(open?.doc), (body) => body.toString())
    const [{ saved }, draft, undo] = [useStatus(open), useDraft(open), useUndo(open)]
    const chapter = useSubdocument(open, 'one')
    now['react'] = { open, text, saved, draft, undo, chapter, others: useOthers(open).length }
    return null
  }
  const root = createRoot(document.createElement('main'))
  root.render(h(with14.react.WeftProvider, { url: server.url, options }, h(React14)))

  const app = createApp({
    setup: () => {
      const { useDocument, useDraft, useOthers, useStatus, useSubdocument, useUndo, useY } = with14.vue
      const open = useDocument('frameworks', { persistence: null })
      const text = useY(
        () => bodyOf(open.value?.doc),
        (body) => body.toString(),
      )
      const [status, draft, undo, chapter, others] = [
        useStatus(open),
        useDraft(open),
        useUndo(open),
        useSubdocument(open, 'one'),
        useOthers(open),
      ]
      return () => {
        const values = { open: open.value, text: text.value, saved: status.value.saved, draft: draft.value }
        now['vue'] = { ...values, undo: undo.value, chapter: chapter.value, others: others.value.length }
        return null
      }
    },
  })
  app.use(with14.vue.createWeft({ url: server.url, options })).mount(document.createElement('main'))

  const weft = with14.svelte.createWeft({ url: server.url, options: { ...options, persistence: null } })
  const note = weft.document('frameworks')
  const { draft, others, status, undo, y } = with14.svelte
  const follow = <Value>(name: keyof Shown, store: svelte.Readable<Value>, read: (value: Value) => unknown = (value) => value) =>
    store.subscribe((value) => {
      now['svelte'] = { ...now['svelte'], [name]: read(value) } as Shown
    })
  const textOf = y(
    note,
    (doc) => bodyOf(doc) as Y.Text,
    (body) => body.toString(),
  )
  const stops = [
    follow('open', note),
    follow('text', textOf),
    follow('saved', status(note), ({ saved }) => saved),
    follow('draft', draft(note)),
    follow('undo', undo(note)),
    follow('chapter', weft.subdocument(note, 'one')),
    follow('others', others(note), ({ length }) => length),
  ]
  const frameworks = ['react', 'vue', 'svelte'] as const
  const all = (holds: (shown: Shown) => boolean): Promise<void> =>
    eventually('it is shown everywhere', () => frameworks.every((framework) => now[framework] !== undefined && holds(now[framework])))
  const of = (framework: string): Shown => now[framework] ?? assert.fail(framework)
  t.after(async () => {
    root.unmount()
    app.unmount()
    for (const stop of stops) stop()
    weft.close()
    await server.close()
  })

  await all(({ open, saved, draft: trial }) => open !== null && saved && trial !== null)
  for (const framework of frameworks) bodyOf(of(framework).open?.doc)?.insert(0, `${framework} `)
  await all(({ text, saved }) => saved && frameworks.every((framework) => String(text).includes(framework)))
  await all(({ others: count }) => count === 2)
  for (const framework of frameworks) {
    bodyOf(of(framework).draft?.doc)?.insert(0, `drafted in ${framework} `)
    of(framework).draft?.merge()
  }
  await all(({ text, saved }) => saved && frameworks.every((framework) => String(text).includes(`drafted in ${framework}`)))
  for (const framework of frameworks) assert.equal(of(framework).undo.undo(), true, framework)
  await all(({ text, saved }) => saved && !String(text).includes('drafted'))

  const chapters = (of('react').open?.doc as unknown as Y14.Doc | undefined)?.get('chapters')
  chapters?.setAttr('first', new with14.Y.Doc({ guid: 'one' }))
  await all(({ chapter }) => chapter !== null)
  bodyOf(of('svelte').chapter?.doc)?.insert(0, 'Once')
  await all(({ chapter }) => bodyOf(chapter?.doc)?.toString() === 'Once')

  // The copy that React's document has on this device.
  const offline = with14.connect('ws://127.0.0.1:9', { ...options })
  const copy = new with14.Y.Doc()
  const session = offline.open('frameworks', copy as unknown as Y.Doc)
  await session.loaded
  assert.equal(copy.get('body').toString(), of('react').text)
  await offline.close()
})
