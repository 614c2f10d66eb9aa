// What a write that LMDB does not take does to the others of its commit.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../core/clock.js'
import { shardOf } from '../../core/document-id.js'
import { systemRandom } from '../../core/random.js'
import { CommitQueue } from '../../persistence/lmdb/commit-queue.js'
import { openEnvironment } from '../../persistence/lmdb/environment.js'
import { Journal } from '../../persistence/lmdb/journal.js'
import { type JournalDisk, type JournalFile, journalDisk } from '../../persistence/lmdb/journal-disk.js'
import { NO_JOURNAL } from '../../persistence/lmdb/journal-mark.js'
import { KeptStoreTime } from '../../persistence/lmdb/kept-time.js'
import { ownerKey } from '../../persistence/lmdb/keys.js'
import { sealOwner } from '../../persistence/lmdb/layout.js'

/** A disk whose writes fail once it is told so, as a broken device's do. */
class FailingDisk implements JournalDisk {
  fails = false
  readonly #disk: JournalDisk

  constructor(disk: JournalDisk) {
    this.#disk = disk
  }

  names(): readonly string[] {
    return this.#disk.names()
  }

  read(name: string): Buffer {
    return this.#disk.read(name)
  }

  remove(name: string): void {
    this.#disk.remove(name)
  }

  create(name: string, bytes: Buffer): JournalFile {
    const file = this.#disk.create(name, bytes)
    return {
      write: (more, offset) =>
        this.fails ? Promise.reject(Object.assign(new Error('i/o error'), { code: 'EIO' })) : file.write(more, offset),
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
    }
  }
}

test('D7: a change that LMDB does not take is refused alone; the others of its commit are committed, and the store goes on', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'weft-queue-'))
  const environment = await openEnvironment(folder)
  try {
    const journal = new Journal({ disk: journalDisk(folder), random: systemRandom, mark: NO_JOURNAL, damaged: () => assert.fail() })
    const queue = new CommitQueue({
      environment,
      journal,
      folder,
      reserveBytes: 0,
      clock: systemClock,
      time: new KeptStoreTime(environment, systemClock),
      onFatal: (error) => assert.fail(error),
    })
    const put = (key: Buffer): Promise<void> => queue.run(1, () => () => void environment.documents.put(key, Buffer.from('value')))
    const tooLong = Buffer.alloc(5_000, 1)
    const outcomes = await Promise.allSettled([put(Buffer.from('before')), put(tooLong), put(Buffer.from('after'))])
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.status === 'fulfilled' ? 'committed' : outcome.reason.code)),
      ['committed', 'store-refused', 'committed'],
    )
    assert.ok(environment.documents.get(Buffer.from('before')) !== undefined)
    await put(Buffer.from('later'))
    await queue.close()
  } finally {
    await environment.close()
    await rm(folder, { recursive: true, force: true })
  }
})

test('D7: a store whose journal fails says so to all who wait, takes nothing more, and still closes', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'weft-queue-'))
  const environment = await openEnvironment(folder)
  try {
    const disk = new FailingDisk(journalDisk(folder))
    const fatal: string[] = []
    const queue = new CommitQueue({
      environment,
      journal: new Journal({ disk, random: systemRandom, mark: NO_JOURNAL, damaged: () => assert.fail() }),
      folder,
      reserveBytes: 0,
      clock: systemClock,
      time: new KeptStoreTime(environment, systemClock),
      onFatal: ({ code }) => void fatal.push(code),
    })
    const claimant = { nodeId: 'node', boot: 'boot' }
    const shard = shardOf('a')
    await queue.run(0, () => () => {
      const key = ownerKey(shard)
      void environment.owners.put(key, sealOwner(key, { epoch: 1, owner: claimant }))
    })
    const entry = (seq: number) => ({
      documentId: 'a',
      fence: { shard, epoch: 1, boot: 'boot' },
      seq,
      incarnation: 'life',
      update: Uint8Array.of(seq),
    })
    await queue.append([entry(1)], 1)
    disk.fails = true
    const outcomes = await Promise.allSettled([queue.append([entry(2)], 1), queue.append([entry(2)], 1), queue.applyAll()])
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'done')),
      ['store-failed', 'store-failed', 'store-failed'],
    )
    assert.throws(() => queue.check(), { code: 'store-failed' })
    await queue.close()
    assert.deepEqual(fatal, ['store-failed'])
  } finally {
    await environment.close()
    await rm(folder, { recursive: true, force: true })
  }
})
