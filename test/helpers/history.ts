// A seeded history of several authors who edit one document at the same time.
import * as Y from 'yjs'
import { seededRandom } from '../../core/random.js'

/** Updates of several authors who edit concurrently: inserts, deletes, maps with conflicts. */
export function history(seed: number, edits: number): { readonly updates: Uint8Array[]; readonly doc: Y.Doc } {
  const random = seededRandom(seed)
  const updates: Uint8Array[] = []
  const docs = [1, 2, 3].map((clientId) => {
    const doc = new Y.Doc()
    doc.clientID = clientId
    doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'sync') updates.push(update)
    })
    return doc
  })
  for (let edit = 0; edit < edits; edit++) {
    const doc = docs[random.below(3)] as Y.Doc
    const text = doc.getText('text')
    const map = doc.getMap<unknown>('map')
    const choice = random.below(5)
    if (choice === 0 && text.length > 3) text.delete(random.below(text.length - 2), 2)
    else if (choice === 1) map.set(`key${random.below(3)}`, edit)
    else if (choice === 2) map.set(`nested${random.below(2)}`, new Y.Map([['inner', new Y.Text('deep')]]))
    else text.insert(random.below(text.length + 1), 'ab')
    if (random.below(10) === 0) for (const other of docs) for (const update of updates) Y.applyUpdate(other, update, 'sync')
  }
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return { updates, doc }
}
