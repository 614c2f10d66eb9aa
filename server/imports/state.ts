// States of documents: put together from what a store has, and compared.
import * as Y from 'yjs'
import { WeftError } from '../../core/errors.js'
import type { UpdateEncoding } from './source.js'

export interface SourceState {
  /** All of it as one update in the first encoding, with what was deleted as far as the store kept it. */
  readonly update: Uint8Array
  readonly isEmpty: boolean
  /** Some edits build on others that the store does not have. Nobody ever saw them, and they are left out of `update`. */
  readonly waiting: boolean
}

/** Throws `malformed` for what Yjs cannot take. */
export function stateOf(updates: readonly Uint8Array[], encoding: UpdateEncoding): SourceState {
  // Without collection, since what was deleted may be kept on purpose.
  const doc = new Y.Doc({ gc: false })
  try {
    doc.transact(() => {
      for (const update of updates)
        if (encoding === 'v1') Y.applyUpdate(doc, update)
        else Y.applyUpdateV2(doc, update)
    })
    const waiting = doc.store.pendingStructs !== null || doc.store.pendingDs !== null
    doc.store.pendingStructs = null
    doc.store.pendingDs = null
    return { update: Y.encodeStateAsUpdate(doc), isEmpty: doc.store.clients.size === 0, waiting }
  } catch (thrown) {
    throw new WeftError('malformed', `Yjs cannot read it${encoding === 'v1' ? ' as an update of the first encoding' : ''}.`, {
      cause: thrown,
    })
  } finally {
    doc.destroy()
  }
}

/**
 * Whether `target` holds all of `source`; `same` if it holds nothing else. Both are passed through fresh documents, after which two that have the same structs
 * and deletions are the same bytes.
 */
export function compare(source: Uint8Array, target: Uint8Array): 'same' | 'contains' | 'differs' {
  const present = canonical([target])
  if (present.equals(canonical([source]))) return 'same'
  return present.equals(canonical([target, source])) ? 'contains' : 'differs'
}

function canonical(updates: readonly Uint8Array[]): Buffer {
  return encoded([encoded(updates)])
}

function encoded(updates: readonly Uint8Array[]): Buffer {
  const doc = new Y.Doc()
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update)
  })
  const state = Buffer.from(Y.encodeStateAsUpdate(doc))
  doc.destroy()
  return state
}
