// Bundles examples that have this page around them into build/ and serves them with a Weft server. Of an example's folder, `main.ts` (or `main.tsx`) and `style.css`
// become the page's script and look, `worker.ts` a worker's script, and `index.html`, if there is one, takes the place of the one here.
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { compile } from 'svelte/compiler'
import { createServer } from 'weft-sync/server'

const builds = fileURLToPath(new URL('../../build', import.meta.url))

/** Serves one example. `folder`: the URL of its folder. The command line has the port and the data folder. */
export async function serveExample(folder) {
  const example = fileURLToPath(folder)
  const page = join(builds, basename(example))
  await bundle(example, page)
  await serve(page)
}

/** Serves several, each at its name, and at / a list of them. `names` are those of folders beside this one. */
export async function serveExamples(names) {
  const pages = join(builds, 'examples')
  await rm(pages, { recursive: true, force: true })
  await Promise.all(names.map((name) => bundle(fileURLToPath(new URL(`../${name}`, import.meta.url)), join(pages, name))))
  const items = names.map((name) => `<li><a href="${name}/index.html">${name}</a></li>`).join('')
  await writeFile(join(pages, 'index.html'), `<!doctype html><html lang="en"><title>Examples</title><ul>${items}</ul></html>`)
  await serve(pages)
}

async function bundle(example, page) {
  const named = (name) => join(example, name)
  await mkdir(page, { recursive: true })
  await build({
    entryPoints: {
      main: existsSync(named('main.tsx')) ? named('main.tsx') : named('main.ts'),
      style: named('style.css'),
      'socket-worker': fileURLToPath(new URL('socket-worker.ts', import.meta.url)),
      ...(existsSync(named('worker.ts')) ? { worker: named('worker.ts') } : {}),
    },
    outdir: page,
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['es2022', 'chrome123', 'firefox121', 'safari17.5'],
    jsx: 'automatic',
    conditions: ['style', 'module'],
    // The font of an editor's icons.
    loader: { '.ttf': 'file' },
    // React and Vue have a smaller form for production.
    define: { 'process.env.NODE_ENV': JSON.stringify(process.env.NODE_ENV ?? 'production') },
    plugins: [svelte],
    logLevel: 'warning',
  })
  const index = existsSync(named('index.html')) ? named('index.html') : fileURLToPath(new URL('index.html', import.meta.url))
  // An editor that brings its look with its code.
  const look = existsSync(join(page, 'main.css')) ? '<link rel="stylesheet" href="main.css" />' : ''
  await writeFile(join(page, 'index.html'), (await readFile(index, 'utf8')).replace('</head>', `${look}</head>`))
}

/** Components of Svelte, whose styles are in the page's. */
const svelte = {
  name: 'svelte',
  setup({ onLoad }) {
    onLoad({ filter: /\.svelte$/ }, async ({ path }) => {
      const { js, warnings } = compile(await readFile(path, 'utf8'), { filename: path, generate: 'client', css: 'external' })
      return { contents: js.code, loader: 'js', warnings: warnings.map(({ message }) => ({ text: message })) }
    })
  },
}

async function serve(demo) {
  const [port = '1234', dataDir = './data'] = process.argv.slice(2)
  const server = await createServer({ dataDir, demo })
  await server.listen(Number(port))
  console.log(`Weft listens on ${server.url}`)
  process.once('SIGTERM', () => server.close())
}
