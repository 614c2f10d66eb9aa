// Makes the program `weft`: what it loads of the package and of other packages, in a few files instead of a thousand, which halves what a start costs. Programs that
// embed a server get the modules themselves. What has native parts stays outside, and so do Yjs and what comes with it: a package that is to be there once.
import fs from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'
import { licencesOf } from './bundled-licenses.mjs'

const YJS = ['yjs', 'y-protocols', 'lib0']
const NATIVE = ['lmdb', 'fs-native-extensions', 'pg-native', 'better-sqlite3', 'classic-level']
/** Installed by those who use them. */
const OPTIONAL = ['@opentelemetry/api']
/** Its licence is not in the package. */
const UNNAMED = ['standardwebhooks']

/** A module finds what lies beside it (programs that it starts, the demo) where it lay before it was bundled. All files of the bundle are in `outDir`. */
const ownAddress = (outDir) => ({
  name: 'own-address',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]dist[\\/](core|persistence|protocol|server)[\\/].*\.js$/ }, async ({ path: file }) => {
      const source = await fs.promises.readFile(file, 'utf8')
      if (!source.includes('import.meta.url')) return undefined
      const fromBundle = JSON.stringify(path.relative(outDir, file).split(path.sep).join('/'))
      return { contents: source.replaceAll('import.meta.url', `new URL(${fromBundle}, import.meta.url).href`) }
    })
  },
})

/** Reads the compiled package in `distDir`, writes `weft/main.js` below it. */
export async function buildCommand(distDir) {
  const outDir = path.join(distDir, 'weft')
  const { metafile } = await build({
    entryPoints: [path.join(distDir, 'server', 'main.js')],
    outdir: outDir,
    bundle: true,
    // Most commands need little of the server.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: [...YJS, ...NATIVE, ...OPTIONAL, ...UNNAMED],
    plugins: [ownAddress(outDir)],
    // For what is bundled as CommonJS and requires modules of Node.
    banner: { js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);" },
    metafile: true,
    logLevel: 'warning',
  })
  fs.writeFileSync(path.join(outDir, 'licenses.txt'), await licencesOf(metafile, 'the program weft'))
  // There is one program, not two.
  for (const file of ['main.js', 'main.js.map', 'main.d.ts']) fs.rmSync(path.join(distDir, 'server', file), { force: true })
  fs.chmodSync(path.join(outDir, 'main.js'), 0o755)
}
