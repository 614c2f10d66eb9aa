// Builds everything into dist/: the compiled TypeScript, its CommonJS form, the program `weft`, the demo and the admin page. `--if-stale` does nothing when dist/ is newer than every source.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const outDir = path.join(root, 'dist')
const stamp = path.join(outDir, '.built')
const sourceFolders = ['core', 'protocol', 'persistence', 'server', 'client', 'admin-page', 'examples', 'bench', 'test', 'scripts']
const sourceFiles = ['package.json', 'package-lock.json', 'tsconfig.json']

function newestChangeMs(entry) {
  const stat = fs.statSync(entry, { throwIfNoEntry: false })
  if (stat === undefined) return 0
  if (!stat.isDirectory()) return stat.mtimeMs
  // A folder's own time counts too: it changes when a file in it is removed.
  return Math.max(stat.mtimeMs, ...fs.readdirSync(entry).map((name) => newestChangeMs(path.join(entry, name))))
}

function isFresh() {
  const builtMs = fs.statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0
  return [...sourceFolders, ...sourceFiles].every((name) => newestChangeMs(path.join(root, name)) < builtMs)
}

function compile() {
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  if (!fs.existsSync(tsc)) {
    console.error('The TypeScript compiler is not installed. Run `npm ci` (without --omit=dev) first.')
    process.exit(1)
  }
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.json'], { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

/** Builds unless `ifStale` is set and nothing changed. */
export async function build({ ifStale = false } = {}) {
  if (ifStale && isFresh()) return
  fs.rmSync(outDir, { recursive: true, force: true })
  compile()
  const [{ buildCommonJs }, { buildCommand }, { buildDemo, buildAdminPage }] = await Promise.all([
    import('./build-commonjs.mjs'),
    import('./build-command.mjs'),
    import('./build-pages.mjs'),
  ])
  await buildCommonJs(outDir)
  await buildCommand(outDir)
  await buildDemo(path.join(outDir, 'demo'))
  await buildAdminPage(path.join(outDir, 'admin'))
  fs.writeFileSync(stamp, '')
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await build({ ifStale: process.argv.includes('--if-stale') })
