// A backup and its restore, killed at each step: what is under a final name is whole, what is not whole says so and is refused, and nothing is left behind for good.
import { strict as assert } from 'node:assert'
import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import * as Y from 'yjs'
import { systemClock } from '../../core/clock.js'
import { ApiClient, documentPath } from '../helpers/api-client.js'
import { runCommand } from '../helpers/run-command.js'
import { ServerProcess } from '../helpers/server-process.js'
import { eventually } from '../helpers/states.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'
import { StartedCommand } from './started-command.js'

const DOCUMENTS = 8
const TRIES_MAX = 20
const PART = 'weft.mdb.part'

function textOf(document: number): string {
  return `${document} `.repeat(1_200_000)
}

interface Scene {
  readonly server: ServerProcess
  /** Where the server keeps temporary files. */
  readonly temporary: string
  readonly folder: string
}

async function start(context: TestContext): Promise<Scene> {
  const temporary = temporaryFolder(context)
  const server = await ServerProcess.start({ environment: { TMPDIR: temporary } })
  context.after(() => server.dispose())
  const api = new ApiClient(server.url)
  for (let document = 0; document < DOCUMENTS; document++) {
    const doc = new Y.Doc()
    doc.getText('body').insert(0, textOf(document))
    await api.expect('PUT', documentPath(`doc/${document}`), Y.encodeStateAsUpdate(doc))
    doc.destroy()
  }
  return { server, temporary, folder: temporaryFolder(context) }
}

/** A data folder holds all documents, each as it was written. */
async function holdsAll(data: string): Promise<void> {
  const checked = await runCommand(['check', '--data', data])
  assert.match(checked.stdout, new RegExp(`${DOCUMENTS} documents checked, nothing is wrong`), checked.stderr)
  const last = DOCUMENTS - 1
  assert.equal((await runCommand(['show', `doc/${last}`, '--data', data])).stdout, textOf(last))
}

/** No server starts on it, and no command takes it for a store. */
async function isRefused(data: string): Promise<void> {
  await assert.rejects(ServerProcess.start({ dataFolder: data }), /is no whole store/)
  const asked = await runCommand(['documents', '--data', data])
  assert.deepEqual([asked.code, /is no whole store/.test(asked.stderr)], [1, true], asked.stderr)
}

test('a backup of which the server, or the command, is killed in the middle leaves nothing that passes for one, and the next one clears it away', {
  timeout: 180_000,
}, async (context) => {
  const { server, temporary, folder } = await start(context)
  const copies = (): readonly string[] => readdirSync(temporary).filter((name) => name.startsWith('weft-backup-'))
  // While the server makes its copy.
  for (let tries = 1; copies().length === 0; tries++) {
    assert.ok(tries <= TRIES_MAX, 'it was killed while it copied')
    const asked = fetch(`${server.url}/api/v1/backup`).catch(() => null)
    await eventually('it has begun', () => copies().length > 0)
    await server.kill()
    await asked
    await server.restart()
  }
  const target = path.join(folder, 'monday')
  // While the copy comes.
  const proxy = await TcpProxy.start({ host: '127.0.0.1', port: server.port })
  context.after(() => proxy.stop())
  proxy.bytesPerSecond = 2_000_000
  const slow = ['backup', target, '--url', `http://${proxy.address}`]
  const some = (): boolean => existsSync(path.join(target, PART)) && statSync(path.join(target, PART)).size > 100_000
  const killed = new StartedCommand(slow)
  await eventually('a part has come', some)
  assert.deepEqual(copies(), [], 'what the copies before had left is gone')
  await killed.kill()
  assert.deepEqual(readdirSync(target), [PART])
  const refused = await runCommand(['restore-backup', target, '--data', path.join(folder, 'new')])
  assert.deepEqual([refused.code, /was cut off: .* Take it again/.test(refused.stderr)], [2, true], refused.stderr)
  assert.ok(!existsSync(path.join(folder, 'new')))
  await isRefused(target)
  // The command lives, and the server dies.
  const before = statSync(path.join(target, PART)).size
  proxy.bytesPerSecond = 1_000_000
  const cut = new StartedCommand(slow)
  await eventually('it begins anew', () => statSync(path.join(target, PART)).size < before)
  await eventually('a part has come again', some)
  await server.kill()
  assert.deepEqual([await cut.ended, /connection broke before all of the copy/.test(cut.output)], [1, true], cut.output)
  assert.ok(!readdirSync(target).some((name) => name.startsWith('weft.mdb')), 'nothing is left of it')
  await server.restart()
  const again = await runCommand(['backup', target, '--url', server.url])
  assert.equal(again.code, 0, again.stderr)
  assert.deepEqual(readdirSync(temporary), [])
  const data = path.join(folder, 'data')
  assert.equal((await runCommand(['restore-backup', target, '--data', data])).code, 0)
  await holdsAll(data)
  // Nothing of it was taken from the server.
  await server.stop()
  await holdsAll(server.dataFolder)
})

test('D4: restore-backup, killed at any moment, leaves a folder that every server refuses, or one that has all; run again, it has all', {
  timeout: 300_000,
}, async (context) => {
  const { server, folder } = await start(context)
  const backup = path.join(folder, 'backup')
  assert.equal((await runCommand(['backup', backup, '--url', server.url])).code, 0)
  const begun = performance.now()
  assert.equal((await runCommand(['restore-backup', backup, '--data', path.join(folder, 'first')])).code, 0)
  const wholeMs = performance.now() - begun
  const rounds = 5
  let unfinished = 0
  for (let round = 0; round < rounds || unfinished === 0; round++) {
    assert.ok(round < rounds + TRIES_MAX, 'it was killed while it copied')
    const data = path.join(folder, `data-${round}`)
    const killed = new StartedCommand(['restore-backup', backup, '--data', data])
    // The last ones as soon as there is something; the others anywhere between its start and its end.
    if (round >= rounds - 2) await eventually('it has begun', () => existsSync(path.join(data, PART)))
    else await new Promise<void>((resolve) => void systemClock.after((wholeMs * (round + 1)) / (rounds - 2), resolve))
    await killed.kill()
    const names = existsSync(data) ? readdirSync(data) : []
    if (names.includes('weft.mdb')) {
      assert.ok(!names.includes(PART), 'one under its final name has no other')
      await holdsAll(data)
      const again = await runCommand(['restore-backup', backup, '--data', data])
      assert.deepEqual([again.code, /is not empty/.test(again.stderr)], [2, true])
      continue
    }
    if (names.includes(PART)) {
      unfinished += 1
      await isRefused(data)
    }
    const again = await runCommand(['restore-backup', backup, '--data', data])
    assert.equal(again.code, 0, again.stderr)
    assert.ok(!readdirSync(data).includes(PART))
    await holdsAll(data)
  }
})
