// The one test command: format, lint, import rules, types, unused code, then every test. `npm test -- unit awareness` runs only the tests whose
// path holds one of the words, and skips the checks.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from './build.mjs'
import { ensureChromium, ensureProxies, ensureRedis } from './components.mjs'
import { ensureRuntimes } from './runtimes.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const words = process.argv.slice(2)
const bin = (name) => path.join(root, 'node_modules', '.bin', name)

function run(title, command, args, env = process.env) {
  console.log(`\n== ${title}`)
  const startedMs = performance.now()
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env })
  if (error) console.error(error.message)
  console.log(`== ${title}: ${status === 0 ? 'passed' : 'FAILED'} after ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
  return status === 0
}

function testFiles(folder) {
  const start = path.join(root, 'dist', 'test', folder)
  if (!fs.existsSync(start)) return []
  return fs
    .readdirSync(start, { recursive: true })
    .map((name) => path.join('dist', 'test', folder, name))
    .filter((file) => file.endsWith('.test.js') && (words.length === 0 || words.some((word) => file.includes(word))))
    .sort()
}

/** Runs the test files of some folders in a process each, at most `concurrency` at a time: most of their time many of them wait. */
function runTests(title, folders, concurrency, env) {
  const files = folders.flatMap(testFiles)
  if (files.length === 0) return true
  const args = ['--enable-source-maps', '--test', `--test-concurrency=${concurrency}`, '--test-timeout=400000', '--test-reporter=spec']
  return run(title, process.execPath, [...args, ...files], env)
}

if (words.length === 0) {
  const checks = [
    run('format, lint and import rules', bin('biome'), ['ci', '--error-on-warnings', '.']),
    run('unused code', bin('knip'), []),
  ]
  if (checks.includes(false)) process.exit(1)
}

console.log('\n== types and build')
await build({ ifStale: words.length > 0 })
const env = { ...process.env, WEFT_TEST_CHROMIUM: ensureChromium(), ...ensureRedis(), ...ensureProxies(), ...ensureRuntimes() }

const results = [
  runTests('unit, contract, simulation', ['unit', 'contract', 'simulation'], 2, env),
  runTests('integration, fault', ['integration', 'fault'], 3, env),
  runTests('browser', ['browser'], 2, env),
]
process.exit(results.includes(false) ? 1 : 0)
