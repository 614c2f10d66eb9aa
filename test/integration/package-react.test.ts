// The packed package with React, the one that is out and the one before: rendered on a server from both module forms, and bundled for a page with one copy
// of React, of Yjs and of the client.
import { strict as assert } from 'node:assert'
import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { launchBrowser } from '../helpers/browser.js'
import { type InstalledPackage, withInstalledPackage } from '../helpers/packed-package.js'

const run = promisify(execFile)

/** A page in strict mode: types into a draft of a document and merges it, and tells in its title when that is saved and can be undone. */
const reactPage = `
  import { createElement as h, StrictMode, useEffect } from 'react'
  import { createRoot } from 'react-dom/client'
  import * as Y from 'yjs'
  import { WeftError } from 'weft-sync/client'
  import { useDocument, useDraft, useSelf, useStatus, useUndo, useY, WeftProvider } from 'weft-sync/react'
  function Page() {
    const document = useDocument('with-react')
    const { saved, synced } = useStatus(document)
    const text = useY(document?.doc.getText('body'), (body) => body.toString())
    const [draft, undo, self] = [useDraft(document), useUndo(document), useSelf(document)]
    const tried = draft?.doc
    useEffect(() => {
      if (!synced || !(document.doc instanceof Y.Doc) || !WeftError) return
      tried.getText('body').insert(0, 'hooks')
      draft.merge()
    }, [document, synced, tried])
    useEffect(() => {
      if (saved && undo.canUndo && self !== null) globalThis.document.title = 'saved: ' + text
    }, [saved, text, undo.canUndo, self])
    return null
  }
  createRoot(document.querySelector('main')).render(h(StrictMode, null, h(WeftProvider, { url: '/' }, h(Page))))
`

/** Renders as a server does, in CommonJS and as ES modules. */
const rendering = `
  function Page() {
    const document = useDocument('a')
    return String(document) + ' ' + useStatus(document).saved
  }
  console.log(renderToString(createElement(WeftProvider, { url: '/' }, createElement(Page))))
`
const renderedBy = {
  'render.cjs': `
    const { createElement } = require('react')
    const { renderToString } = require('react-dom/server')
    const { useDocument, useStatus, WeftProvider } = require('weft-sync/react')
    ${rendering}`,
  'render.js': `
    import { createElement } from 'react'
    import { renderToString } from 'react-dom/server'
    import { useDocument, useStatus, WeftProvider } from 'weft-sync/react'
    ${rendering}`,
}

async function useWithReact({ project, npm }: InstalledPackage, version: number): Promise<void> {
  await npm(['install', '--prefer-offline', '--no-audit', '--no-fund', `react@${version}`, `react-dom@${version}`])
  const installed: { readonly version: string } = JSON.parse(await readFile(join(project, 'node_modules/react/package.json'), 'utf8'))
  assert.match(installed.version, new RegExp(`^${version}\\.`))
  for (const [file, code] of Object.entries(renderedBy)) {
    await writeFile(join(project, file), code)
    const { stdout, stderr } = await run(process.execPath, [file], { cwd: project, timeout: 180_000 })
    // Without a warning of React or Yjs, and it ends by itself: nothing was opened.
    assert.deepEqual([stdout, stderr], ['null false\n', ''], file)
  }
  // Frameworks that render on a server keep such modules for the page.
  for (const form of ['', 'commonjs/']) {
    const index = await readFile(join(project, `node_modules/weft-sync/dist/${form}client/react/index.js`), 'utf8')
    assert.match(index, /^("use strict";\n)?['"]use client['"];?\n/, `${form}client/react`)
  }

  const page = join(project, `react-${version}`)
  await mkdir(page)
  await writeFile(
    join(page, 'index.html'),
    '<!doctype html><title>loading</title><link rel="icon" href="data:," /><main></main><script src="main.js"></script>',
  )
  // Strict mode mounts twice in development only.
  const { metafile } = await build({
    stdin: { contents: reactPage, resolveDir: project },
    outfile: join(page, 'main.js'),
    bundle: true,
    define: { 'process.env.NODE_ENV': '"development"' },
    metafile: true,
    logLevel: 'silent',
  })
  const copies = (file: RegExp): number => Object.keys(metafile.inputs).filter((path) => file.test(path)).length
  assert.equal(copies(/\/node_modules\/yjs\//), 1, 'one copy of Yjs')
  assert.equal(copies(/\/react\/cjs\/react\.development\.js$/), 1, 'one copy of React')
  assert.equal(copies(/\/react\/index\.js$/), 2, 'that of React and our own')
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
    tab.on('console', (message) => void (message.type() === 'error' && errors.push(message.text())))
    await tab.goto(server.url)
    await tab.waitForFunction(() => document.title !== 'loading')
    assert.equal(await tab.title(), 'saved: hooks')
    assert.deepEqual(errors, [])
  } finally {
    await browser.close()
    await server.close()
  }
}

test('the packed package with React, rendered on a server and in strict mode in Chromium, has one copy of React, Yjs and the client', (context) =>
  withInstalledPackage(async (installed) => {
    for (const version of [19, 18]) await context.test(`React ${version}`, () => useWithReact(installed, version))
  }))
