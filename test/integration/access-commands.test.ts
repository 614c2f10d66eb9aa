// The commands about access as subprocesses: against a stopped server's folder and against a running server, with what they print, their failures and exit codes.
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { SignJWT } from 'jose'
import { silentLogger } from '../../core/log.js'
import { createServer } from '../../server/index.js'
import { type CommandEnded, runCommand } from '../helpers/run-command.js'
import { ServerProcess } from '../helpers/server-process.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'

test('secrets are changed as docs/operations.md says: what the old one let in is refused, what has nothing to do with it goes on', async (context) => {
  const folder = temporaryFolder(context)
  const files = { admin: path.join(folder, 'admin'), tokens: path.join(folder, 'jwt') }
  const secrets = { admin: 'the-first-key-of-the-operator', tokens: 'the-first-secret-of-the-login-service' }
  const others = { admin: 'another-key-of-the-operator', tokens: 'another-secret-of-the-login-service' }
  const write = (texts: typeof secrets): void => {
    writeFileSync(files.admin, texts.admin)
    writeFileSync(files.tokens, texts.tokens)
  }
  write(secrets)
  const server = await ServerProcess.start({ flags: ['--admin-key-file', files.admin, '--jwt-secret-file', files.tokens] })
  context.after(() => server.dispose())
  const statusWith = async (token: string): Promise<number> =>
    (await fetch(`${server.url}/api/v1/documents/notes/presence`, { headers: { authorization: `Bearer ${token}` } })).status
  const tokenBy = (secret: string): Promise<string> =>
    new SignJWT({ weft: { documents: { notes: 'read' } } })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('ada')
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(secret))
  const weft = (...args: readonly string[]): Promise<CommandEnded> =>
    runCommand([...args, '--url', server.url], { WEFT_TOKEN: secrets.admin })
  const [old, replacement] = await Promise.all(
    ['export', 'export, again'].map(async (name) =>
      JSON.parse((await weft('keys', 'create', name, '--documents', '**=read', '--json')).stdout),
    ),
  )
  assert.equal((await weft('keys', 'revoke', old.id)).code, 0)
  const [oldToken, newToken] = [await tokenBy(secrets.tokens), await tokenBy(others.tokens)]
  const all = (): Promise<readonly number[]> =>
    Promise.all([old.secret, replacement.secret, secrets.admin, others.admin, oldToken, newToken].map(statusWith))
  assert.deepEqual(await all(), [401, 200, 200, 401, 200, 401])
  await server.stop()
  write(others)
  await server.restart()
  assert.deepEqual(await all(), [401, 200, 401, 200, 401, 200])
})

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
    assert.match(refused.stderr, shown === '' ? /Sign in first: .* Give one with --token/ : /does not know tokens|no such API key/)
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
  assert.deepEqual(await json(['sessions', '--close', '--document', 'notes/today']), { closed: 0 })

  for (const wrong of [
    ['keys', 'create', 'x'],
    ['keys', 'create', '', '--documents', '**=read'],
    ['keys', 'create', 'x', '--documents', '**=owner'],
    ['keys', 'make', 'x'],
    ['sessions', '--close'],
    ['keys', 'create', 'x', '--documents', '**=read', '--for', 'long'],
  ])
    assert.equal((await weft(wrong)).code, 2, wrong.join(' '))
  assert.equal((await runCommand(['ticket', 'ada', '--documents', '**=read', '--data', dataDir])).code, 2)
  const everybody = await weft(['revoke', 'everybody', 'x'])
  assert.deepEqual([everybody.code, everybody.stderr], [2, 'weft: weft revoke takes one of: user, token, session; not "everybody".\n'])
})
