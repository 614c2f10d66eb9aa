// The packed package with Vue, the one that is out and the oldest that it promises to work with: rendered on a server from both module forms, and bundled for a
// page with one copy of Vue, of Yjs and of the client.
import { strict as assert } from 'node:assert'
import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { launchBrowser } from '../helpers/browser.js'
import { type InstalledPackage, withInstalledPackage } from '../helpers/packed-package.js'
import { repositoryRoot } from '../helpers/repository.js'

const run = promisify(execFile)

/** A page that types into a document, and tells in its title when that is saved. */
const vuePage = `
  import { createApp, h, watch } from 'vue'
  import * as Y from 'yjs'
  import { WeftError } from 'weft-sync/client'
  import { createWeft, useDocument, useStatus, useY } from 'weft-sync/vue'
  const Page = {
    setup() {
      const document = useDocument('with-vue')
      const state = useStatus(document)
      const text = useY(() => document.value?.doc.getText('body'), (body) => body.toString())
      watch(() => state.value.synced, (synced) => {
        if (synced && document.value.doc instanceof Y.Doc && WeftError) document.value.doc.getText('body').insert(0, 'composables')
      })
      watch([() => state.value.saved, text], ([saved, shown]) => {
        if (saved && shown !== '') globalThis.document.title = 'saved: ' + shown
      })
      return () => h('p', text.value)
    },
  }
  createApp(Page).use(createWeft({ url: '/' })).mount('main')
`

/** Renders as a server does, in CommonJS and as ES modules. */
const rendering = `
  const Page = {
    setup() {
      const document = useDocument('a')
      const state = useStatus(document)
      return () => h('p', String(document.value) + ' ' + state.value.saved)
    },
  }
  renderToString(createSSRApp(Page).use(createWeft({ url: '/' }))).then(console.log)
`
const renderedBy = {
  'render.cjs': `
    const { createSSRApp, h } = require('vue')
    const { renderToString } = require('vue/server-renderer')
    const { createWeft, useDocument, useStatus } = require('weft-sync/vue')
    ${rendering}`,
  'render.js': `
    import { createSSRApp, h } from 'vue'
    import { renderToString } from 'vue/server-renderer'
    import { createWeft, useDocument, useStatus } from 'weft-sync/vue'
    ${rendering}`,
}

async function useWithVue({ project, npm }: InstalledPackage, version: string): Promise<void> {
  await npm(['install', '--prefer-offline', '--no-audit', '--no-fund', `vue@${version}`])
  const installed: { readonly version: string } = JSON.parse(await readFile(join(project, 'node_modules/vue/package.json'), 'utf8'))
  assert.ok(installed.version.startsWith(version), installed.version)
  for (const [file, code] of Object.entries(renderedBy)) {
    await writeFile(join(project, file), code)
    const { stdout, stderr } = await run(process.execPath, [file], { cwd: project, timeout: 180_000 })
    // Without a warning of Vue or Yjs, and it ends by itself: nothing was opened.
    assert.deepEqual([stdout, stderr], ['<p>null false</p>\n', ''], file)
  }

  const page = join(project, `vue-${version}`)
  await mkdir(page)
  const html = '<!doctype html><title>loading</title><link rel="icon" href="data:," /><main></main><script src="main.js"></script>'
  await writeFile(join(page, 'index.html'), html)
  const { metafile } = await build({
    stdin: { contents: vuePage, resolveDir: project },
    outfile: join(page, 'main.js'),
    bundle: true,
    define: { 'process.env.NODE_ENV': '"development"' },
    metafile: true,
    logLevel: 'silent',
  })
  const copies = (file: RegExp): number => Object.keys(metafile.inputs).filter((path) => file.test(path)).length
  assert.equal(copies(/\/node_modules\/yjs\//), 1, 'one copy of Yjs')
  assert.equal(copies(/\/@vue\/runtime-core\//), 1, 'one copy of Vue')
  assert.equal(copies(/\/weft-sync\/.*\/connection\.js$/), 1, 'one copy of the client')

  const { createServer } = (await import(
    join(project, 'node_modules/weft-sync/dist/server/index.js')
  )) as typeof import('../../server/index.js')
  const server = await createServer({ dataDir: join(project, `data-${version}`), demo: page })
  const browser = await launchBrowser()
  try {
    await server.listen(0)
    const tab = await browser.newPage()
    const errors: string[] = []
    tab.on('pageerror', (error) => void errors.push(String(error)))
    tab.on('console', (message) => void (/error|warning/.test(message.type()) && errors.push(message.text())))
    await tab.goto(server.url)
    await tab.waitForFunction(() => document.title !== 'loading')
    assert.equal(await tab.title(), 'saved: composables')
    assert.deepEqual(
      errors.filter((text) => !text.includes('__VUE_')),
      [],
      'besides what Vue says of flags that the bundler does not set',
    )
  } finally {
    await browser.close()
    await server.close()
  }
}

/** The scripts of the Vue examples in the documentation are compiled by TypeScript, and their templates by Vue. */
async function compileDocumentation({ project }: InstalledPackage): Promise<void> {
  const guide = await readFile(join(repositoryRoot, 'docs/client.md'), 'utf8')
  const components = [...guide.matchAll(/^```vue\n(.*?)^```$/gms)].map((match) => match[1] ?? '')
  assert.equal(components.length, 1)
  const folder = join(project, 'documentation')
  await mkdir(folder)
  const compiler = createRequire(join(project, 'package.json'))('vue/compiler-sfc')
  for (const [index, source] of components.entries()) {
    const { descriptor, errors } = compiler.parse(source)
    assert.deepEqual(errors, [])
    // Inside of the function that Vue makes of both, the template sees what the script declares.
    const { content } = compiler.compileScript(descriptor, { id: 'documentation', inlineTemplate: true })
    await writeFile(join(folder, `component-${index}.ts`), content)
  }
  const options = {
    strict: true,
    noEmit: true,
    target: 'es2022',
    module: 'nodenext',
    lib: ['es2023', 'dom'],
    types: [],
    skipLibCheck: true,
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...options, noImplicitAny: false } }))
  const tsc = join(project, 'node_modules', 'typescript', 'bin', 'tsc')
  const { stdout } = await run(process.execPath, [tsc, '-p', folder], { timeout: 180_000 }).catch((failed: { stdout: string }) => failed)
  assert.equal(stdout, '')
}

test('the packed package with Vue, rendered on a server and in Chromium, has one copy of Vue, Yjs and the client', (context) =>
  withInstalledPackage(
    async (installed) => {
      for (const version of ['3.5', '3.4']) await context.test(`Vue ${version}`, () => useWithVue(installed, version))
      await context.test('the example in the documentation compiles', () => compileDocumentation(installed))
    },
    ['typescript@5.9'],
  ))
