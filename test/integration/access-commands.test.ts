// The commands about access as subprocesses: against a stopped server's folder and against a running server, with what they print, their failures and exit codes.
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { silentLogger } from '../../core/log.js'
import { createServer } from '../../server/index.js'
import { type CommandEnded, runCommand } from '../helpers/run-command.js'

test('the first key is made on a stopped server; the running one then asks everybody who they are', async (context) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'weft-access-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const dataDir = path.join(folder, 'data')
  const filled = await createServer({ dataDir, demo: false, logger: silentLogger })
  context.after(() => filled.close())
  await filled.close()
  const made = await runCommand(['keys', 'create', 'first', '--documents', '**=admin', '--data', dataDir])
  assert.equal(made.code, 0, made.stderr)
  const token = made.stdout.trim()
  assert.match(token, /^wk_/)
  assert.match(made.stderr, /It is not shown again/)

  const server = await createServer({ dataDir, demo: false, logger: silentLogger })
  context.after(() => server.close())
  context.after(() => server.close())
  await server.listen(0)
  const weft = (args: readonly string[], shown = token): Promise<CommandEnded> =>
    runCommand([...args, '--url', server.url], shown === '' ? {} : { WEFT_TOKEN: shown })
  const json = async (args: readonly string[]): Promise<ReturnType<typeof JSON.parse>> => {
    const { code, stdout, stderr } = await weft([...args, '--json'])
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout)
  }

  for (const shown of ['', 'hunter2', `${token}x`]) {
    const refused = await weft(['documents'], shown)
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /Sign in first|does not know tokens|no such API key/)
    assert.ok(!refused.stderr.includes('hunter2'))
  }
  assert.deepEqual(await json(['documents']), [])

  const reader = await json(['keys', 'create', 'reader', '--documents', 'wiki/**=read', '--user', 'robot', '--for', '90d'])
  assert.equal(reader.user, 'robot')
  assert.equal((await weft(['show', 'notes', '--format', 'text'], reader.secret)).code, 1)
  assert.deepEqual((await json(['keys'])).map(({ name }: { name: string }) => name).sort(), ['first', 'reader'])
  assert.match((await weft(['keys'])).stdout, /robot +reader +wiki\/\*\*=read/)
  assert.equal((await weft(['keys', 'revoke', reader.id])).code, 0)
  assert.equal((await weft(['keys', 'revoke', reader.id])).code, 1)

  const { ticket } = await json(['ticket', 'ada', '--documents', 'notes/*=write'])
  assert.match(ticket, /^wt_/)
  assert.equal((await weft(['revoke', 'user', 'ada', '--for', '30d'])).code, 0)
  assert.deepEqual(
    (await json(['revoke']))
      .map(({ kind, id }: { kind: string; id: string }) => `${kind} ${id}`)
      .filter((one: string) => one.startsWith('user')),
    ['user ada'],
  )
  assert.equal((await weft(['revoke', 'user', 'ada', '--lift'])).code, 0)
  assert.equal((await weft(['revoke', 'user', 'ada', '--lift'])).code, 1)
  assert.deepEqual(await json(['sessions']), [])

  for (const wrong of [
    ['keys', 'create', 'x'],
    ['keys', 'create', '', '--documents', '**=read'],
    ['keys', 'create', 'x', '--documents', '**=owner'],
    ['keys', 'make', 'x'],
    ['keys', 'create', 'x', '--documents', '**=read', '--for', 'long'],
  ])
    assert.equal((await weft(wrong)).code, 2, wrong.join(' '))
  assert.equal((await runCommand(['ticket', 'ada', '--documents', '**=read', '--data', dataDir])).code, 2)
  assert.equal((await weft(['revoke', 'everybody', 'x'])).code, 1)
})
