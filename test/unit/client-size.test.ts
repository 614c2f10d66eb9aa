// How large the client is in an application: what a bundler makes of it, without Yjs, which the application has anyhow, and without what is loaded on demand
// only (y-indexeddb, where an application keeps documents on the device).
import { strict as assert } from 'node:assert'
import { basename } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, type Metafile } from 'esbuild'

const KB_MAX = 25

test(`the client is at most ${KB_MAX} KB, minified and gzipped, without Yjs`, async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [fileURLToPath(new URL('../../client/index.js', import.meta.url))],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    external: ['yjs'],
    splitting: true,
    outdir: 'bundle',
    metafile: true,
    write: false,
  })
  const loaded = loadedAtOnce(metafile.outputs)
  const files = outputFiles.filter(({ path }) => loaded.has(basename(path)))
  assert.ok(files.length > 0 && files.length < outputFiles.length, 'what is loaded on demand is in a file of its own')
  const kb = files.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0) / 1000
  assert.ok(kb > 5, 'all of it is in the bundle')
  assert.ok(kb <= KB_MAX, `it is ${kb.toFixed(1)} KB`)
})

/** The names of the entry's file and of all that it imports as soon as it is loaded. */
function loadedAtOnce(outputs: Metafile['outputs']): ReadonlySet<string> {
  const names = new Set<string>()
  const add = (path: string): void => {
    if (names.has(basename(path))) return
    names.add(basename(path))
    for (const { path: imported, kind, external } of outputs[path]?.imports ?? [])
      if (kind === 'import-statement' && external !== true) add(imported)
  }
  for (const [path, { entryPoint }] of Object.entries(outputs)) if (entryPoint?.endsWith('client/index.js')) add(path)
  return names
}
