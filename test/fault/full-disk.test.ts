// The API on a disk that is full: what finds no room is refused in words, and everything else goes on.
import { strict as assert } from 'node:assert'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import * as Y from 'yjs'
import { ApiClient, documentPath } from '../helpers/api-client.js'
import { runCommand } from '../helpers/run-command.js'
import { ServerProcess } from '../helpers/server-process.js'

function updateOf(bytes: number): Uint8Array {
  const doc = new Y.Doc()
  doc.getText('body').insert(0, 'x'.repeat(bytes))
  const update = Y.encodeStateAsUpdate(doc)
  doc.destroy()
  return update
}

/** A file system of its own. Fails where the test may not mount: as root, it may. */
function smallDisk(size: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'weft-small-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'weft-test', folder], { stdio: ['ignore', 'ignore', 'inherit'] })
  return folder
}

test('D7, G5: where there is no room for a body, an archive, a backup or a row, that is said, and what is there is read and grows on once there is room', {
  timeout: 120_000,
}, async () => {
  const [temporary, data] = [smallDisk('2m'), smallDisk('48m')]
  const server = await ServerProcess.start({ dataFolder: data, environment: { TMPDIR: temporary } })
  try {
    const api = new ApiClient(server.url)
    await api.expect('PUT', documentPath('small'), updateOf(100_000))
    const archive = new Uint8Array(4_000_000).fill(1)
    for (const [method, rest, body] of [
      ['PUT', '', updateOf(4_000_000)],
      ['POST', '/updates', updateOf(4_000_000)],
      ['PUT', '/archive', archive],
    ] as const) {
      const answer = await api.ask(method, `${documentPath('large')}${rest}`, body)
      assert.deepEqual([answer.status, answer.body.code], [507, 'store-full'], `${method} ${rest}: ${answer.text}`)
      assert.ok(answer.body.detail.includes(`There is no room for the body of the request in ${temporary}`), answer.text)
    }
    for (let number = 0; number < 12; number++) await api.expect('PUT', documentPath(`some/${number}`), updateOf(250_000))
    const backup = await runCommand(['backup', path.join(tmpdir(), 'weft-no-backup'), '--url', server.url])
    const noRoom = `The copy of the store could not be written: there is no room for it in ${temporary}`
    assert.deepEqual([backup.code, backup.stderr.includes(noRoom)], [1, true], backup.stderr)
    assert.equal((await api.ask('GET', '/backup')).body.code, 'store-full')
    // What is no want of room is not called one: here, that nothing at all may be written.
    execFileSync('mount', ['-o', 'remount,ro', temporary])
    const refused = (await api.ask('GET', '/backup')).body
    assert.deepEqual([refused.code, /file system of .* is read-only/.test(refused.detail)], ['copy-not-written', true], refused.detail)
    const readOnly = await runCommand(['backup', path.join(temporary, 'monday'), '--url', server.url])
    assert.deepEqual([readOnly.code, /file system of .* is read-only/.test(readOnly.stderr)], [1, true], readOnly.stderr)
    execFileSync('mount', ['-o', 'remount,rw', temporary])
    assert.deepEqual(readdirSync(temporary), [], 'nothing of it is left')
    // The data folder fills up: what finds no room waits, and whoever asked is told in the end; nothing that was acknowledged goes.
    let refusal = ''
    for (let number = 12; number < 400 && refusal === ''; number++) {
      const answer = await api.ask('PUT', documentPath(`some/${number}`), updateOf(250_000))
      if (answer.status !== 201) refusal = `${answer.status} ${answer.body.code} ${answer.body.detail}`
    }
    assert.match(refusal, /^503 store-unavailable This was not committed for half a minute, and may be later/)
    assert.equal((await api.expect('GET', `${documentPath('some/3')}/content?format=text`)).length, 250_000)
    execFileSync('mount', ['-o', 'remount,size=128m', data])
    await api.expect('PUT', documentPath('after'), updateOf(250_000))
    assert.equal((await api.expect('GET', `${documentPath('after')}/content?format=text`)).length, 250_000)
  } finally {
    await server.dispose()
    for (const folder of [temporary, data]) {
      execFileSync('umount', [folder])
      rmdirSync(folder)
    }
  }
})
