// Bundles the pages that the server serves, the demo and the admin page: one script, one stylesheet, the page and its icon each, all with plain names, and the
// licences of what is in them.
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { licencesOf } from './bundled-licenses.mjs'

/** Two copies of Yjs in one page break each other's `instanceof` checks, in ways that show up much later. */
function assertOneYjs(metafile) {
  const copies = Object.keys(metafile.inputs).filter((path) => /(^|\/)node_modules\/yjs\/(dist|src)\//.test(path))
  if (copies.length !== 1) throw new Error(`The demo must contain exactly one copy of Yjs; it has ${copies.length}: ${copies.join(', ')}`)
}

const LICENCES = 'licenses.txt'
const note = `/* The terms of the packages in this file: ${LICENCES} */`

async function bundle(title, source, entries, copied, outDir) {
  await mkdir(outDir, { recursive: true })
  const { metafile } = await build({
    entryPoints: entries.map((entry) => join(source, entry)),
    outdir: outDir,
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['es2023', 'chrome123', 'firefox121', 'safari17.5'],
    legalComments: 'none',
    banner: { js: note, css: note },
    metafile: true,
    logLevel: 'warning',
  })
  for (const file of copied) await cp(join(source, file), join(outDir, file))
  await writeFile(join(outDir, LICENCES), await licencesOf(metafile, title))
  return metafile
}

/** Writes the demo into `outDir` (a folder that is made if it is missing). */
export async function buildDemo(outDir) {
  const source = fileURLToPath(new URL('../examples/demo/', import.meta.url))
  assertOneYjs(await bundle('the demo', source, ['main.ts', 'service-worker.ts', 'style.css'], ['index.html', 'icon.svg'], outDir))
}

/** Writes the admin page into `outDir`. */
export async function buildAdminPage(outDir) {
  const source = fileURLToPath(new URL('../admin-page/', import.meta.url))
  await bundle('the admin page', source, ['main.tsx', 'style.css'], ['index.html', 'icon.svg'], outDir)
}
