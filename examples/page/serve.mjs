// Bundles an example that has this page around it into build/ and serves it with a Weft server. Its start.mjs calls this; its `main.ts` and `style.css` become
// the page's script and look.
import { cp, mkdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { createServer } from 'weft-sync/server'

/** `folder`: the URL of the example's folder. `options`: what esbuild needs to know besides. The command line has the port and the data folder. */
export async function serveExample(folder, options = {}) {
  const [port = '1234', dataDir = './data'] = process.argv.slice(2)
  const example = fileURLToPath(folder)
  const page = join(fileURLToPath(new URL('../../build', import.meta.url)), basename(example))

  await mkdir(page, { recursive: true })
  await build({
    entryPoints: { main: join(example, 'main.ts'), style: join(example, 'style.css') },
    outdir: page,
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['es2022', 'chrome123', 'firefox121', 'safari17.5'],
    logLevel: 'warning',
    ...options,
  })
  await cp(fileURLToPath(new URL('index.html', import.meta.url)), join(page, 'index.html'))

  const server = await createServer({ dataDir, demo: page })
  await server.listen(Number(port))
  console.log(`Weft listens on ${server.url}`)
  process.once('SIGTERM', () => server.close())
}
