// The other runtimes that the package is tried on: Node 22 and 24, Bun, and Deno. Their programs come from npm, into a folder that git ignores.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = new URL('../node_modules/.cache/runtimes/', import.meta.url).pathname
const platform = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
const denoPlatform = {
  'linux-x64': 'linux-x64-glibc',
  'linux-arm64': 'linux-arm64-glibc',
  'darwin-x64': 'darwin-x64',
  'darwin-arm64': 'darwin-arm64',
}[`${process.platform}-${process.arch}`]

/** name: [what to install, the program in it] */
const runtimes = {
  node22: [`node22@npm:node-${platform}@22`, 'node22/bin/node'],
  node24: [`node24@npm:node-${platform}@24`, 'node24/bin/node'],
  bun: [`@oven/bun-${process.platform}-${process.arch === 'arm64' ? 'aarch64' : process.arch}@1`, null],
  deno: [`@deno/${denoPlatform}@2`, null],
}

function programOf(name) {
  const [specifier, program] = runtimes[name]
  const packageName = specifier.slice(0, specifier.indexOf('@', 1))
  const inFolder = program ?? (name === 'bun' ? `${packageName}/bin/bun` : `${packageName}/deno`)
  return join(folder, 'node_modules', inFolder)
}

/** The paths of the programs, as environment variables for the tests: WEFT_TEST_NODE22, WEFT_TEST_NODE24, WEFT_TEST_BUN, WEFT_TEST_DENO. Throws an Error if npm cannot get one. */
export function ensureRuntimes() {
  const missing = Object.keys(runtimes).filter((name) => !existsSync(programOf(name)))
  if (missing.length > 0) {
    console.log(`Fetching ${missing.join(', ')} from npm; this happens once.`)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    const options = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--prefix', folder]
    const all = Object.values(runtimes).map(([specifier]) => specifier)
    const { status } = spawnSync('npm', ['install', ...options, ...all], {
      cwd: folder,
      stdio: 'inherit',
      shell: process.platform === 'win32',
    })
    const still = Object.keys(runtimes).filter((name) => !existsSync(programOf(name)))
    if (status !== 0 || still.length > 0)
      throw new Error(
        `The tests run the package on ${Object.keys(runtimes).join(', ')}; npm could not get ${still.join(', ')} for ${platform}.`,
      )
  }
  return Object.fromEntries(Object.keys(runtimes).map((name) => [`WEFT_TEST_${name.toUpperCase()}`, programOf(name)]))
}
