// Bundles the example and serves it with a Weft server: `node examples/vue-editor/start.mjs [port] [data folder]`, after `npm run build`. The page around it,
// its look and who people are, are those of the React example.
import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { createServer } from 'weft-sync/server'

const [port = '1234', dataDir = './data'] = process.argv.slice(2)
const here = fileURLToPath(new URL('.', import.meta.url))
const around = fileURLToPath(new URL('../react-editor', import.meta.url))
const page = fileURLToPath(new URL('../../build/vue-editor', import.meta.url))

await mkdir(page, { recursive: true })
await build({
  entryPoints: [join(here, 'main.ts'), join(around, 'style.css')],
  outdir: page,
  entryNames: '[name]',
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  define: {
    'process.env.NODE_ENV': JSON.stringify(process.env.NODE_ENV ?? 'production'),
    __VUE_OPTIONS_API__: 'false',
    __VUE_PROD_DEVTOOLS__: 'false',
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
  },
  logLevel: 'warning',
})
await cp(join(around, 'index.html'), join(page, 'index.html'))

const server = await createServer({ dataDir, demo: page })
await server.listen(Number(port))
console.log(`Weft listens on ${server.url}`)
process.once('SIGTERM', () => server.close())
