// What a session lacks, from what it says it has.

import type { Logger } from '../../core/log.js'
import type { DocumentStore } from '../../persistence/store.js'
import { storedBounds } from '../../protocol/updates/inspect.js'
import { mergeUpdateTree } from '../../protocol/updates/merge.js'
import { decodeStateVector } from '../../protocol/updates/state-vector.js'
import type { Image } from './image.js'
import type { Known } from './port.js'

export type CatchUpPlan =
  /** Answered from memory. */
  | { readonly kind: 'ready'; readonly updates: readonly Uint8Array[] }
  /** The log after `afterSeq` is asked first; `stateVector` serves if it does not reach back or would be longer than the document. */
  | { readonly kind: 'read-log'; readonly afterSeq: number; readonly stateVector: Uint8Array }

/** `incarnation` null: seqs mean nothing, go by state vectors. Throws `malformed` for a state vector that does not parse. */
export function planCatchUp(image: Image, incarnation: string | null, known: Known): CatchUpPlan {
  switch (known.kind) {
    case 'nothing':
      return { kind: 'ready', updates: image.everything() }
    case 'state-vector':
      return { kind: 'ready', updates: differenceFrom(image, known.stateVector) }
    case 'seq': {
      // A seq of another life of the document, or one that it has not reached, says nothing about this one.
      if (known.incarnation !== incarnation || known.seq > image.head)
        return { kind: 'ready', updates: differenceFrom(image, known.stateVector) }
      const updates = image.since(known.seq)
      return updates === null ? { kind: 'read-log', afterSeq: known.seq, stateVector: known.stateVector } : { kind: 'ready', updates }
    }
  }
}

export function differenceFrom(image: Image, stateVector: Uint8Array): readonly Uint8Array[] {
  const decoded = decodeStateVector(stateVector, storedBounds)
  return decoded.size === 0 ? image.everything() : image.difference(decoded)
}

/** Reads stretches of one document's log as single updates. Sessions that ask for the same stretch at the same time share one read. */
export class LogReader {
  readonly #store: DocumentStore
  readonly #logger: Logger
  readonly #documentId: string
  readonly #reads = new Map<string, Promise<Uint8Array | null>>()

  constructor(store: DocumentStore, logger: Logger, documentId: string) {
    this.#store = store
    this.#logger = logger
    this.#documentId = documentId
  }

  /** The log in `afterSeq < seq ≤ throughSeq`; null when it is not all there, longer than `bytesMax`, or cannot be read now. Never rejects. */
  read(afterSeq: number, throughSeq: number, bytesMax: number): Promise<Uint8Array | null> {
    const key = `${afterSeq}-${throughSeq}`
    const running = this.#reads.get(key)
    if (running !== undefined) return running
    const read = this.#read(afterSeq, throughSeq, bytesMax).finally(() => this.#reads.delete(key))
    this.#reads.set(key, read)
    return read
  }

  async #read(afterSeq: number, throughSeq: number, bytesMax: number): Promise<Uint8Array | null> {
    try {
      const rows = await this.#store.readLog(this.#documentId, afterSeq, throughSeq, bytesMax)
      if (rows === null || rows.at(-1)?.seq !== throughSeq) return null
      return mergeUpdateTree(rows.map((row) => row.update))
    } catch (error) {
      this.#logger.warn({ documentId: this.#documentId, error }, 'The log could not be read for a session; it gets the difference instead')
      return null
    }
  }
}
