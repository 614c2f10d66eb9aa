// Who writes with which Yjs client id, kept in the document itself: the demo knows nobody's account, so the names are those that people gave themselves.
import type * as Y from 'yjs'
import type { Identity } from './identity.js'

const ROOT = 'people'

/** Notes who this client is once it writes, and when that changes. */
export function noteAuthor(doc: Y.Doc, identity: () => Identity): () => void {
  const people = doc.getMap<Identity>(ROOT)
  const key = String(doc.clientID)
  const note = (): void => {
    const { name, colour } = identity()
    const noted = people.get(key)
    if (noted?.name !== name || noted.colour !== colour) people.set(key, { name, colour })
  }
  let writes = false
  doc.on('afterTransaction', (transaction: Y.Transaction) => {
    if (writes || !transaction.local || !transaction.changedParentTypes.size) return
    writes = true
    note()
  })
  return () => {
    if (writes) note()
  }
}

/** Names and colours come from other browsers and are not trusted to have any shape. */
export function authorOf(doc: Y.Doc, clientId: number): Identity | null {
  const noted: unknown = doc.getMap(ROOT).get(String(clientId))
  if (typeof noted !== 'object' || noted === null) return null
  const { name, colour } = noted as { name?: unknown; colour?: unknown }
  return typeof name === 'string' && typeof colour === 'string' && /^#[0-9a-f]{6}$/i.test(colour) ? { name, colour } : null
}
