// A backup of the embedded store while people type, and a data folder out of it.
import { strict as assert } from 'node:assert'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import * as Y from 'yjs'
import { ApiClient, documentPath } from '../helpers/api-client.js'
import { runCommand } from '../helpers/run-command.js'
import { ServerProcess } from '../helpers/server-process.js'
import { eventually } from '../helpers/states.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'

test('D3: a backup that is taken while people type has all that was acknowledged before it, and a server starts on it', {
  timeout: 120_000,
}, async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'weft-backup-test-'))
  const server = await ServerProcess.start()
  try {
    const api = new ApiClient(server.url)
    const doc = new Y.Doc()
    doc.getText('body').insert(0, 'Begin. ')
    await api.expect('PUT', documentPath('a'), Y.encodeStateAsUpdate(doc))
    await api.expect('POST', `${documentPath('a')}/versions`, { name: 'first' })
    doc.destroy()
    let acknowledged = 0
    let over = false
    const typing = (async () => {
      while (!over) {
        await api.expect('POST', `${documentPath('a')}/updates`, { text: [{ root: 'body', at: 0, insert: '.' }] })
        acknowledged += 1
      }
    })()
    // What else goes wrong ends the server, and is what is to be told.
    typing.catch(() => {})
    for (let round = 0; round < 2; round++) {
      const before = acknowledged
      const into = path.join(folder, `backup-${round}`)
      const made = await runCommand(['backup', into, '--url', server.url])
      assert.equal(made.code, 0, made.stderr)
      assert.deepEqual(readdirSync(into), ['weft.mdb'])
      const data = path.join(folder, `data-${round}`)
      if (round === 1) {
        // As a restore leaves it that was killed in the middle.
        mkdirSync(data)
        writeFileSync(path.join(data, 'weft.mdb.part'), readFileSync(path.join(into, 'weft.mdb')).subarray(0, 5_000))
        assert.match(
          (await runCommand(['restore-backup', data, '--data', path.join(folder, 'new')])).stderr,
          /was cut off: .* is no whole store/,
        )
      }
      const restored = await runCommand(['restore-backup', into, '--data', data])
      assert.equal(restored.code, 0, restored.stderr)
      assert.ok(!readdirSync(data).includes('weft.mdb.part'))
      const shown = await runCommand(['show', 'a', '--data', data])
      assert.match(shown.stdout, /^\.*Begin\. $/)
      assert.ok(shown.stdout.indexOf('B') >= before, `${before} edits were acknowledged before, ${shown.stdout.indexOf('B')} are there`)
      assert.match((await runCommand(['check', '--data', data])).stdout, /1 document checked, nothing is wrong/)
      assert.equal((await runCommand(['show', 'a@"first"', '--data', data])).stdout, 'Begin. ')
    }
    over = true
    await typing
    const into = path.join(folder, 'backup-0')
    const refused: readonly (readonly [readonly string[], RegExp])[] = [
      [['backup', into, '--url', server.url], /a backup in .* already/],
      [['restore-backup', into, '--data', path.join(folder, 'data-0')], /is not empty/],
      [['restore-backup', folder, '--data', path.join(folder, 'new')], /There is no backup in/],
      [['restore-backup', into, '--url', server.url], /leave --url out/],
    ]
    const file = path.join(folder, 'a file')
    writeFileSync(file, '')
    const inTheWay: readonly (readonly [readonly string[], RegExp])[] = [
      [['backup', path.join(file, 'monday'), '--url', server.url], /The backup could not be written: .* is no folder, or lies below/],
      [['restore-backup', into, '--data', path.join(file, 'new')], /The backup could not be written: .* is no folder, or lies below/],
      [['restore-backup', into, '--data', file], /The backup could not be written: .* is no folder, or lies below/],
    ]
    for (const [code, cases] of [
      [2, refused],
      [1, inTheWay],
    ] as const)
      for (const [args, says] of cases) {
        const ended = await runCommand(args)
        assert.deepEqual([ended.code, says.test(ended.stderr)], [code, true], ended.stderr)
      }
    writeFileSync(path.join(into, 'weft.mdb'), 'not a data file')
    const damaged = await runCommand(['restore-backup', into, '--data', path.join(folder, 'other')])
    assert.notEqual(damaged.code, 0)
  } finally {
    await server.dispose()
    rmSync(folder, { recursive: true, force: true })
  }
})

/** How many copies a process holds open, with a name or without. */
function copiesHeldBy(pid: number): number {
  const held = readdirSync(`/proc/${pid}/fd`).filter((descriptor) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${descriptor}`).includes('weft-backup-')
    } catch {
      return false
    }
  })
  return held.length
}

test('a backup of which the answer has no body, is never read, or is cut off, leaves no file, and the server goes on', {
  skip: process.platform !== 'linux',
  timeout: 120_000,
}, async (context) => {
  const folder = temporaryFolder(context)
  const server = await ServerProcess.start({ environment: { TMPDIR: folder } })
  context.after(() => server.dispose())
  const api = new ApiClient(server.url)
  // More than the buffers of a connection hold.
  for (let document = 0; document < 16; document++) {
    const doc = new Y.Doc()
    doc.getText('body').insert(0, String(document).repeat(700_000))
    await api.expect('PUT', documentPath(`doc/${document}`), Y.encodeStateAsUpdate(doc))
    doc.destroy()
  }
  /** Resolves when the head of the answer has come. */
  const begun = (method: string) =>
    new Promise<{ cut: () => void; firstPiece: () => Promise<unknown> }>((resolve, reject) => {
      const asked = request(`${server.url}/api/v1/backup`, { method, agent: false }, (answer) => {
        assert.equal(answer.statusCode, 200)
        answer.on('error', () => {})
        resolve({ cut: () => asked.destroy(), firstPiece: () => new Promise((piece) => answer.once('data', piece)) })
      })
      asked.once('error', reject).end()
    })
  const nothingIsLeft = (when: string): Promise<void> => {
    assert.deepEqual(readdirSync(folder), [], when)
    return eventually(`${when}, no copy is held`, () => copiesHeldBy(server.pid) === 0)
  }
  await begun('HEAD')
  await nothingIsLeft('after an answer without a body')
  const unread = await begun('GET')
  assert.deepEqual(readdirSync(folder), [], 'while nobody reads')
  assert.equal(copiesHeldBy(server.pid), 1)
  unread.cut()
  await nothingIsLeft('after one that was never read')
  const read = await begun('GET')
  await read.firstPiece()
  read.cut()
  await nothingIsLeft('after one that was cut off')
  await begun('GET')
  await server.kill()
  assert.deepEqual(readdirSync(folder), [], 'after a kill in the middle')
  await server.restart()
  const whole = await fetch(`${server.url}/api/v1/backup`)
  assert.equal(String((await whole.arrayBuffer()).byteLength), whole.headers.get('weft-backup-bytes'))
  await nothingIsLeft('after a whole one')
  assert.doesNotMatch(server.output, /error|abort/i)
})
