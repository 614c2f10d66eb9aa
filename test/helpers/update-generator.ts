// Realistic random editing histories from a seed: several Y.Docs edit concurrently, exchange updates late and out of order, and are drained at the end.
import * as Y from 'yjs'
import type { Random } from '../../core/random.js'

export interface HistoryOptions {
  readonly clients?: number
  readonly steps?: number
  /** Whether clients garbage-collect what they deleted. */
  readonly gc?: boolean
}

export interface History {
  /** Every update as its author emitted it, in the order of emission. Merging all of them gives the whole document. */
  readonly updates: readonly Uint8Array[]
  /** A document that received everything. */
  readonly doc: Y.Doc
}

const words = ['a', 'word', 'naïve', '日本語', '👩‍🚀', '🙂🙃', ' ', '\n', 'Lorem ipsum dolor sit amet, consectetur adipiscing elit']

function pick<Value>(random: Random, values: readonly Value[]): Value {
  return values[random.below(values.length)] as Value
}

/** A JSON-like value, nested up to `depth`. */
export function randomValue(random: Random, depth = 2): unknown {
  switch (random.below(depth > 0 ? 12 : 9)) {
    case 0:
      return null
    case 1:
      return random.below(2) === 0
    case 2:
      return random.below(1 << 30) - (1 << 29)
    case 3:
      return random.fraction() * 1e9
    case 4:
      return BigInt(random.below(1 << 30))
    case 5:
      return random.bytes(random.below(8))
    case 6:
      return -0.5
    case 7:
    case 8:
      return pick(random, words)
    case 9:
    case 10:
      return Array.from({ length: random.below(4) }, () => randomValue(random, depth - 1))
    default:
      return Object.fromEntries(Array.from({ length: random.below(4) }, (_, index) => [`key${index}`, randomValue(random, depth - 1)]))
  }
}

function randomType(random: Random): Y.AbstractType<unknown> {
  switch (random.below(5)) {
    case 0:
      return new Y.Text(pick(random, words)) as unknown as Y.AbstractType<unknown>
    case 1:
      return new Y.Map() as unknown as Y.AbstractType<unknown>
    case 2:
      return new Y.XmlElement(pick(random, ['p', 'h1', 'größe'])) as unknown as Y.AbstractType<unknown>
    case 3:
      return new Y.XmlText(pick(random, words)) as unknown as Y.AbstractType<unknown>
    default:
      return new Y.Array() as unknown as Y.AbstractType<unknown>
  }
}

function editText(random: Random, text: Y.Text): void {
  const at = random.below(text.length + 1)
  const length = random.below(Math.min(6, text.length - at) + 1)
  switch (random.below(8)) {
    case 0:
    case 1:
      text.delete(at, length)
      break
    case 2:
      text.format(at, length, { [pick(random, ['bold', 'link', 'größe'])]: pick(random, [true, null, { href: '/"ü"' }]) })
      break
    case 3:
      text.insertEmbed(at, { image: pick(random, words) })
      break
    default:
      text.insert(at, pick(random, words))
  }
}

function editMap(random: Random, map: Y.Map<unknown>): void {
  const key = `key${random.below(5)}`
  const nested = map.get(key)
  const choice = random.below(8)
  if (choice === 0) map.delete(key)
  else if (choice < 3) map.set(key, randomType(random))
  else if (choice === 3) map.set(key, new Y.Doc({ guid: `sub-${random.below(1000)}`, meta: { name: pick(random, words) } }))
  else if (choice < 6 && nested instanceof Y.AbstractType) editType(random, nested)
  else map.set(key, randomValue(random))
}

function editArray(random: Random, array: Y.Array<unknown>): void {
  const at = random.below(array.length + 1)
  const nested = array.length > 0 ? array.get(random.below(array.length)) : null
  const choice = random.below(6)
  if (choice === 0) array.delete(at, random.below(Math.min(4, array.length - at) + 1))
  else if (choice === 1) array.insert(at, [randomType(random)])
  else if (choice === 2 && nested instanceof Y.AbstractType) editType(random, nested)
  // Yjs takes a bigint in an array only inside another value.
  else
    array.insert(
      at,
      Array.from({ length: 1 + random.below(4) }, () => [randomValue(random)]).flatMap((one) => (typeof one[0] === 'bigint' ? [one] : one)),
    )
}

function editXml(random: Random, parent: Y.XmlFragment): void {
  const at = random.below(parent.length + 1)
  const child = parent.length > 0 ? parent.get(random.below(parent.length)) : null
  const choice = random.below(7)
  if (choice === 0 && parent.length > 0) parent.delete(random.below(parent.length), 1)
  else if (choice === 1 && parent instanceof Y.XmlElement) parent.setAttribute('class', pick(random, words))
  else if (choice < 4 && child !== null) editType(random, child)
  else parent.insert(at, [random.below(2) === 0 ? new Y.XmlElement('p') : new Y.XmlText(pick(random, words))])
}

function editType(random: Random, type: unknown): void {
  if (type instanceof Y.Text) editText(random, type)
  else if (type instanceof Y.Map) editMap(random, type)
  else if (type instanceof Y.Array) editArray(random, type)
  else if (type instanceof Y.XmlFragment) editXml(random, type)
}

/** One random edit of a random kind; may change nothing. */
export function randomEdit(random: Random, doc: Y.Doc): void {
  switch (random.below(6)) {
    case 0:
      editMap(random, doc.getMap('map'))
      break
    case 1:
      editArray(random, doc.getArray('array'))
      break
    case 2:
      editXml(random, doc.getXmlFragment('xml'))
      break
    default:
      editText(random, doc.getText('text'))
  }
}

/** Generates a history. The same random source gives the same bytes: client ids are drawn from it too. */
export function randomHistory(random: Random, { clients = 3, steps = 60, gc = true }: HistoryOptions = {}): History {
  const updates: Uint8Array[] = []
  const peers = Array.from({ length: clients }, (_, index) => {
    const doc = new Y.Doc({ gc })
    // Small and large ids, so that their encodings have different lengths.
    doc.clientID = index + 1 + random.below(0x1000) * (index % 2 === 0 ? 1 : 0xf_ffff)
    const roots = [doc.getText('text'), doc.getMap('map'), doc.getArray('array'), doc.getXmlFragment('xml')]
    const undo = new Y.UndoManager(roots, { captureTimeout: 0 })
    doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'remote') updates.push(update)
    })
    return { doc, undo, received: 0 }
  })
  const deliver = (peer: (typeof peers)[number], until: number): void => {
    const batch = updates.slice(peer.received, until)
    peer.received = Math.max(until, peer.received)
    for (const update of batch) Y.applyUpdate(peer.doc, update, 'remote')
  }
  for (let step = 0; step < steps; step++) {
    const peer = pick(random, peers)
    const choice = random.below(10)
    if (choice === 0) peer.undo.undo()
    else if (choice === 1) peer.undo.redo()
    else if (choice < 4) deliver(peer, Math.max(peer.received, updates.length - random.below(4)))
    else
      peer.doc.transact(() => {
        for (let count = 1 + random.below(3); count > 0; count--) randomEdit(random, peer.doc)
      })
  }
  for (const peer of peers) peer.undo.destroy()
  const doc = new Y.Doc({ gc })
  for (const update of updates) Y.applyUpdate(doc, update, 'remote')
  for (const peer of peers) peer.doc.destroy()
  return { updates, doc }
}

/** `values` in a random order. */
export function shuffled<Value>(random: Random, values: readonly Value[]): Value[] {
  const result = [...values]
  for (let index = result.length - 1; index > 0; index--) {
    const other = random.below(index + 1)
    const swap = result[index] as Value
    result[index] = result[other] as Value
    result[other] = swap
  }
  return result
}

/** A new document with `updates` applied in order. */
export function documentOf(...updates: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc
}

// Subdocuments are objects of their own in each document: compare their ids.
function plain(value: unknown): unknown {
  if (value instanceof Y.Doc) return { subdocument: value.guid }
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
}

/** A document's readable content, for comparison: what is deleted does not show. */
export function contentOf(doc: Y.Doc): unknown {
  return {
    text: doc.getText('text').toDelta() as unknown,
    map: plain(doc.getMap('map').toJSON()),
    array: plain(doc.getArray('array').toJSON()),
    xml: doc.getXmlFragment('xml').toString(),
  }
}
