// Questions about a Y.Doc: whether Yjs here can work with it, and what it holds, answered from its store without encoding the document.
import * as Y from 'yjs'
import { WeftError } from '../core/errors.js'
import { ByteReader } from '../protocol/updates/byte-reader.js'
import { mergeUpdateTree } from '../protocol/updates/merge.js'
import { REF_SKIP, StructReader } from '../protocol/updates/struct-reader.js'

/**
 * Throws unless `doc` was made by the copy of Yjs that this client uses. Another copy tells its types by classes of its own: what this one
 * writes into its documents would read as empty there, while everything says saved.
 */
export function checkDocument(doc: unknown): void {
  if (doc instanceof Y.Doc) return
  if (typeof (doc as Partial<Y.Doc> | null | undefined)?.getText !== 'function')
    throw new TypeError('open() takes the document id, and then a Y.Doc.')
  throw new WeftError(
    'foreign-document',
    'This Y.Doc was made by another copy of Yjs than weft-sync/client has; what the server sends would read as empty in it. ' +
      'Load one: both with `import` or both with `require`; `resolve.dedupe` in Vite, an alias elsewhere; see `npm ls yjs`.',
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
 * Yjs tells of no change any more once a listener of `update` or one of a few other events has thrown, since it takes that transaction for
 * one that still goes on. Answers whether that was so, and ends it. To be called outside of transactions.
 */
export function releaseEvents(doc: Y.Doc): boolean {
  if (doc._transaction !== null || doc._transactionCleanups.length === 0) return false
  doc._transactionCleanups = []
  return true
}

/**
 * Whether it has every struct that a server with this encoded state vector has. One that still waits for what it depends on does not count.
 */
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
  const ours = new Map<number, number>()
  if (unsaved !== null)
    forEachStruct(unsaved, (client, clock) => {
      if (!ours.has(client)) ours.set(client, clock)
    })
  for (const [client, clock] of Y.decodeStateVector(Y.encodeStateVector(doc))) {
    const has = server.get(client) ?? 0
    if (has < clock && has < (ours.get(client) ?? Number.POSITIVE_INFINITY)) return false
  }
  return true
}

/** Calls `visit` with each struct of a v1 update, those of one client in order. (Yjs 14 has no `parseUpdateMeta`.) */
function forEachStruct(update: Uint8Array, visit: (client: number, clock: number, struct: StructReader) => void): void {
  const reader = new ByteReader(update, 'malformed-update')
  const struct = new StructReader(reader, Number.POSITIVE_INFINITY)
  for (let blocks = reader.readVarUint(); blocks > 0; blocks--) {
    let count = reader.readVarUint()
    const client = reader.readVarUint()
    for (let clock = reader.readVarUint(); count > 0; count--) {
      struct.read(client, clock)
      visit(client, clock, struct)
      clock += struct.length
    }
  }
}

/**
 * The clocks that the document would have with these pieces, which were not applied yet. Edits in them that wait for others do not count:
 * those others are still to be asked for.
 */
function clocksWith(doc: Y.Doc, pieces: readonly Uint8Array[]): Map<number, number> {
  const clocks = Y.decodeStateVector(Y.encodeStateVector(doc))
  forEachStruct(mergeUpdateTree(pieces), (client, clock, { ref, length }) => {
    const reached = clocks.get(client) ?? 0
    if (clock <= reached && clock + length > reached && ref !== REF_SKIP) clocks.set(client, clock + length)
  })
  return clocks
}

/** The encoded state vector of the document with these pieces. */
export function stateVectorWith(doc: Y.Doc, pieces: readonly Uint8Array[]): Uint8Array {
  return Y.encodeStateVector(clocksWith(doc, pieces))
}

/** Whether somebody with this encoded state vector has what these pieces add to the document. */
export function covers(stateVector: Uint8Array, doc: Y.Doc, pieces: readonly Uint8Array[]): boolean {
  const has = Y.decodeStateVector(stateVector)
  const before = Y.decodeStateVector(Y.encodeStateVector(doc))
  for (const [client, clock] of clocksWith(doc, pieces)) {
    if (clock > (before.get(client) ?? 0) && (has.get(client) ?? 0) < clock) return false
  }
  return true
}
