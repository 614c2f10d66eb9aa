// The programs that the tests need beside Node: a Chromium, a Redis, and the proxies that people put in front of a server. Finds what is there, installs what is missing where that is possible,
// and otherwise says how to get it.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

function onPath(names) {
  for (const name of names) {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      const file = join(folder, name)
      try {
        accessSync(file, constants.X_OK)
        return file
      } catch {
        // Not this one.
      }
    }
  }
  return null
}

function runs(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

let listsAreFresh = false

/** Installs Debian or Ubuntu packages. False where that is not possible: another system, no root, no network. */
function aptInstall(...packageNames) {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version') || onPath(['apt-get']) === null) return false
  console.log(`Installing ${packageNames.join(', ')} with apt-get; this happens once.`)
  const options = { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
  if (!listsAreFresh) spawnSync('apt-get', ['update', '-q'], options)
  listsAreFresh = true
  return spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packageNames], options).status === 0
}

const chromiumNames = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const chromiumPlaces = [
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
]

/** The path of a Chromium or Chrome. Throws an Error that says how to get one. */
export function ensureChromium() {
  const named = process.env.WEFT_TEST_CHROMIUM
  if (named) {
    if (existsSync(named)) return named
    throw new Error(`WEFT_TEST_CHROMIUM names ${named}, which does not exist.`)
  }
  const found = onPath(chromiumNames) ?? chromiumPlaces.find((file) => existsSync(file))
  if (found) return found
  // Ubuntu's `chromium` package only installs a snap, which runs in few containers: believe it when it starts.
  if (aptInstall('chromium')) {
    const installed = onPath(chromiumNames)
    if (installed !== null && runs(installed, ['--version'])) return installed
  }
  throw new Error(
    'The browser tests need Chromium or Google Chrome. Install one (Debian: `apt-get install chromium`, macOS: `brew install --cask chromium`), ' +
      'or set WEFT_TEST_CHROMIUM to the path of its executable.',
  )
}

/**
 * A Redis or Valkey server that the tests can start, kill, empty and start again, as an environment variable for them: WEFT_TEST_REDIS_SERVER, an executable.
 * One that runs already would not do. Throws an Error that says how to get one.
 */
export function ensureRedis() {
  const named = process.env.WEFT_TEST_REDIS_SERVER
  if (named) {
    if (existsSync(named)) return { WEFT_TEST_REDIS_SERVER: named }
    throw new Error(`WEFT_TEST_REDIS_SERVER names ${named}, which does not exist.`)
  }
  const names = ['redis-server', 'valkey-server']
  const found = onPath(names) ?? (aptInstall('redis-server') ? onPath(names) : null)
  if (found !== null) return { WEFT_TEST_REDIS_SERVER: found }
  throw new Error(
    'The tests need the server program of Redis or Valkey, which they start, kill and start again. Install one (Debian: ' +
      '`apt-get install redis-server`, macOS: `brew install redis`), or set WEFT_TEST_REDIS_SERVER to the path of its executable.',
  )
}

/** Where Debian puts a program, and in which package it comes. */
const proxyPrograms = [
  { variable: 'WEFT_TEST_NGINX', program: 'nginx', packageName: 'nginx-light' },
  { variable: 'WEFT_TEST_HAPROXY', program: 'haproxy', packageName: 'haproxy' },
  { variable: 'WEFT_TEST_CADDY', program: 'caddy', packageName: 'caddy' },
  { variable: 'WEFT_TEST_OPENSSL', program: 'openssl', packageName: 'openssl' },
  { variable: 'WEFT_TEST_CURL', program: 'curl', packageName: 'curl' },
]

/**
 * nginx, HAProxy and Caddy, for which there are configurations, and OpenSSL and curl, with which a server behind one is set up: as environment variables for the tests, each the path of an
 * executable. Throws an Error that says how to get them.
 */
export function ensureProxies() {
  // Whoever is not root has the folder of some of them not in the path.
  const find = ({ variable, program }) =>
    process.env[variable] ??
    onPath([program]) ??
    ['/usr/sbin', '/sbin'].map((folder) => join(folder, program)).find((file) => existsSync(file)) ??
    null
  const missing = () => proxyPrograms.filter((one) => find(one) === null)
  if (missing().length > 0) aptInstall(...missing().map(({ packageName }) => packageName))
  const still = missing()
  if (still.length > 0)
    throw new Error(
      `Servers on the internet are tried with ${still.map(({ program }) => program).join(', ')}. Install them (Debian: ` +
        `\`apt-get install ${still.map(({ packageName }) => packageName).join(' ')}\`), or set ${still.map(({ variable }) => variable).join(', ')} to the paths of their executables.`,
    )
  return Object.fromEntries(proxyPrograms.map((one) => [one.variable, find(one)]))
}
