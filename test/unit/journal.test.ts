// The journal on a disk that loses power, fills up and lies; and segments that were damaged behind its back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WeftError } from '../../core/errors.js'
import { type Random, seededRandom } from '../../core/random.js'
import { Journal } from '../../persistence/lmdb/journal.js'
import { NO_JOURNAL } from '../../persistence/lmdb/journal-mark.js'
import { decodeSegment, encodeHeader, encodeRecord, type JournalRow } from '../../persistence/lmdb/journal-records.js'
import type { AppendEntry } from '../../persistence/store.js'
import { type DiskKind, TearingDisk } from '../helpers/tearing-disk.js'

const SEEDS = Number(process.env['WEFT_JOURNAL_SEEDS'] ?? 1_000)
const FIRST_SEED = Number(process.env['WEFT_TEST_SEED'] ?? 1)

function randomEntry(random: Random, seq: number): AppendEntry {
  const user = random.below(3) === 0 ? [`user ${random.below(5)} ü`] : []
  return {
    documentId: `document/${random.below(4)} é`,
    fence: { shard: random.below(1024), epoch: random.below(2 ** 31) + 2 ** 33, boot: `boot ${random.below(3)}` },
    seq,
    incarnation: 'life',
    update: random.bytes(random.below(10) === 0 ? random.below(5_000) : random.below(60)),
    users: user,
    firstUses: user.map((name) => ({ clientId: random.below(2 ** 31) * 2 ** 21, user: name })),
  }
}

const damaged = (name: string, what: string): WeftError => new WeftError('data-folder-damaged', `${name} ${what}`)

/** One life after the other of a journal, each ended by a power cut. Throws when a row that was acknowledged is not there. */
async function livesAndDies(seed: number, kind: DiskKind): Promise<void> {
  const random = seededRandom(seed)
  const disk = new TearingDisk(random, kind)
  let mark = NO_JOURNAL
  /** Of all lives: what a start has to find beyond the mark, and what it may. */
  const acknowledged: JournalRow[] = []
  for (let life = 0; life < 4; life++) {
    const journal = new Journal({ disk, random, mark, damaged })
    const expected = acknowledged.filter(({ position }) => position > mark.applied)
    assert.deepEqual(journal.recovered.slice(0, expected.length), expected, 'what was acknowledged is there')
    // The last append may have come through without its answer, whole.
    acknowledged.push(...journal.recovered.slice(expected.length))
    const step = (): Promise<void> =>
      oneStep(random, disk, journal, acknowledged, (next) => {
        mark = next
      })
    for (let count = random.below(12); count > 0; count--) await step()
    // What is under way when the power goes is never answered.
    const last = step()
    disk.cutPower()
    await Promise.race([last, new Promise((resolve) => setImmediate(resolve))])
    disk.restorePower()
  }
}

async function oneStep(
  random: Random,
  disk: TearingDisk,
  journal: Journal,
  acknowledged: JournalRow[],
  setMark: (mark: { readonly applied: number; readonly segments: readonly string[] }) => void,
): Promise<void> {
  if (random.below(6) === 0) {
    const applied = journal.marked + random.below(1 + journal.lastPosition - journal.marked)
    setMark(journal.markAt(applied))
    journal.applied(applied)
    return
  }
  if (journal.needsSegment || random.below(8) === 0) await journal.begin(async (mark) => setMark(mark))
  disk.roomBytes = random.below(10) === 0 ? random.below(40) : Number.POSITIVE_INFINITY
  const seq = journal.lastPosition + 1
  const entries = Array.from({ length: 1 + random.below(4) }, (_, index) => randomEntry(random, seq + index))
  try {
    acknowledged.push(...(await journal.append(entries.map((entry) => ({ entry, committedAt: random.below(2 ** 31) / 3 })))))
  } catch (thrown) {
    assert.equal((thrown as NodeJS.ErrnoException).code, 'ENOSPC')
    journal.clear()
  }
}

test(`D1, D6: ${SEEDS} journals that lose power again and again, in the middle of writes, keep what they acknowledged, and appends whole`, async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    try {
      await livesAndDies(seed, 'honest')
    } catch (cause) {
      throw new Error(`seed ${seed} (set WEFT_TEST_SEED to replay it): ${String(cause)}`, { cause })
    }
  }
})

test('D1: a disk that says too early that it has written is found out', async () => {
  let caught = 0
  for (let seed = 1; seed <= 50; seed++) await livesAndDies(seed, 'lying').catch(() => void caught++)
  assert.ok(caught > 25, `${caught} of 50 were found out`)
})

const id = Buffer.from('segment1', 'latin1')
const rowsOf = (first: number, count: number): JournalRow[] =>
  Array.from({ length: count }, (_, index) => ({
    position: first + index,
    committedAt: 1.5,
    entry: randomEntry(seededRandom(first + index), first + index),
  }))

function segmentOf(records: readonly (readonly JournalRow[])[]): Buffer {
  return Buffer.concat([encodeHeader(id, records[0]?.[0]?.position ?? 1), ...records.map((rows) => encodeRecord(id, rows))])
}

test('a segment that was cut anywhere has its whole records, in order', () => {
  const records = [rowsOf(1, 2), rowsOf(3, 1), rowsOf(4, 3)]
  const whole = segmentOf(records)
  const headerBytes = encodeHeader(id, 1).length
  assert.deepEqual(decodeSegment(whole), { firstPosition: 1, rows: records.flat() })
  for (let size = 0; size < whole.length; size++) {
    const segment = decodeSegment(whole.subarray(0, size))
    if (size < headerBytes) {
      assert.ok('damage' in segment)
      continue
    }
    assert.ok('rows' in segment)
    assert.deepEqual(segment.rows, records.flat().slice(0, segment.rows.length))
  }
})

test('D4: a bit that flipped before the last record is damage; in the last one that record counts for nothing', () => {
  const records = [rowsOf(1, 2), rowsOf(3, 1), rowsOf(4, 2)]
  const whole = segmentOf(records)
  const lastAt = segmentOf(records.slice(0, 2)).length
  for (let at = 0; at < whole.length; at++) {
    const flipped = Buffer.from(whole)
    flipped[at] = (flipped[at] ?? 0) ^ 0x10
    const segment = decodeSegment(flipped)
    if (at < lastAt) assert.ok('damage' in segment, `byte ${at}`)
    else assert.deepEqual(segment, { firstPosition: 1, rows: records.slice(0, 2).flat() }, `byte ${at}`)
  }
})

function journalWith(
  segments: Readonly<Record<string, Buffer>>,
  mark: { readonly applied: number; readonly segments: readonly string[] },
): Journal {
  const disk = new TearingDisk(seededRandom(1), 'honest')
  for (const [name, bytes] of Object.entries(segments)) disk.create(name, bytes)
  return new Journal({ disk, random: seededRandom(1), mark, damaged })
}

test('D4: a segment that is missing, of elsewhere, or does not go on where the one before ended is damage, by name', () => {
  const [one, two, three] = ['weft.journal-000001', 'weft.journal-000002', 'weft.journal-000003'] as const
  const first = segmentOf([rowsOf(1, 2)])
  const second = segmentOf([rowsOf(3, 2)])
  assert.equal(journalWith({ [one]: first, [two]: second }, { applied: 0, segments: [one, two] }).recovered.length, 4)
  const refused = (segments: Readonly<Record<string, Buffer>>, applied: number, names: readonly string[], words: RegExp): void => {
    assert.throws(() => journalWith(segments, { applied, segments: names }), { code: 'data-folder-damaged', message: words })
  }
  refused({ [two]: second }, 0, [one, two], /journal-000001 is missing/)
  refused({ [two]: second }, 0, [two], /journal-000002 begins with row 3, and should with row 1/)
  refused({ [one]: first.subarray(0, first.length - 1), [two]: second }, 0, [one, two], /journal-000002 begins with row 3/)
  refused({ [one]: first, [three]: second }, 0, [one], /journal-000003 holds rows that the data file does not know of/)
  refused({ [one]: Buffer.alloc(4_000) }, 0, [one], /journal-000001 has no readable beginning/)
})

test('D6: what a crash left of a segment that is not used yet, or no longer, is removed', () => {
  const name = 'weft.journal-000007'
  const left = { 'weft.journal-000005': segmentOf([rowsOf(1, 2)]), 'weft.journal-000006': encodeHeader(id, 9).subarray(0, 11) }
  const disk = new TearingDisk(seededRandom(1), 'honest')
  for (const [leftName, bytes] of Object.entries({ ...left, [name]: encodeHeader(id, 3) })) disk.create(leftName, bytes)
  const journal = new Journal({ disk, random: seededRandom(1), mark: { applied: 2, segments: [] }, damaged })
  assert.deepEqual(disk.names(), [])
  assert.equal(journal.lastPosition, 2)
})
