// The packed package in the forms that applications use it in: server, client and store required in one process, bundled for a page and for Node, built by Vite, and its
// declarations under TypeScript's older resolution. (package-react.test.ts has React, package-vue.test.ts Vue.)
import { strict as assert } from 'node:assert'
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { build, type Metafile } from 'esbuild'
import { build as viteBuild } from 'vite'
import { launchBrowser } from '../helpers/browser.js'
import { type InstalledPackage, withInstalledPackage } from '../helpers/packed-package.js'

const run = promisify(execFile)

/** Server, client, a store and Yjs in one CommonJS process. A tail of 20 rows is compacted, by a thread that the server starts. */
const requiring = `
  const Y = require('yjs')
  const { createServer, WeftError } = require('weft-sync/server')
  const client = require('weft-sync/client')
  const { openLmdbStore, MemoryStore } = require('weft-sync/persistence')
  const clock = { now: () => Date.now(), monotonic: () => performance.now() }

  async function main() {
    const server = await createServer({ dataDir: process.argv[2], tuning: { tailRowsMax: 20 } })
    await server.listen(0)
    const doc = new Y.Doc()
    const connection = client.connect(server.url)
    const session = connection.open('notes', doc)
    await session.synced
    const counted = async () => /^weft_compactions_total (\\d+)/m.exec(await (await fetch(server.url + '/metrics')).text())[1]
    while ((await counted()) === '0') {
      doc.getText('body').insert(0, 'x')
      await session.saved()
    }
    const silent = { debug() {}, info() {}, warn() {}, error() {} }
    const second = await openLmdbStore({ folder: process.argv[2], clock, logger: silent, onFatal() {} }).catch((error) => error)
    console.log(JSON.stringify({
      state: session.status.state,
      demo: (await fetch(server.url)).headers.get('content-type'),
      oneError: WeftError === client.WeftError,
      // Another module of the package threw it.
      second: second instanceof WeftError && second.code,
      memory: new MemoryStore({ clock }).kind,
    }))
    await connection.close()
    await server.close()
  }
  main()
`

/** A page, or a program for Node: appends a word to a document and tells in its title, or on standard output, what is there then. */
const appending = (address: string, word: string, options: string, tell: string): string => `
  import * as Y from 'yjs'
  import { connect } from 'weft-sync/client'
  ${options === '' ? '' : "import { WebSocket } from 'ws'"}
  const doc = new Y.Doc()
  const connection = connect(${address}${options})
  const session = connection.open('bundled', doc)
  const append = async () => {
    await session.synced
    const text = doc.getText('body')
    text.insert(text.length, '${word} ')
    await session.saved()
    ${tell}(session.status.state + ': ' + text.toString())
    await connection.close()
  }
  append()
`

/** What was bundled of a package: the number of its files. */
function filesOf(metafile: Metafile, name: string): number {
  return Object.keys(metafile.inputs).filter((path) => path.includes(`node_modules/${name}/`)).length
}

async function requireAll({ project }: InstalledPackage): Promise<void> {
  await writeFile(join(project, 'all.cjs'), requiring)
  const { stdout, stderr } = await run(process.execPath, ['all.cjs', join(project, 'data')], { cwd: project, timeout: 180_000 })
  // Yjs writes there when a second copy of it is loaded.
  assert.equal(stderr, '')
  assert.deepEqual(JSON.parse(stdout), {
    state: 'saved',
    demo: 'text/html; charset=utf-8',
    oneError: true,
    second: 'data-folder-in-use',
    memory: 'memory',
  })
}

/** The package by its own name says what there is. */
async function importAsAWhole({ project }: InstalledPackage): Promise<void> {
  for (const [file, code] of [
    ['whole.mjs', "import { connect } from 'weft-sync'\nconnect('/')"],
    ['whole.cjs', "require('weft-sync').createServer()"],
  ] as const) {
    await writeFile(join(project, file), code)
    await assert.rejects(
      run(process.execPath, [file], { cwd: project, timeout: 60_000 }),
      /createServer from weft-sync\/server, connect from weft-sync\/client/,
    )
  }
}

async function bundleBoth({ project }: InstalledPackage): Promise<void> {
  const page = join(project, 'page')
  await mkdir(page)
  await writeFile(join(page, 'index.html'), '<!doctype html><title>loading</title><script src="main.js"></script>')
  const bundle = async (code: string, outfile: string, platform: 'browser' | 'node') => {
    const { metafile } = await build({
      stdin: { contents: code, resolveDir: project },
      outfile,
      platform,
      format: platform === 'node' ? 'cjs' : 'iife',
      bundle: true,
      minify: true,
      metafile: true,
      logLevel: 'silent',
    })
    return metafile
  }
  const inPage = await bundle(appending("'/'", 'page', '', 'document.title = '), join(page, 'main.js'), 'browser')
  assert.equal(filesOf(inPage, 'yjs'), 1, 'one copy of Yjs')
  assert.equal(filesOf(inPage, 'ws') + filesOf(inPage, 'weft-sync/dist/(server|persistence)'), 0, 'nothing of the server')
  const inNode = await bundle(appending('process.argv[2]', 'node', ', { WebSocket }', 'console.log'), join(project, 'bundled.cjs'), 'node')
  assert.equal(filesOf(inNode, 'yjs'), 1, 'one copy of Yjs')

  const { createServer } = (await import(
    join(project, 'node_modules/weft-sync/dist/server/index.js')
  )) as typeof import('../../server/index.js')
  const server = await createServer({ dataDir: join(project, 'data'), demo: page })
  const browser = await launchBrowser()
  try {
    await server.listen(0)
    const tab = await browser.newPage()
    await tab.goto(server.url)
    await tab.waitForFunction(() => document.title !== 'loading')
    assert.equal(await tab.title(), 'saved: page')
    const { stdout } = await run('sh', ['-c', `exec "$0" bundled.cjs "$1"`, process.execPath, server.url], {
      cwd: project,
      timeout: 180_000,
    })
    assert.equal(stdout, 'saved: page node \n')
  } finally {
    await browser.close()
    await server.close()
  }
}

/** A page of Vue in TypeScript, whose socket is that of a shared worker: types into a document, and tells in its title when that is saved, and of what kind it is. */
const vitePage = {
  'index.html': '<!doctype html><title>loading</title><main></main><script type="module" src="./main.ts"></script>',
  'main.ts': `
    import { createApp, defineComponent, watchEffect } from 'vue'
    import * as Y from 'yjs'
    import { sharedWebSocket } from 'weft-sync/shared-socket'
    import { createWeft, useDocument, useStatus, useUndo, useY } from 'weft-sync/vue'
    const Page = defineComponent(() => {
      const document = useDocument('built-by-vite')
      const [status, undo] = [useStatus(document), useUndo(document)]
      const text = useY(() => document.value?.doc.getText('body'))
      watchEffect(() => {
        const doc = document.value?.doc
        if (status.value.synced && text.value === '' && doc instanceof Y.Doc) doc.getText('body').insert(0, 'vite')
        if (status.value.saved && undo.value.canUndo) globalThis.document.title = status.value.state + ': ' + text.value
      })
      return () => null
    })
    const worker = () => new SharedWorker(new URL('./socket-worker.ts', import.meta.url), { type: 'module' })
    createApp(Page).use(createWeft({ url: '/', options: { WebSocket: sharedWebSocket(worker) } })).mount('main')
  `,
  'socket-worker.ts': "import 'weft-sync/shared-socket/worker'",
}

async function buildWithVite({ project }: InstalledPackage): Promise<void> {
  const page = join(project, 'vite')
  await mkdir(page)
  for (const [name, content] of Object.entries(vitePage)) await writeFile(join(page, name), content)
  const modules: string[] = []
  await viteBuild({
    root: page,
    configFile: false,
    logLevel: 'error',
    plugins: [{ name: 'modules', moduleParsed: ({ id }) => void modules.push(id) }],
  })
  const copies = (file: RegExp): number => modules.filter((id) => file.test(id)).length
  assert.equal(copies(/\/node_modules\/yjs\//), 1, 'one copy of Yjs')
  assert.equal(copies(/\/weft-sync\/.*\/client\/connection\.js$/), 1, 'one copy of the client')
  assert.equal(copies(/\/node_modules\/(ws|weft-sync\/dist\/(server|persistence))\//), 0, 'nothing of the server')

  const { createServer } = (await import(
    join(project, 'node_modules/weft-sync/dist/server/index.js')
  )) as typeof import('../../server/index.js')
  const server = await createServer({ dataDir: join(project, 'data-vite'), demo: join(page, 'dist') })
  const browser = await launchBrowser()
  try {
    await server.listen(0)
    const tab = await browser.newPage()
    const errors: string[] = []
    tab.on('pageerror', (error) => void errors.push(String(error)))
    await tab.goto(server.url)
    await tab.waitForFunction(() => document.title !== 'loading')
    assert.deepEqual([await tab.title(), errors], ['saved: vite', []])
  } finally {
    await browser.close()
    await server.close()
  }
}

async function compileWithTypeScript5({ project }: InstalledPackage): Promise<void> {
  const code = `
      import { connect, type DocumentSession } from 'weft-sync/client'
      import { createServer, WeftError } from 'weft-sync/server'
      import { openLmdbStore } from 'weft-sync/persistence'
      declare const doc: Parameters<ReturnType<typeof connect>['open']>[1]
      export const session: DocumentSession = connect('/').open('a', doc)
      // @ts-expect-error The declarations were read: there is no such state.
      export const wrong = session.status.state === 'lost'
      export const error: WeftError | null = null
      export const used = [createServer, openLmdbStore]
      import { type Person, useOthers, useStatus, WeftProvider } from 'weft-sync/react'
      export const saved: boolean = useStatus(null).saved
      export const people: readonly Person<number>[] = useOthers(null, () => 1)
      // @ts-expect-error The declarations were read: it is a number.
      export const count: string = useStatus(null).unsaved
      export type Props = Parameters<typeof WeftProvider>[0]
      export const props: Props = { url: '/', children: 'React was found too' }
      // @ts-expect-error Children are what React can show.
      export const wrongProps: Props = { url: '/', children: Symbol() }
      import { createWeft, useDocument, useStatus as useStatusInVue } from 'weft-sync/vue'
      export const plugin = createWeft({ url: '/' })
      export const name: string | undefined = useDocument('a').value?.name
      // @ts-expect-error The declarations were read: it is a number.
      export const countInVue: string = useStatusInVue(null).value.unsaved
      import { createWeft as createStores, status as statusIn } from 'weft-sync/svelte'
      statusIn(createStores({ url: '/' }).document('a')).subscribe(({ unsaved }) => unsaved.toFixed())
      // @ts-expect-error The declarations were read: it is a number.
      statusIn(createStores({ url: '/' }).document('a')).subscribe(({ unsaved }) => unsaved.trim())
      import { createServer as inTheWhole } from 'weft-sync'
      // @ts-expect-error The declarations were read: it is in another part.
      inTheWhole()
      import { type Subdocuments } from 'weft-sync/subdocuments'
      import { sharedWebSocket } from 'weft-sync/shared-socket'
      export const overOneSocket = () => connect('/', { WebSocket: sharedWebSocket(() => new SharedWorker('worker.js')) })
      import { type Tabs } from 'weft-sync/tabs'
      import { type UndoHistory } from 'weft-sync/undo'
      export const further = ({ canUndo }: UndoHistory, { unsaved }: Subdocuments, tabs: Tabs): boolean => canUndo && unsaved.toFixed() === '0' && tabs.close() === undefined
    `
  const common = { strict: true, noEmit: true, target: 'es2022', lib: ['es2023', 'dom'], types: ['node'], skipLibCheck: true }
  for (const [name, options] of [
    ['node10', { module: 'commonjs', moduleResolution: 'node10' }],
    ['node16', { module: 'node16', moduleResolution: 'node16' }],
  ] as const) {
    const folder = join(project, name)
    await mkdir(folder)
    await writeFile(join(folder, 'package.json'), '{ "type": "commonjs" }')
    // Under node16 rules TypeScript takes Yjs itself for an ES module only, which such a project cannot import.
    const yjs = name === 'node16' ? '' : "import * as Y from 'yjs'\nconnect('/').open('b', new Y.Doc()).close()\n"
    await writeFile(join(folder, 'main.ts'), code + yjs)
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...common, ...options } }))
    const compiler = join(project, 'node_modules', 'typescript', 'bin', 'tsc')
    const { stdout } = await run(process.execPath, [compiler, '-p', folder], { timeout: 180_000 }).catch(
      (failed: { stdout: string }) => failed,
    )
    assert.equal(stdout, '', name)
  }
}

test('the packed package, in the forms that applications use it in', (context) =>
  withInstalledPackage(
    async (installed) => {
      await context.test('required in one process, server, client, store and application share one Yjs and one of each class', () =>
        requireAll(installed),
      )
      await context.test('imported or required as a whole, it says which parts there are', () => importAsAWhole(installed))
      await context.test('bundled, the client saves in a page in Chromium and in Node', () => bundleBoth(installed))
      await context.test(
        'built by Vite with Vue and the worker that shares a socket, it saves in a page in Chromium, with one copy of Yjs',
        () => buildWithVite(installed),
      )
      await context.test('TypeScript 5 finds the declarations of CommonJS, under node10 resolution too', () =>
        compileWithTypeScript5(installed),
      )
    },
    ['typescript@5.9', '@types/node@20', '@types/react@19', 'vue@3.5'],
  ))
