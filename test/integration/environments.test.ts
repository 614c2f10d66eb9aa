// The environments that docs/client.md names, each for real: other versions of Node for server and client, Bun and Deno for the client. What a page in a
// browser needs is shown by the tests of the demo, which is bundled; CommonJS by those of the package.
import { strict as assert } from 'node:assert'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { repositoryRoot } from '../helpers/repository.js'

const run = promisify(execFile)

const esModule = join('dist', 'test', 'helpers', 'environment-client.js')
const commonJs = `
  const Y = require('yjs')
  const { connect } = require('./dist/commonjs/client/index.js')
  const [url, documentId, word] = process.argv.slice(1)
  const doc = new Y.Doc()
  const connection = connect(url)
  const session = connection.open(documentId, doc)
  session.synced.then(async () => {
    const text = doc.getText('body')
    text.insert(text.length, word)
    await session.saved()
    console.log(JSON.stringify({ state: session.status.state, text: text.toString() }))
    await connection.close()
  })`

/** A program that `npm test` has fetched. */
function program(variable: string): string {
  const found = process.env[variable]
  assert.ok(found, `${variable} is set by the test command`)
  return found
}

interface RunningServer {
  readonly url: string
  readonly pid: number
  kill(): Promise<void>
}

async function startServer(node: string, dataFolder: string, env: NodeJS.ProcessEnv = process.env): Promise<RunningServer> {
  const main = join('dist', 'weft', 'main.js')
  const child = spawn(node, [main, 'serve', '--port', '0', '--data', dataFolder, '--no-demo', '--log-level', 'silent'], {
    cwd: repositoryRoot,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  for await (const line of createInterface(child.stdout)) {
    const url = /(http:\/\/\S+)/.exec(line)?.[1]
    if (url !== undefined) return { url, pid: child.pid ?? 0, kill }
  }
  throw new Error('The server ended before it listened.')
}

async function withServer(node: string, dataFolder: string, use: (url: string) => Promise<void>): Promise<void> {
  const server = await startServer(node, dataFolder)
  try {
    await use(server.url)
  } finally {
    await server.kill()
  }
}

/** What the process sees of the C library's allocator in its environment. */
async function allocatorOf(pid: number): Promise<readonly string[]> {
  const environment = await readFile(`/proc/${pid}/environ`, 'utf8')
  return environment.split('\0').filter((line) => line.startsWith('MALLOC_'))
}

async function client(command: string, args: readonly string[]): Promise<unknown> {
  const { stdout } = await run(command, [...args], { cwd: repositoryRoot, timeout: 180_000 })
  return JSON.parse(stdout)
}

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-environment-'))
  try {
    await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

for (const [name, variable] of [
  ['Node 22', 'WEFT_TEST_NODE22'],
  ['Node 24', 'WEFT_TEST_NODE24'],
] as const) {
  test(`D3: on ${name}, client and server save an edit that is there after kill -9, in both forms of the package`, () =>
    withFolder(async (folder) => {
      const node = program(variable)
      await withServer(node, folder, async (url) => {
        assert.deepEqual(await client(node, [esModule, url, 'notes', 'one ']), { state: 'saved', text: 'one ' })
        assert.deepEqual(await client(node, ['-e', commonJs, url, 'notes', 'two ']), { state: 'saved', text: 'one two ' })
      })
      await withServer(node, folder, async (url) => {
        assert.deepEqual(await client(node, [esModule, url, 'notes']), { state: 'saved', text: 'one two ' })
      })
    }))
}

test('where Node can start a program again in the same process, a server has freed memory go back to the system, unless its environment says how', () =>
  withFolder(async (folder) => {
    const start = async (node: string, chosen: NodeJS.ProcessEnv) => {
      // Whoever runs the tests may have an allocator of his own choice.
      const rest = Object.entries(process.env).filter(([name]) => !/^(MALLOC_|GLIBC_TUNABLES$|LD_PRELOAD$)/.test(name))
      const server = await startServer(node, folder, { ...Object.fromEntries(rest), ...chosen })
      try {
        return await allocatorOf(server.pid)
      } finally {
        await server.kill()
      }
    }
    const node = program('WEFT_TEST_NODE22')
    const ours = ['MALLOC_MMAP_THRESHOLD_=262144', 'MALLOC_TRIM_THRESHOLD_=131072', 'MALLOC_ARENA_MAX=1']
    assert.deepEqual(await start(node, {}), ours)
    assert.deepEqual(await start(node, { MALLOC_ARENA_MAX: '4' }), ['MALLOC_ARENA_MAX=4'])
  }))

test('the client works on Bun and on Deno', () =>
  withFolder((folder) =>
    withServer(process.execPath, folder, async (url) => {
      assert.deepEqual(await client(program('WEFT_TEST_BUN'), [esModule, url, 'notes', 'bun ']), { state: 'saved', text: 'bun ' })
      const deno = ['run', '--allow-all', '--no-lock', '--node-modules-dir=manual', esModule]
      assert.deepEqual(await client(program('WEFT_TEST_DENO'), [...deno, url, 'notes', 'deno ']), { state: 'saved', text: 'bun deno ' })
    }),
  ))
