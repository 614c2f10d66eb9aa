// How large the client is in an application: what a bundler makes of it, without Yjs, which the application has anyhow.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const KB_MAX = 25

test(`the client is at most ${KB_MAX} KB, minified and gzipped, without Yjs`, async () => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../../client/index.js', import.meta.url))],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    external: ['yjs'],
    write: false,
  })
  const [file] = outputFiles
  assert.ok(file !== undefined)
  const kb = gzipSync(file.contents).length / 1000
  assert.ok(kb > 5, 'all of it is in the bundle')
  assert.ok(kb <= KB_MAX, `it is ${kb.toFixed(1)} KB`)
})
