// Makes what CommonJS programs get from the package: the client as one file, whose `require('yjs')` finds the same copy as the application's, and a copy of
// all declarations that TypeScript reads as those of CommonJS modules. The server needs no second build: Node from 20.19 on requires ES modules as they are.
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'

const folders = ['core', 'protocol', 'persistence', 'server', 'client']

/** Reads the compiled package in `distDir`, writes into `commonjs` below it. */
export async function buildCommonJs(distDir) {
  const outDir = join(distDir, 'commonjs')
  await mkdir(outDir, { recursive: true })
  await writeFile(join(outDir, 'package.json'), `${JSON.stringify({ type: 'commonjs' })}\n`)
  await build({
    entryPoints: [join(distDir, 'client', 'index.js')],
    outfile: join(outDir, 'client', 'index.js'),
    bundle: true,
    packages: 'external',
    format: 'cjs',
    platform: 'node',
    target: 'es2022',
    // An import() would fetch the ES modules of y-indexeddb and ws, and with the first of them another copy of Yjs.
    supported: { 'dynamic-import': false },
    logLevel: 'warning',
  })
  const isDeclaration = (file) => !/\.[a-z]+$/.test(file) || file.endsWith('.d.ts')
  for (const folder of folders)
    await cp(join(distDir, folder), join(outDir, folder), {
      recursive: true,
      filter: (file) => isDeclaration(file.replace(/^.*[\\/]/, '')),
    })
}
