// The tail of an open document against a plain list of the same rows.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { seededRandom } from '../../core/random.js'
import { Tail } from '../../server/document/view/tail.js'

interface Row {
  readonly seq: number
  readonly update: Uint8Array
}

/** Rows of all sizes, most of them small; seqs with gaps, and some of one seq. */
function randomRows(seed: number, count: number): Row[] {
  const random = seededRandom(seed)
  let seq = random.below(100)
  return Array.from({ length: count }, () => {
    seq += random.below(4) === 0 ? random.below(3) : 1
    const length = random.below(20) === 0 ? random.below(30_000) : random.below(60)
    return { seq, update: Uint8Array.from({ length }, () => random.below(256)) }
  })
}

const hex = (update: Uint8Array): string => Buffer.from(update.buffer, update.byteOffset, update.length).toString('hex')

function tailOf(rows: readonly Row[]): Tail {
  const tail = new Tail()
  for (const { seq, update } of rows) tail.push(seq, update)
  return tail
}

test('a tail answers as a list of its rows does, and what it answered is not changed by what comes later', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = seededRandom(1_000 + seed)
    const rows = randomRows(seed, 1 + random.below(700))
    const tail = new Tail()
    const answered: { readonly was: readonly Uint8Array[]; readonly expected: readonly Uint8Array[] }[] = []
    for (const [index, { seq, update }] of rows.entries()) {
      tail.push(seq, update.slice())
      if (random.below(20) > 0) continue
      const from = random.below(index + 2)
      const to = from + random.below(index + 2)
      answered.push({
        was: tail.updates(from, to),
        expected: rows
          .slice(0, index + 1)
          .slice(from, to)
          .map((row) => row.update),
      })
      assert.equal(tail.rowsThrough(seq), index + 1)
    }
    for (const { was, expected } of answered) assert.deepEqual(was.map(hex), expected.map(hex), `seed ${seed}`)

    assert.equal(tail.rows, rows.length)
    assert.equal(
      tail.bytes,
      rows.reduce((sum, { update }) => sum + update.length, 0),
    )
    assert.equal(tail.lastSeq, rows.at(-1)?.seq)
    for (let probe = (rows[0]?.seq ?? 0) - 2; probe <= (rows.at(-1)?.seq ?? 0) + 2; probe++)
      assert.equal(tail.rowsThrough(probe), rows.filter(({ seq }) => seq <= probe).length, `seed ${seed}, seq ${probe}`)
    for (const bytesMax of [0, 50, 5_000, 1_000_000]) {
      const from = random.below(rows.length)
      let [end, bytes] = [from + 1, rows[from]?.update.length ?? 0]
      while (end < rows.length && bytes + (rows[end]?.update.length ?? 0) <= bytesMax) bytes += rows[end++]?.update.length ?? 0
      assert.equal(tail.endWithin(from, bytesMax), end, `seed ${seed}, ${bytesMax} bytes from row ${from}`)
    }

    const [from, to] = [random.below(rows.length), random.below(rows.length)]
    const slice = tail.slice(from, to)
    const kept = rows.slice(from, to)
    slice.push(1_000_000, Uint8Array.of(1, 2, 3))
    assert.deepEqual(slice.updates().map(hex), [...kept.map(({ update }) => hex(update)), '010203'])
    assert.deepEqual(
      tail.updates().map(hex),
      rows.map(({ update }) => hex(update)),
      `seed ${seed}: the whole is as it was`,
    )
  }
})

test('an empty tail has no rows, no bytes and no seq', () => {
  const tail = new Tail()
  assert.deepEqual([tail.rows, tail.bytes, tail.heldBytes, tail.lastSeq, tail.updates(), tail.endWithin(0, 10)], [0, 0, 0, null, [], 0])
  assert.equal(tail.rowsThrough(7), 0)
  assert.equal(tailOf([{ seq: 1, update: Uint8Array.of(1) }]).slice(1).rows, 0)
})

test('G8: keystrokes lie together, and large updates where they came', () => {
  const keystroke = new Uint8Array(25)
  const typed = tailOf(Array.from({ length: 1_000 }, (_, seq) => ({ seq, update: keystroke })))
  assert.equal(new Set(typed.updates().map(({ buffer }) => buffer)).size, 2)
  assert.ok(typed.heldBytes < 1_000 * 60, `${typed.heldBytes} bytes`)
  const pasted = new Uint8Array(100_000)
  assert.equal(
    tailOf([
      { seq: 1, update: keystroke },
      { seq: 2, update: pasted },
    ]).updates()[1]?.buffer,
    pasted.buffer,
  )
})

test('a tail that goes back is refused', () => {
  assert.throws(
    () =>
      tailOf([
        { seq: 2, update: new Uint8Array(1) },
        { seq: 1, update: new Uint8Array(1) },
      ]),
    /the tail grows/,
  )
})
