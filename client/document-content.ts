// Questions about a Y.Doc: whether Yjs here can work with it, and what it holds, answered from its store without encoding the document.
import * as Y from 'yjs'
import { WeftError } from '../core/errors.js'

/**
 * Throws unless `doc` was made by the copy of Yjs that this client uses. Another copy tells its types by classes of its own: what this one writes into
 * its documents would read as empty there, while everything says saved.
 */
export function checkDocument(doc: unknown): void {
  if (doc instanceof Y.Doc) return
  if (typeof (doc as Partial<Y.Doc> | null | undefined)?.getText !== 'function')
    throw new TypeError('open() takes the document id, and then a Y.Doc.')
  throw new WeftError(
    'foreign-document',
    'This Y.Doc was made by another copy of Yjs than the one that the client of weft-sync uses; what the server sends would read as empty in it. ' +
      'Load one copy: get yjs and weft-sync/client in the same way, both with `import` or both with `require`; let your bundler resolve `yjs` to one ' +
      'place (`resolve.dedupe` in Vite, an alias elsewhere); and see with `npm ls yjs` that one version of yjs 13 is installed.',
  )
}

/** Whether it holds anything at all, applied or waiting for what it depends on. */
export function hasContent(doc: Y.Doc): boolean {
  return doc.store.clients.size > 0 || hasPending(doc)
}

/** Whether it holds updates that wait for what they depend on. */
export function hasPending(doc: Y.Doc): boolean {
  return doc.store.pendingStructs !== null || doc.store.pendingDs !== null
}

/**
 * Yjs tells of no change any more once a listener of `update` or one of a few other events has thrown, since it takes that transaction for one that still
 * goes on. Answers whether that was so, and ends it. To be called outside of transactions.
 */
export function releaseEvents(doc: Y.Doc): boolean {
  if (doc._transaction !== null || doc._transactionCleanups.length === 0) return false
  doc._transactionCleanups = []
  return true
}

/** Whether it has every struct that a server with this encoded state vector has. One that still waits for what it depends on does not count. */
export function hasAllOf(doc: Y.Doc, serverStateVector: Uint8Array): boolean {
  const ours = Y.decodeStateVector(Y.encodeStateVector(doc))
  for (const [client, clock] of Y.decodeStateVector(serverStateVector)) if ((ours.get(client) ?? 0) < clock) return false
  return true
}

/**
 * Whether everything that a server with this encoded state vector lacks of the document is in `unsaved` (a v1 update, or null for none).
 * Looks at structs only.
 */
export function lacksOnly(doc: Y.Doc, serverStateVector: Uint8Array, unsaved: Uint8Array | null): boolean {
  const server = Y.decodeStateVector(serverStateVector)
  const ours = unsaved === null ? new Map<number, number>() : Y.parseUpdateMeta(unsaved).from
  for (const [client, clock] of Y.decodeStateVector(Y.encodeStateVector(doc))) {
    const has = server.get(client) ?? 0
    if (has < clock && has < (ours.get(client) ?? Number.POSITIVE_INFINITY)) return false
  }
  return true
}

/** Where pieces end, over which each client's clocks ascend. */
function endsOf(pieces: readonly Uint8Array[]): Map<number, number> {
  const ends = new Map<number, number>()
  for (const piece of pieces)
    for (const [client, end] of Y.parseUpdateMeta(piece).to) ends.set(client, Math.max(end, ends.get(client) ?? 0))
  return ends
}

/** The encoded state vector of the document with these pieces, which were not applied yet. */
export function stateVectorWith(doc: Y.Doc, pieces: readonly Uint8Array[]): Uint8Array {
  const all = endsOf(pieces)
  for (const [client, clock] of Y.decodeStateVector(Y.encodeStateVector(doc))) all.set(client, Math.max(clock, all.get(client) ?? 0))
  return Y.encodeStateVector(all)
}

/** Whether somebody with this encoded state vector has all structs of these pieces. */
export function covers(stateVector: Uint8Array, pieces: readonly Uint8Array[]): boolean {
  const has = Y.decodeStateVector(stateVector)
  for (const [client, end] of endsOf(pieces)) if ((has.get(client) ?? 0) < end) return false
  return true
}
