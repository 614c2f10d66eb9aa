// How deeply shared types may be nested in one document (G1), over any number of updates, in whatever order they come.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { defaultLimits } from '../../core/limits.js'
import { type Random, seededRandom } from '../../core/random.js'
import { runAtOnce } from '../../core/slices.js'
import { DepthMap } from '../../protocol/updates/depth-map.js'
import { inspectUpdate } from '../../protocol/updates/inspect.js'
import { KnownState } from '../../protocol/updates/known-state.js'
import { WaitingClients } from '../../protocol/updates/waiting-clients.js'
import { NestingGuard } from '../../server/document/nesting-guard.js'
import { WaitingGuard } from '../../server/document/waiting-guard.js'
import { OwnerBench } from '../helpers/owner-bench.js'
import { shuffled } from '../helpers/update-generator.js'

/** A document that takes updates as an owner does, with its guard. */
class Guarded {
  readonly taken: Uint8Array[] = []
  readonly known = new KnownState()
  readonly #depthMax: number
  readonly #waiting: WaitingGuard
  #guard: NestingGuard

  constructor(depthMax: number) {
    this.#depthMax = depthMax
    this.#waiting = new WaitingGuard(new WaitingClients(), this.known, defaultLimits)
    this.#guard = this.#newGuard()
  }

  /** The code of the refusal, or null. */
  submit(update: Uint8Array): string | null {
    const fresh = this.known.subtract(inspectUpdate(update, defaultLimits))
    if (fresh === null) return null
    const added = inspectUpdate(fresh, defaultLimits)
    assert.equal(runAtOnce(this.#waiting.admitting(added)), null)
    const refusal = runAtOnce(this.#guard.admitting(added))
    if (refusal !== null) return refusal.code
    this.#waiting.take()
    this.#guard.take()
    this.known.add(added)
    this.taken.push(fresh)
    return null
  }

  /** Closed and opened again: what the guard knew is gone. */
  reopen(): void {
    this.#guard = this.#newGuard()
  }

  #newGuard(): NestingGuard {
    return new NestingGuard(
      this.known,
      { ...defaultLimits, nestingDepthMax: this.#depthMax },
      () => this.#waiting.count,
      () => this.taken,
    )
  }
}

/** How deep the deepest type lies, deleted ones included. */
function deepest(updates: readonly Uint8Array[]): number {
  const doc = new Y.Doc({ gc: false })
  for (const update of updates) Y.applyUpdate(doc, update)
  let depth = 0
  for (const structs of doc.store.clients.values())
    for (const struct of structs) {
      if (!(struct instanceof Y.Item) || !(struct.content instanceof Y.ContentType)) continue
      let at = 0
      for (let item: Y.Item | null = struct; item !== null; item = (item.parent as Y.AbstractType<unknown> | null)?._item ?? null) at++
      depth = Math.max(depth, at)
    }
  return depth
}

/** Updates of a few authors who nest arrays, texts and values in each other, and delete some. */
function nestingHistory(random: Random): Uint8Array[] {
  const updates: Uint8Array[] = []
  const docs = [1, 2, 3].map((clientID) => {
    const doc = new Y.Doc({ gc: random.below(2) === 0 })
    doc.clientID = clientID
    doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'received') updates.push(update)
    })
    return doc
  })
  for (let step = 0; step < 60; step++) {
    const doc = docs[random.below(docs.length)] as Y.Doc
    if (random.below(3) === 0) for (const update of updates) Y.applyUpdate(doc, update, 'received')
    doc.transact(() => {
      let type: unknown = random.below(2) === 0 ? doc.getArray('array') : doc.getText('text')
      for (;;) {
        const inner: unknown[] =
          type instanceof Y.Text ? type.toDelta().map((part: { insert: unknown }) => part.insert) : (type as Y.Array<unknown>).toArray()
        const types = inner.filter((value) => value instanceof Y.Array || value instanceof Y.Text)
        if (types.length === 0 || random.below(5) === 0) break
        type = types[random.below(types.length)]
      }
      const made = random.below(2) === 0 ? new Y.Array<unknown>() : new Y.Text()
      if (type instanceof Y.Text) {
        const at = random.below(type.length + 1)
        if (random.below(6) === 0) type.delete(0, type.length)
        else if (random.below(2) === 0) type.insert(at, 'text')
        else type.insertEmbed(at, made as unknown as object)
        return
      }
      const array = type as Y.Array<unknown>
      const at = random.below(array.length + 1)
      if (random.below(6) === 0) array.delete(0, array.length)
      else array.insert(at, [random.below(2) === 0 ? 'value' : made])
    })
  }
  return updates
}

test('G1: a document takes what is nested as deep as it may be, in any order, and nothing deeper', () => {
  let deep = 0
  for (let seed = 1; seed <= 80; seed++) {
    const random = seededRandom(seed)
    const history = nestingHistory(random)
    const depth = deepest(history)
    if (depth < 3) continue
    deep++
    const order = random.below(2) === 0 ? history : shuffled(random, history)
    const [enough, tooFew] = [new Guarded(depth), new Guarded(depth - 1)]
    let refused = 0
    for (const update of order) {
      if (random.below(8) === 0) {
        enough.reopen()
        tooFew.reopen()
      }
      assert.equal(enough.submit(update), null, `seed ${seed}`)
      const code = tooFew.submit(update)
      if (code !== null) refused++
      assert.ok(code === null || code === 'nested-too-deeply', `seed ${seed}: ${code}`)
    }
    assert.ok(refused > 0, `seed ${seed}: nothing was refused`)
    assert.ok(deepest(tooFew.taken) < depth, `seed ${seed}: what was taken is too deep`)
  }
  assert.ok(deep > 40, `only ${deep} histories were deep`)
})

const mapsInEachOther = (depth: number): Uint8Array => {
  const doc = new Y.Doc()
  doc.transact(() => {
    let map = doc.getMap<unknown>('root')
    for (let level = 0; level < depth; level++) {
      const child = new Y.Map<unknown>()
      map.set('k', child)
      map = child
    }
  })
  return Y.encodeStateAsUpdate(doc)
}

test('G1: shared types nested deeper than the limit in one update are refused, however deep', () => {
  assert.equal(new Guarded(200).submit(mapsInEachOther(5000)), 'nested-too-deeply')
  assert.equal(new Guarded(200).submit(mapsInEachOther(201)), 'nested-too-deeply')
  assert.equal(new Guarded(200).submit(mapsInEachOther(200)), null)
})

test('G1: nesting is also counted through siblings, and many shallow types are no nesting', () => {
  const build = (levels: number, siblings: number): Uint8Array => {
    const doc = new Y.Doc()
    doc.transact(() => {
      let array = doc.getArray<unknown>('root')
      for (let level = 0; level < levels; level++) {
        // Each sibling but the first finds its parent through its neighbour. Every level hangs below the last one.
        const children = Array.from({ length: siblings }, () => new Y.Array<unknown>())
        array.push(children)
        array = children.at(-1) as Y.Array<unknown>
      }
    })
    return Y.encodeStateAsUpdate(doc)
  }
  assert.equal(new Guarded(200).submit(build(201, 3)), 'nested-too-deeply')
  assert.equal(new Guarded(200).submit(build(200, 3)), null)
  assert.equal(new Guarded(200).submit(build(1, 2000)), null)
})

test('G1: types that are nested a level with each update are refused past the limit, and stock clients can read the document', async () => {
  const bench = await OwnerBench.start({ limits: { nestingDepthMax: 50 } })
  const session = await bench.join('doc')
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  let map = doc.getMap<unknown>('root')
  for (let level = 0; level < 60; level++) {
    const child = new Y.Map<unknown>()
    map.set('k', child)
    map = child
  }
  for (const update of updates) session.submit(update)
  await bench.clock.settle()
  // What hangs on a level that was refused waits for it.
  assert.deepEqual(
    session.refusals.map(({ submission, error }) => [submission, error.code, error.closeCode]),
    [[51, 'nested-too-deeply', 4400]],
  )
  const stored = await bench.stored('doc')
  assert.equal(deepest([Y.encodeStateAsUpdate(stored)]), 50)
  assert.match(session.refusals[0]?.error.message ?? '', /more than 50 deep/)
})

test('depths along the clocks of a client are remembered as they were set, in whatever order', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed)
    const map = new DepthMap()
    const depths = new Array<number>(60).fill(-1)
    for (let step = 0; step < 30; step++) {
      const start = random.below(58)
      let end = start
      while (end < start + 1 + random.below(6) && end < 60 && depths[end] === -1) end++
      if (end === start) continue
      const depth = random.below(3)
      map.set(7, start, end, depth)
      depths.fill(depth, start, end)
      for (const [clock, expected] of depths.entries())
        if (expected >= 0) assert.equal(map.depthOf(7, clock), expected, `seed ${seed}, clock ${clock}`)
    }
  }
})
