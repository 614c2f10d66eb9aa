// Native modules are loaded only by those who use them, and a system that has no build of one still gets a server, or one sentence that says what to do.
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ServerProcess } from '../helpers/server-process.js'

const dist = (file: string): string => new URL(`../../${file}`, import.meta.url).href
const mainFile = fileURLToPath(dist('weft/main.js'))
const withoutPackages = dist('test/helpers/without-packages.js')

/** Runs a module of this text; answers what it printed. */
function run(text: string): string {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '--eval', text], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return stdout
}

const listNative = `console.log(JSON.stringify(process.report.getReport().sharedObjects.filter((file) => file.endsWith('.node'))))`

test('the client, the server and the stores are imported, and a server runs on a store of its own, without a native module', () => {
  const output = run(`
    await import('${dist('client/index.js')}')
    const { createServer } = await import('${dist('server/index.js')}')
    const { MemoryStore } = await import('${dist('persistence/index.js')}')
    const { systemClock } = await import('${dist('core/clock.js')}')
    const server = await createServer({ store: new MemoryStore({ clock: systemClock }), demo: false })
    await server.listen(0)
    await server.close()
    ${listNative}
  `)
  assert.deepEqual(JSON.parse(output), [])
})

test('the native modules of the embedded store are seen by this test when they are loaded', () => {
  const loaded: string[] = JSON.parse(run(`await import('${dist('persistence/lmdb/lmdb-store.js')}'); ${listNative}`))
  assert.ok(loaded.some((file) => file.includes('lmdb')))
})

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'weft-native-'))
  try {
    await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A start that is expected to fail. */
function refused(folder: string, environment: Readonly<Record<string, string>>): string {
  const { stderr, status, signal } = spawnSync(
    process.execPath,
    ['--import', withoutPackages, mainFile, 'serve', '--port', '0', '--data', folder, '--log-level', 'silent'],
    { encoding: 'utf8', env: { ...process.env, ...environment }, timeout: 180_000 },
  )
  assert.equal(signal, null)
  assert.notEqual(status, 0)
  return stderr
}

test('O6: where the package that locks the folder has no build (Alpine), the folder is locked all the same, and free after kill -9', () =>
  withFolder(async (folder) => {
    const environment = { WITHOUT_PACKAGES: 'fs-native-extensions' }
    const start = () => ServerProcess.start({ dataFolder: folder, environment, nodeFlags: ['--import', withoutPackages] })
    const first = await start()
    try {
      assert.match(refused(folder, environment), /^weft: The data folder .* is in use by process \d+; two servers cannot share one\.\n$/)
      await first.kill()
      const second = await start()
      await second.dispose()
    } finally {
      await first.dispose()
    }
  }))

test('O6: a server with a native lock and one without, on one folder, keep each other out', () =>
  withFolder(async (folder) => {
    const [native, without] = [{}, { WITHOUT_PACKAGES: 'fs-native-extensions' }]
    for (const [first, second] of [
      [native, without],
      [without, native],
    ] as const) {
      const server = await ServerProcess.start({ dataFolder: folder, environment: first, nodeFlags: ['--import', withoutPackages] })
      try {
        assert.match(refused(folder, second), /is in use by process \d+/)
      } finally {
        await server.dispose()
      }
    }
  }))

test('G5: a system on which the folder cannot be locked is told so in one sentence, and what helps', () =>
  withFolder(async (folder) => {
    const words = refused(folder, { WITHOUT_PACKAGES: 'fs-native-extensions', PATH: '/nowhere' })
    assert.match(words, /^weft: The data folder .* cannot be locked .* Install flock .*\n$/)
  }))

test('G5: a system on which LMDB does not run is told so in one sentence, and what helps', () =>
  withFolder(async (folder) => {
    assert.match(
      refused(folder, { WITHOUT_PACKAGES: 'lmdb' }),
      /^weft: The embedded store does not run on this system .* --database-url\.\n$/,
    )
  }))
