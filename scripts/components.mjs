// The programs that the tests need beside Node: a Chromium and a Redis. Finds what is there, installs what is missing where that is possible,
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

/** Installs a Debian or Ubuntu package. False where that is not possible: another system, no root, no network. */
function aptInstall(packageName) {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version') || onPath(['apt-get']) === null) return false
  console.log(`Installing ${packageName} with apt-get; this happens once.`)
  const options = { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
  spawnSync('apt-get', ['update', '-q'], options)
  return spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', packageName], options).status === 0
}

const chromiumNames = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const chromiumPlaces = [
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
]

/** The path of a Chromium or Chrome. Throws an Error that says how to get one. */
export function ensureChromium() {
  const named = process.env.WEFT_CHROMIUM
  if (named) {
    if (existsSync(named)) return named
    throw new Error(`WEFT_CHROMIUM names ${named}, which does not exist.`)
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
      'or set WEFT_CHROMIUM to the path of its executable.',
  )
}

/**
 * How tests get a Redis, as environment variables: TEST_REDIS_URL (one that runs already), WEFT_REDIS_SERVER (an executable to start) or
 * WEFT_REDIS_IMAGE (a Docker image to start). Throws an Error that says how to get one.
 */
export function ensureRedis() {
  const url = process.env.TEST_REDIS_URL
  if (url) return { TEST_REDIS_URL: url }
  const names = ['redis-server', 'valkey-server']
  const found = onPath(names)
  if (found !== null) return { WEFT_REDIS_SERVER: found }
  if (aptInstall('redis-server')) {
    const installed = onPath(names)
    if (installed !== null) return { WEFT_REDIS_SERVER: installed }
  }
  if (onPath(['docker']) !== null && runs('docker', ['info'])) return { WEFT_REDIS_IMAGE: 'redis:7-alpine' }
  throw new Error(
    'The tests need Redis or Valkey. Install one (Debian: `apt-get install redis-server`, macOS: `brew install redis`), start Docker, ' +
      'or set TEST_REDIS_URL to one that is running and may be written to.',
  )
}
