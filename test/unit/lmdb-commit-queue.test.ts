// What a write that LMDB does not take does to the others of its commit.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../core/clock.js'
import { systemRandom } from '../../core/random.js'
import { CommitQueue } from '../../persistence/lmdb/commit-queue.js'
import { openEnvironment } from '../../persistence/lmdb/environment.js'
import { Journal } from '../../persistence/lmdb/journal.js'
import { journalDisk } from '../../persistence/lmdb/journal-disk.js'
import { NO_JOURNAL } from '../../persistence/lmdb/journal-mark.js'
import { KeptStoreTime } from '../../persistence/lmdb/kept-time.js'

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
