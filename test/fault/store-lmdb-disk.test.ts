// The LMDB store on disks that fill up, that fail to sync, and under processes that are killed.
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { systemClock } from '../../core/clock.js'
import type { WeftError } from '../../core/errors.js'
import { silentLogger } from '../../core/log.js'
import { seededRandom } from '../../core/random.js'
import { openLmdbStore } from '../../persistence/index.js'
import type { DocumentStore } from '../../persistence/store.js'
import { replay, Writer } from '../contract/fixture.js'
import { rowText } from './store-lmdb-rows.js'

const MiB = 1024 * 1024
const childScript = fileURLToPath(new URL('./store-lmdb-child.js', import.meta.url))
const run = promisify(execFile)
/** A store that never answers fails its test instead of holding it up. */
const CHILD_MS_MAX = 30_000
const bounded = { timeout: 60_000 }

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'weft-disk-'))
  try {
    await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function open(folder: string, reserveBytes: number, fatal: WeftError[] = []): Promise<DocumentStore> {
  return openLmdbStore({ folder, clock: systemClock, logger: silentLogger, reserveBytes, onFatal: (error) => void fatal.push(error) })
}

/** Appends until the store says that it is full; answers how many rows it took. Any other answer fails the test. */
async function fill(writer: Writer): Promise<void> {
  for (let row = 0; row < 10_000; row++) {
    try {
      await writer.append(new Uint8Array(8_000).fill(row))
    } catch (thrown) {
      const { code, retryable } = thrown as WeftError
      assert.deepEqual({ code, retryable }, { code: 'store-full', retryable: true }, String(thrown))
      return
    }
  }
  assert.fail('the disk never filled up')
}

/** A file system of two megabytes, which can grow; null where the test may not mount. */
async function smallDisk(folder: string): Promise<{ grow(): Promise<void>; unmount(): Promise<void> } | null> {
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'weft-test', folder])
  } catch {
    return null
  }
  return {
    grow: async () => void (await run('mount', ['-o', 'remount,size=16m', folder])),
    unmount: async () => void (await run('umount', [folder])),
  }
}

async function fillsAndRecovers(folder: string, reserveBytes: number): Promise<void> {
  const disk = await smallDisk(folder)
  // Without the right to mount, the same is seen through a limit on the file's size: the next test.
  if (disk === null) return limitedFile(folder)
  const fatal: WeftError[] = []
  let store = await open(folder, reserveBytes, fatal)
  try {
    const other = await (await Writer.claim(store, 'other')).appendMany(3)
    const writer = await Writer.claim(store, 'full')
    await fill(writer)
    assert.ok(writer.head > 20, `${writer.head} rows fitted`)
    await assert.rejects(store.saveSnapshot({ ...writer.snapshot(), state: new Uint8Array(4 * MiB) }), { code: 'store-full' })
    writer.check(await store.openDocument('full'))
    if (reserveBytes > 0) {
      assert.equal(await store.deleteDocument('other', other.fence), 'written', 'the reserve is there for making room')
    }
    await disk.grow()
    await writer.appendMany(20)
    await writer.save()
    await store.close()
    store = await open(folder, reserveBytes, fatal)
    writer.check(await store.openDocument('full'))
    await store.close()
    assert.deepEqual(fatal, [])
  } finally {
    await store.close().catch(() => {})
    await disk.unmount()
  }
}

/**
 * A child whose file may not grow beyond 256 KiB: the kernel refuses its writes as it would on a full disk. Where the kernel cuts a write short instead, LMDB
 * reports that as any other failed write, and with room left on the disk the store has to take it for one.
 */
async function limitedFile(folder: string): Promise<void> {
  const command = 'trap "" XFSZ; ulimit -f 256; exec "$0" "$@"'
  const report = await startChild('bash', ['-c', command, process.execPath, childScript, folder, '0']).finished
  // It may refuse rows first, and find out about the data file when it is closed.
  const outcomes = ['ERROR store-full', 'FATAL store-failed', 'ERROR store-full,FATAL store-failed']
  assert.ok(outcomes.includes(report.errors.join()), report.errors.join())
  const rows = report.acknowledged.get('a') ?? 0
  assert.ok(rows > 10, `${rows} rows fitted`)
  await checkAcknowledged(folder, report.acknowledged)
}

interface ChildReport {
  readonly acknowledged: ReadonlyMap<string, number>
  readonly errors: readonly string[]
  readonly exitCode: number | null
}

function startChild(
  command: string,
  args: readonly string[],
  onAcknowledged: (count: number) => void = () => {},
): { readonly process: ChildProcess; readonly finished: Promise<ChildReport> } {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: CHILD_MS_MAX, killSignal: 'SIGKILL' })
  child.stderr.resume()
  const acknowledged = new Map<string, number>()
  const errors: string[] = []
  let count = 0
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    if (line.startsWith('ACK ')) {
      const [documentId, seq] = JSON.parse(line.slice(4)) as [string, number]
      acknowledged.set(documentId, seq)
      onAcknowledged(++count)
    } else if (line !== 'READY') errors.push(line)
  })
  const ended = new Promise<void>((resolve) => lines.once('close', resolve))
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  return { process: child, finished: Promise.all([exited, ended]).then(([exitCode]) => ({ acknowledged, errors, exitCode })) }
}

/** Opens the folder and checks that every acknowledged row is there and that all of it reads contiguously; answers the heads. */
async function checkAcknowledged(folder: string, acknowledged: ReadonlyMap<string, number>): Promise<Map<string, number>> {
  const store = await open(folder, 0)
  const heads = new Map<string, number>()
  try {
    for (const { documentId } of (await store.listDocuments({ limit: 100 })).items) {
      const read = await store.openDocument(documentId)
      const expected = Array.from({ length: read.head }, (_, index) => rowText(documentId, index + 1)).join('')
      assert.equal(new TextDecoder().decode(replay(read)), expected)
      heads.set(documentId, read.head)
    }
    for (const [documentId, seq] of acknowledged) {
      assert.ok((heads.get(documentId) ?? 0) >= seq, `row ${seq} of ${documentId} was acknowledged; the head is ${heads.get(documentId)}`)
    }
  } finally {
    await store.close()
  }
  return heads
}

test('D7: a disk that fills up refuses rows with store-full, keeps what it acknowledged, and goes on when there is room', bounded, () =>
  withFolder((folder) => fillsAndRecovers(folder, 256 * 1024)),
)

test('D7: the same without a reserve, when the kernel is the one to say ENOSPC', bounded, () =>
  withFolder((folder) => fillsAndRecovers(folder, Number.NEGATIVE_INFINITY)),
)

test('D7: a file that may not grow refuses rows, and keeps what it acknowledged', bounded, () => withFolder(limitedFile))

for (const disk of ['failing-sync', 'failing-meta']) {
  test(`D7: a transaction on a disk with ${disk} ends the process, and what was acknowledged before is there`, bounded, () =>
    withFolder(async (folder) => {
      const report = await startChild(process.execPath, [childScript, folder, '1000', disk]).finished
      assert.deepEqual({ errors: report.errors, exitCode: report.exitCode }, { errors: ['FATAL store-failed'], exitCode: 70 })
      // Rows go to the journal, which is sound, until the first snapshot.
      for (const rows of report.acknowledged.values()) assert.ok(rows >= 3 && rows < 1_000, `${rows} rows were acknowledged`)
      await checkAcknowledged(folder, report.acknowledged)
    }),
  )
}

test('D7: a journal that cannot be written, or cleared, ends the process, and nothing of the append is acknowledged', bounded, () =>
  withFolder(async (folder) => {
    const report = await startChild(process.execPath, [childScript, folder, '10', 'failing-journal']).finished
    assert.deepEqual(
      { ...report, acknowledged: [...report.acknowledged.values()] },
      { acknowledged: [3, 3, 3], errors: ['FATAL store-failed'], exitCode: 70 },
    )
    await checkAcknowledged(folder, report.acknowledged)
  }),
)

test('D3: ten kills in the middle of appends, snapshots and pruning lose no acknowledged row', { timeout: 120_000 }, async () => {
  const seed = Number(process.env['WEFT_TEST_SEED'] ?? 7)
  console.log(`seed ${seed} (set WEFT_TEST_SEED to replay another)`)
  const random = seededRandom(seed)
  await withFolder(async (folder) => {
    const acknowledged = new Map<string, number>()
    for (let kill = 0; kill < 10; kill++) {
      const rows = 1 + random.below(120)
      const child = startChild(process.execPath, [childScript, folder, '0'], (count) => {
        if (count === rows) child.process.kill('SIGKILL')
      })
      const report = await child.finished
      assert.deepEqual(report.errors, [])
      for (const [documentId, seq] of report.acknowledged) acknowledged.set(documentId, seq)
      await checkAcknowledged(folder, acknowledged)
    }
    assert.ok((acknowledged.get('a') ?? 0) >= 10)
  })
})
