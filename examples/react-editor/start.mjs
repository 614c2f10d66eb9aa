// Bundles the example and serves it with a Weft server: `node examples/react-editor/start.mjs [port] [data folder]`, after `npm run build`.
import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { createServer } from 'weft-sync/server'

const [port = '1234', dataDir = './data'] = process.argv.slice(2)
const here = fileURLToPath(new URL('.', import.meta.url))
const page = fileURLToPath(new URL('../../build/react-editor', import.meta.url))

await mkdir(page, { recursive: true })
await build({
  entryPoints: [join(here, 'main.tsx'), join(here, 'style.css')],
  outdir: page,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  // React has a smaller form for production.
  define: { 'process.env.NODE_ENV': JSON.stringify(process.env.NODE_ENV ?? 'production') },
  logLevel: 'warning',
})
await cp(join(here, 'index.html'), join(page, 'index.html'))

const server = await createServer({ dataDir, demo: page })
await server.listen(Number(port))
console.log(`Weft listens on ${server.url}`)
process.once('SIGTERM', () => server.close())
