// What people do to a document.
import * as Y from 'yjs'
import type { Random } from '../../core/random.js'

const LETTERS = 'abcdefghijklmnopqrstuvwxyz'

/** One random edit of text (with formatting), map, array or nested types; one transaction. */
export function editRandomly(doc: Y.Doc, random: Random): void {
  doc.transact(() => {
    const text = doc.getText('text')
    const choice = random.below(100)
    if (choice < 45) {
      const letters = LETTERS.charAt(random.below(26)).repeat(1 + random.below(4))
      text.insert(random.below(text.length + 1), letters, random.below(5) === 0 ? { bold: true } : {})
    } else if (choice < 62) deleteFrom(text, random)
    else if (choice < 70 && text.length > 1) {
      const from = random.below(text.length)
      text.format(from, 1 + random.below(text.length - from), {
        [random.below(2) === 0 ? 'bold' : 'italic']: random.below(2) === 0 ? true : null,
      })
    } else if (choice < 82) doc.getMap('map').set(`key${random.below(4)}`, random.below(1000))
    else if (choice < 86) doc.getMap('map').delete(`key${random.below(4)}`)
    else editArray(doc.getArray('array'), random)
  })
}

function editArray(array: Y.Array<unknown>, random: Random): void {
  const choice = random.below(4)
  if (choice === 0) deleteFrom(array, random)
  else if (choice === 1) {
    const nested = new Y.Map()
    nested.set('text', new Y.Text('nested'))
    array.insert(random.below(array.length + 1), [nested])
  } else if (choice === 2) {
    const item = array.length === 0 ? null : array.get(random.below(array.length))
    if (item instanceof Y.Map) item.set(`field${random.below(3)}`, random.below(1000))
  } else array.insert(random.below(array.length + 1), [random.below(1000), 'item'])
}

function deleteFrom(list: { readonly length: number; delete(index: number, length: number): void }, random: Random): void {
  if (list.length === 0) return
  const from = random.below(list.length)
  list.delete(from, 1 + random.below(Math.min(5, list.length - from)))
}
