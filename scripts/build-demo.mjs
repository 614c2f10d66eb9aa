// Bundles the demo: one script, one stylesheet, the page, its icon and its service worker, all with plain names, ready to be served at `/`.
import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const source = fileURLToPath(new URL('../examples/demo/', import.meta.url))

/** Two copies of Yjs in one page break each other's `instanceof` checks, in ways that show up much later. */
function assertOneYjs(metafile) {
  const copies = Object.keys(metafile.inputs).filter((path) => /(^|\/)node_modules\/yjs\/(dist|src)\//.test(path))
  if (copies.length !== 1) throw new Error(`The demo must contain exactly one copy of Yjs; it has ${copies.length}: ${copies.join(', ')}`)
}

/** Writes the demo into `outDir` (a folder that is made if it is missing). */
export async function buildDemo(outDir) {
  await mkdir(outDir, { recursive: true })
  const { metafile } = await build({
    entryPoints: [join(source, 'main.ts'), join(source, 'service-worker.ts'), join(source, 'style.css')],
    outdir: outDir,
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['es2023', 'chrome123', 'firefox121', 'safari17.5'],
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  })
  assertOneYjs(metafile)
  for (const file of ['index.html', 'icon.svg']) await cp(join(source, file), join(outDir, file))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await buildDemo(process.argv[2] ?? 'dist/demo')
