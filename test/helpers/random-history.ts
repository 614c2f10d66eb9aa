// A seeded history of several authors who edit texts with formatting, nested maps, arrays and XML, now and then without having heard of each other.
import * as Y from 'yjs'
import type { Random } from '../../core/random.js'

export interface RandomHistory {
  /** One update for each edit, in an order in which each could have been committed. */
  readonly updates: readonly Uint8Array[]
}

/** Of characters that one unit holds each: edits fall on any position, and Yjs gives up a pair that is torn apart. */
const words = ['weft', 'warp', 'loom', 'thread', ' ', 'shuttle ', 'ünïcode 文 ']

/** `edits` edits of three authors. */
export function randomHistory(random: Random, edits: number): RandomHistory {
  const docs = [11, 22, 33].map((clientId) => {
    const doc = new Y.Doc()
    doc.clientID = clientId + random.below(1_000_000) * 100
    return doc
  })
  const updates: Uint8Array[] = []
  const queues = docs.map((): Uint8Array[] => [])
  for (const [author, doc] of docs.entries())
    doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin === 'heard') return
      updates.push(update)
      for (const [other, queue] of queues.entries()) if (other !== author) queue.push(update)
    })
  const hear = (author: number): void => {
    const doc = docs[author]
    if (doc !== undefined) for (const update of queues[author]?.splice(0) ?? []) Y.applyUpdate(doc, update, 'heard')
  }
  for (let edit = 0; edit < edits; edit++) {
    const author = random.below(docs.length)
    if (random.below(3) > 0) hear(author)
    const doc = docs[author]
    if (doc !== undefined) doc.transact(() => randomEdit(doc, random))
  }
  for (const author of docs.keys()) hear(author)
  for (const doc of docs) doc.destroy()
  return { updates }
}

function pick<Value>(random: Random, values: readonly Value[]): Value {
  const value = values[random.below(values.length)]
  if (value === undefined) throw new Error('Nothing to pick from.')
  return value
}

export function randomEdit(doc: Y.Doc, random: Random): void {
  switch (random.below(6)) {
    case 0:
    case 1:
      editText(doc.getText('text'), random)
      break
    case 2:
      editMap(doc.getMap('map'), random, 0)
      break
    case 3:
      editArray(doc.getArray('array'), random, 0)
      break
    case 4:
      editXml(doc.getXmlFragment('xml'), random, 0)
      break
    default:
      editText(doc.getText(pick(random, ['late', 'other'])), random)
  }
}

function editText(text: Y.Text, random: Random): void {
  const at = random.below(text.length + 1)
  const length = Math.min(text.length - at, 1 + random.below(8))
  switch (random.below(length > 0 ? 5 : 2)) {
    case 0:
      text.insert(at, pick(random, words))
      return
    case 1:
      text.insert(at, pick(random, words), pick(random, [{ bold: true }, { italic: true }, { link: 'https://weft' }]))
      return
    case 2:
      text.format(at, length, pick(random, [{ bold: true }, { bold: null }, { color: 'red' }]))
      return
    case 3:
      text.insertEmbed(at, { image: 'https://picture' })
      return
    default:
      text.delete(at, length)
  }
}

function randomValue(random: Random, depth: number): unknown {
  switch (random.below(depth > 3 ? 4 : 8)) {
    case 0:
      return random.below(1000)
    case 1:
      return pick(random, words)
    case 2:
      return { nested: [1, null, true, pick(random, words)] }
    case 3:
      return Uint8Array.of(1, 2, random.below(256))
    case 4:
      return new Y.Map([[pick(random, ['a', 'b']), random.below(9)]])
    case 5:
      return Y.Array.from([random.below(9), pick(random, words)])
    case 6:
      return new Y.Doc({ guid: `subdocument ${random.below(1_000_000)}` })
    default:
      return new Y.Text(pick(random, words))
  }
}

function editMap(map: Y.Map<unknown>, random: Random, depth: number): void {
  const key = pick(random, ['a', 'b', 'c', 'd'])
  const held = map.get(key)
  if (held !== undefined && editNested(held, random, depth)) return
  if (held !== undefined && random.below(3) === 0) map.delete(key)
  else map.set(key, randomValue(random, depth))
}

function editArray(array: Y.Array<unknown>, random: Random, depth: number): void {
  const at = random.below(array.length + 1)
  const held = array.length > at ? array.get(at) : undefined
  if (held !== undefined && editNested(held, random, depth)) return
  if (held !== undefined && random.below(3) === 0) array.delete(at, 1)
  else array.insert(at, [randomValue(random, depth)])
}

/** Into what is there, half of the times. */
function editNested(value: unknown, random: Random, depth: number): boolean {
  if (random.below(2) === 0) return false
  if (value instanceof Y.Text) editText(value, random)
  else if (value instanceof Y.Map) editMap(value, random, depth + 1)
  else if (value instanceof Y.Array) editArray(value, random, depth + 1)
  else return false
  return true
}

function editXml(parent: Y.XmlFragment, random: Random, depth: number): void {
  const at = random.below(parent.length + 1)
  const held: unknown = parent.length > at ? parent.get(at) : undefined
  if (held instanceof Y.XmlText && random.below(2) === 0) {
    editText(held, random)
    return
  }
  if (held instanceof Y.XmlElement && random.below(2) === 0) {
    if (random.below(3) === 0) held.setAttribute('level', String(random.below(6)))
    else if (depth < 4) editXml(held, random, depth + 1)
    return
  }
  if (held !== undefined && random.below(4) === 0) parent.delete(at, 1)
  else if (random.below(2) === 0) parent.insert(at, [new Y.XmlElement(pick(random, ['paragraph', 'heading', 'blockquote']))])
  else parent.insert(at, [new Y.XmlText(pick(random, words))])
}
