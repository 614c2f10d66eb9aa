// Opening a data folder: who gets it, and what the others are told.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { open as openRaw } from 'lmdb'
import { systemClock } from '../../core/clock.js'
import { silentLogger } from '../../core/log.js'
import { DATA_FILE, UNFINISHED_COPY } from '../../persistence/data-folder.js'
import { openLmdbStore } from '../../persistence/index.js'
import { FORMAT_VERSION } from '../../persistence/lmdb/environment.js'
import type { DocumentStore } from '../../persistence/store.js'
import { Writer } from '../contract/fixture.js'

const childScript = fileURLToPath(new URL('../fault/store-lmdb-child.js', import.meta.url))

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'weft-folder-'))
  try {
    await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const open = (folder: string): Promise<DocumentStore> =>
  openLmdbStore({ folder, clock: systemClock, logger: silentLogger, onFatal: (error) => assert.fail(error) })

test('O6: a folder that this process has open is not opened again, until it is closed', () =>
  withFolder(async (folder) => {
    const store = await open(folder)
    await assert.rejects(open(folder), { name: 'WeftError', code: 'data-folder-in-use', retryable: false })
    await (await Writer.claim(store, 'a')).appendMany(1)
    await store.close()
    const again = await open(folder)
    assert.equal((await again.openDocument('a')).head, 1)
    await again.close()
  }))

test('O6: a folder that another process has open is refused, naming the process, and is free once that one is killed', () =>
  withFolder(async (folder) => {
    const child: ChildProcess = spawn(process.execPath, [childScript, folder, '0'], { stdio: ['ignore', 'pipe', 'ignore'] })
    assert.ok(child.stdout)
    child.stdout.resume()
    await once(child.stdout, 'data')
    await assert.rejects(open(folder), (error: { code?: string; message?: string }) => {
      assert.equal(error.code, 'data-folder-in-use')
      assert.ok(error.message?.includes(`process ${child.pid}`), error.message)
      return true
    })
    child.kill('SIGKILL')
    await once(child, 'exit')
    await (await open(folder)).close()
  }))

test('O6: a folder of a newer format is refused and left alone', () =>
  withFolder(async (folder) => {
    await (await open(folder)).close()
    const setFormat = async (version: string) => {
      const raw = openRaw<Buffer, Buffer>({
        path: path.join(folder, DATA_FILE),
        noSubdir: true,
        encoding: 'binary',
        keyEncoding: 'binary',
        overlappingSync: false,
      })
      raw
        .openDB<Buffer, Buffer>({ name: 'meta', encoding: 'binary', keyEncoding: 'binary' })
        .putSync(Buffer.from('format'), Buffer.from(version))
      await raw.close()
    }
    await setFormat(String(FORMAT_VERSION + 1))
    for (let attempt = 0; attempt < 2; attempt++) await assert.rejects(open(folder), { name: 'WeftError', code: 'data-folder-newer' })
    await setFormat(String(FORMAT_VERSION))
    await (await open(folder)).close()
  }))

test('O6: a folder that cannot be made or written is refused by name', () =>
  withFolder(async (folder) => {
    await writeFile(path.join(folder, 'a file'), '')
    await assert.rejects(open(path.join(folder, 'a file')), { name: 'WeftError', code: 'data-folder-unwritable' })
    await assert.rejects(open(path.join(folder, 'a file', 'below')), { name: 'WeftError', code: 'data-folder-unwritable' })
    if (process.platform === 'linux')
      await assert.rejects(open('/proc/x/y'), { code: 'data-folder-unwritable', message: /no folder can be made in \/proc/ })
    // Not even root can write these: the lock file, or the data file, is a folder.
    await mkdir(path.join(folder, 'one', 'weft.lock'), { recursive: true })
    await assert.rejects(open(path.join(folder, 'one')), { name: 'WeftError', code: 'data-folder-unwritable' })
  }))

test('O6: a folder is made with the folders above it', () =>
  withFolder(async (folder) => {
    await (await open(path.join(folder, 'some', 'where', 'below'))).close()
    await (await open(path.join(folder, 'some', 'where', 'below'))).close()
  }))

test('D4: a folder into which a backup was being written or restored is refused until that is done, and not taken for an empty one', () =>
  withFolder(async (folder) => {
    await writeFile(path.join(folder, UNFINISHED_COPY), 'the beginning of it')
    await assert.rejects(open(folder), {
      name: 'WeftError',
      code: 'data-folder-damaged',
      message: /was being written into .* was cut off.* is no whole store.*or restore it again/,
    })
    await rm(path.join(folder, UNFINISHED_COPY))
    await (await open(folder)).close()
  }))
