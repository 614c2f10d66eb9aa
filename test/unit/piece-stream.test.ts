// Documents in pieces: whatever the sizes, they bring a receiver to the same state; what comes before the closing update of a stock client shows nothing.
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import * as Y from 'yjs'
import { EncodedDocument } from '../../protocol/updates/encoded-document.js'
import { inspectUpdate, storedBounds } from '../../protocol/updates/inspect.js'
import { type PieceOrder, PieceStream, SharedPieces } from '../../protocol/updates/piece-stream.js'

const encoded = (update: Uint8Array): EncodedDocument => new EncodedDocument(update, inspectUpdate(update, storedBounds))

const streamOf = (
  sources: readonly EncodedDocument[],
  known: ReadonlyMap<number, number>,
  order: PieceOrder,
  shared: SharedPieces | null = null,
): PieceStream => new PieceStream({ sources, known, order, hasNothing: known.size === 0, shared })

const edit = fc.record({
  author: fc.nat(2),
  kind: fc.constantFrom('insert', 'insert', 'long', 'delete', 'map', 'list', 'nested', 'format', 'sync', 'sync'),
  at: fc.nat(),
  text: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).map((text) => text.toWellFormed()),
})

/** Three authors who write into one document; returns the state that lies in the base, the tail after it, and everything. */
function write(edits: readonly (typeof edit extends fc.Arbitrary<infer Edit> ? Edit : never)[]) {
  const authors = [0, 1, 2].map((index) => {
    const doc = new Y.Doc()
    doc.clientID = 10 + index
    return doc
  })
  const server = new Y.Doc()
  const tail: Uint8Array[] = []
  let base: Uint8Array = Y.encodeStateAsUpdate(server)
  server.on('update', (update: Uint8Array) => tail.push(update))
  const sync = (doc: Y.Doc): void => {
    Y.applyUpdate(server, Y.encodeStateAsUpdate(doc, Y.encodeStateVector(server)))
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(server, Y.encodeStateVector(doc)))
  }
  for (const [index, { author, kind, at, text }] of edits.entries()) {
    const doc = authors[author] as Y.Doc
    const body = doc.getText('body')
    const list = doc.getArray<unknown>('list')
    if (kind === 'insert') body.insert(at % (body.length + 1), text)
    else if (kind === 'long') body.insert(at % (body.length + 1), `${text} and 😀 `.repeat(60))
    else if (kind === 'delete' && body.length > 0) body.delete(at % body.length, Math.min(5, body.length - (at % body.length)))
    else if (kind === 'map') doc.getMap('map').set(text, at)
    else if (kind === 'list')
      list.insert(
        at % (list.length + 1),
        Array.from({ length: 80 }, () => text),
      )
    else if (kind === 'nested') {
      const paragraph = new Y.XmlElement('p')
      paragraph.insert(0, [new Y.XmlText(text)])
      doc.getXmlFragment('xml').insert(at % (doc.getXmlFragment('xml').length + 1), [paragraph])
    } else if (kind === 'format' && body.length > 0) body.format(at % body.length, 1, { bold: true })
    else sync(doc)
    if (index === edits.length >> 1) {
      base = Y.encodeStateAsUpdate(server)
      tail.length = 0
    }
  }
  for (const doc of authors) sync(doc)
  const updates = [base, ...(tail.length > 0 ? [Y.mergeUpdates(tail)] : [])]
  return { sources: updates.map(encoded), server, base }
}

/** Of a copy: a document that knows what its roots are tidies up formatting that comes later, each by what comes at once, and is then no more the same byte for byte. */
function shown(original: Y.Doc): unknown {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(original))
  return [doc.getText('body').toDelta(), doc.getArray('list').toJSON(), doc.getMap('map').toJSON(), doc.getXmlFragment('xml').toString()]
}

const hasPending = (doc: Y.Doc): boolean => doc.store.pendingStructs !== null || doc.store.pendingDs !== null

function everyPiece(stream: PieceStream, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let index = 0; ; index++) {
    const piece = stream.next(sizes[index % sizes.length] ?? 100)
    if (piece === null) return pieces
    inspectUpdate(piece, storedBounds)
    pieces.push(piece)
  }
}

const edits = fc.array(edit, { minLength: 1, maxLength: 40 })
const sizes = fc.array(fc.constantFrom(40, 200, 1_000, 10_000), { minLength: 1, maxLength: 4 })

function sameAs(server: Y.Doc, doc: Y.Doc): void {
  assert.equal(hasPending(doc), false)
  assert.deepEqual(shown(doc), shown(server))
  assert.deepEqual(Y.encodeStateAsUpdate(doc), Y.encodeStateAsUpdate(server))
}

/** A document with what is in the base, or with nothing. */
function receiver(base: Uint8Array, hasBase: boolean): { readonly doc: Y.Doc; readonly known: Map<number, number> } {
  const doc = new Y.Doc()
  if (hasBase) Y.applyUpdate(doc, base)
  return { doc, known: hasBase ? Y.decodeStateVector(Y.encodeStateVector(doc)) : new Map() }
}

describe('documents in pieces', () => {
  test('G9, S1: of edits that lie before those they wait for, as after an upload in pieces, nothing is shown before the closing update', () => {
    const writer = new Y.Doc()
    const updates: Uint8Array[] = []
    writer.on('update', (update: Uint8Array) => updates.push(update))
    for (let line = 0; line < 60; line++) writer.getArray('list').push([`line ${line} ${'x'.repeat(40)}`])
    const [first = [], second = [], third = []] = [0, 20, 40].map((from) => updates.slice(from, from + 20))
    for (const order of [
      [third, second, first],
      [second, first, third],
      [[...first, ...third], second],
    ]) {
      const stream = streamOf(
        order.map((updates) => encoded(Y.mergeUpdates(updates))),
        new Map(),
        'heads-last',
      )
      const doc = new Y.Doc()
      let changes = 0
      doc.on('update', () => changes++)
      for (const piece of everyPiece(stream, [500])) Y.applyUpdate(doc, piece)
      assert.equal(changes, 0)
      doc.transact(() => {
        for (const update of stream.closing()) Y.applyUpdate(doc, update)
      })
      assert.equal(changes, 1)
      sameAs(writer, doc)
    }
  })

  test('G9, S1: pieces in order are the document, and whoever kept some of them goes on where it was', () => {
    fc.assert(
      fc.property(edits, sizes, fc.boolean(), fc.nat(), (steps, bytes, hasBase, stopAt) => {
        const { sources, server, base } = write(steps)
        const { doc, known } = receiver(base, hasBase)
        const pieces = everyPiece(streamOf(sources, known, 'in-order'), bytes)
        const kept = pieces.slice(0, stopAt % (pieces.length + 1))
        const reached = new Map(known)
        for (const piece of kept)
          for (const [client, end] of Y.parseUpdateMeta(piece).to) reached.set(client, Math.max(end, reached.get(client) ?? 0))
        const rest = everyPiece(streamOf(sources, reached, 'in-order'), bytes)
        if (kept.length + rest.length > 0) Y.applyUpdate(doc, Y.mergeUpdates([...kept, ...rest]))
        sameAs(server, doc)

        const whole = receiver(base, hasBase)
        if (pieces.length > 0) Y.applyUpdate(whole.doc, Y.mergeUpdates(pieces))
        sameAs(server, whole.doc)
      }),
      { numRuns: 40 },
    )
  })

  test('G9, S1: pieces with the heads last show nothing, and everything with what closes them, in one transaction', () => {
    fc.assert(
      fc.property(edits, sizes, fc.boolean(), (steps, bytes, hasBase) => {
        const { sources, server, base } = write(steps)
        const { doc, known } = receiver(base, hasBase)
        const stream = streamOf(sources, known, 'heads-last')
        const before = shown(doc)
        for (const piece of everyPiece(stream, bytes)) {
          Y.applyUpdate(doc, piece)
          assert.deepEqual(shown(doc), before)
        }
        let transactions = 0
        // Those of Yjs itself, which tidies formatting up afterwards, are local.
        doc.on('afterTransaction', ({ changed, local }: Y.Transaction) => {
          if (changed.size > 0 && !local) transactions++
        })
        for (const update of stream.closing()) Y.applyUpdate(doc, update)
        assert.ok(transactions <= 1)
        sameAs(server, doc)
      }),
      { numRuns: 40 },
    )
  })

  test('who starts from nothing shares what others had cut, whatever the sizes', () => {
    fc.assert(
      fc.property(edits, sizes, sizes, fc.constantFrom<PieceOrder>('in-order', 'heads-last'), (steps, first, second, order) => {
        const { sources, server } = write(steps)
        const shared = new SharedPieces()
        const alone = everyPiece(streamOf(sources, new Map(), order, shared), first)
        const again = everyPiece(streamOf(sources, new Map(), order, shared), first)
        assert.ok(again.every((piece, index) => piece === alone[index]))
        const stream = streamOf(sources, new Map(), order, shared)
        const doc = new Y.Doc()
        for (const piece of [...everyPiece(stream, second), ...stream.closing()]) Y.applyUpdate(doc, piece)
        sameAs(server, doc)
      }),
      { numRuns: 50 },
    )
  })

  test('G9: a struct that is larger than a piece is cut between characters; what cannot be cut goes whole', () => {
    const doc = new Y.Doc()
    doc.getText('body').insert(0, '😀é'.repeat(50_000))
    doc.getArray('list').insert(0, [new Uint8Array(40_000).fill(1)])
    const update = Y.encodeStateAsUpdate(doc)
    for (const order of ['in-order', 'heads-last'] as const) {
      const stream = streamOf([encoded(update)], new Map(), order)
      const pieces = everyPiece(stream, [4_096])
      assert.ok(pieces.length > 60)
      assert.equal(pieces.filter((piece) => piece.length > 5_000).length, 1)
      const copy = new Y.Doc()
      Y.applyUpdate(copy, Y.mergeUpdates([...pieces, ...stream.closing()]))
      assert.equal(copy.getText('body').toString(), doc.getText('body').toString())
      assert.equal(hasPending(copy), false)
    }
  })
})
