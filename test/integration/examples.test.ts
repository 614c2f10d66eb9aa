// The small example programs run as they are, against a server, and see each other's text.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ServerProcess } from '../helpers/server-process.js'

const run = promisify(execFile)

async function example(name: string, ...args: string[]): Promise<string> {
  const file = fileURLToPath(new URL(`../../examples/${name}.js`, import.meta.url))
  const { stdout } = await run(process.execPath, [file, ...args], { timeout: 20_000 })
  return stdout
}

test('D1: the examples type into one document, each sees what the ones before it left, and both end by themselves', async () => {
  const server = await ServerProcess.start()
  try {
    const first = await example('node-client', server.webSocketUrl, 'notes/examples')
    assert.match(first, /^Hello from process \d+\.\n/)
    const second = await example('stock-y-websocket', server.webSocketUrl, 'notes/examples')
    assert.match(second, /^Hello from process \d+\.\nHello from y-websocket in process \d+\.\n/)
    // Saved, by the client that can tell: it survives the server.
    await server.kill()
    await server.restart()
    const third = await example('node-client', server.webSocketUrl, 'notes/examples')
    assert.match(third, /^Hello from process \d+\.\n/)
    assert.ok(third.startsWith(first.trimEnd()), 'what the first program saved is still there')
  } finally {
    await server.dispose()
  }
})
