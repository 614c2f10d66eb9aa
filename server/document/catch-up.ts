// What a session lacks, from what it says it has.

import { asWeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import type { DocumentStore } from '../../persistence/store.js'
import { mergeUpdateTree } from '../../protocol/updates/merge.js'
import { decodeStateVector, type StateVectorBounds } from '../../protocol/updates/state-vector.js'
import type { Image } from './image.js'
import type { Known } from './port.js'
import type { Session, Sessions } from './sessions.js'

type CatchUpPlan =
  /** Answered from memory. */
  | { readonly kind: 'ready'; readonly updates: readonly Uint8Array[] }
  /** The log after `afterSeq` is asked first; `stateVector` serves if it does not reach back or would be longer than the document. */
  | { readonly kind: 'read-log'; readonly afterSeq: number; readonly stateVector: Uint8Array }

/** `incarnation` null: seqs mean nothing, go by state vectors. Throws `malformed` for a state vector that does not parse. */
function planCatchUp(image: Image, incarnation: string | null, known: Known, bounds: StateVectorBounds): CatchUpPlan {
  switch (known.kind) {
    case 'nothing':
      return { kind: 'ready', updates: image.everything() }
    case 'state-vector':
      return { kind: 'ready', updates: differenceFrom(image, known.stateVector, bounds) }
    case 'seq': {
      // A seq of another life of the document, or one that it has not reached, says nothing about this one.
      if (known.incarnation !== incarnation || known.seq > image.head)
        return { kind: 'ready', updates: differenceFrom(image, known.stateVector, bounds) }
      const updates = image.since(known.seq)
      return updates === null ? { kind: 'read-log', afterSeq: known.seq, stateVector: known.stateVector } : { kind: 'ready', updates }
    }
  }
}

function differenceFrom(image: Image, stateVector: Uint8Array, bounds: StateVectorBounds): readonly Uint8Array[] {
  const decoded = decodeStateVector(stateVector, bounds)
  return decoded.size === 0 ? image.everything() : image.difference(decoded)
}

export interface CatchUpSource {
  readonly documentId: string
  readonly store: Pick<DocumentStore, 'readLog'>
  readonly logger: Logger
  readonly image: Image
  readonly sessions: Sessions
  /** Of the state vectors that sessions send. */
  readonly bounds: StateVectorBounds
  /** The incarnation whose seqs can be resumed from; null while they cannot. */
  readonly incarnation: () => string | null
  /** What the live sessions have beyond the image, or null. A session that becomes live must get it too (S6). */
  readonly early: () => Uint8Array | null
  /** The seq that a session may resume from once it has its catch-up. */
  readonly seq: () => number
}

/** Answers the sessions of one document that ask to be brought up to date. */
export class CatchUps {
  readonly #source: CatchUpSource
  readonly #reads = new Map<string, Promise<Uint8Array | null>>()

  constructor(source: CatchUpSource) {
    this.#source = source
  }

  /** A session whose state vector does not parse is detached as `malformed`. */
  sync(session: Session, known: Known): void {
    const { image, incarnation, bounds } = this.#source
    this.#answer(session, () => {
      const plan = planCatchUp(image, incarnation(), known, bounds)
      if (plan.kind === 'ready') return plan.updates
      void this.#syncFromLog(session, plan.afterSeq, plan.stateVector)
      return null
    })
  }

  /** Never rejects. */
  async #syncFromLog(session: Session, afterSeq: number, stateVector: Uint8Array): Promise<void> {
    const { image } = this.#source
    const catchingUp = { kind: 'catching-up' } as const
    session.state = catchingUp
    const throughSeq = image.baseSeq
    const update = await this.#readLog(afterSeq, throughSeq, image.bytes)
    // Detached, suspended, or asked again meanwhile.
    if (session.state !== catchingUp) return
    this.#answer(session, () => {
      // The rest comes from the tail as it is now. It is gone from there if a compaction moved the base on.
      const rest = update === null ? null : image.since(throughSeq)
      return update === null || rest === null ? differenceFrom(image, stateVector, this.#source.bounds) : [update, ...rest]
    })
  }

  #answer(session: Session, updatesFor: () => readonly Uint8Array[] | null): void {
    const { sessions, early, seq } = this.#source
    let updates: readonly Uint8Array[] | null
    try {
      updates = updatesFor()
    } catch (thrown) {
      sessions.detach(session, asWeftError(thrown))
      return
    }
    if (updates === null) return
    const beyond = early()
    sessions.catchUp(session, { seq: seq(), updates: beyond === null ? updates : [...updates, beyond] })
  }

  /**
   * The log in `afterSeq < seq ≤ throughSeq` as one update; null when it is not all there, longer than `bytesMax`, or cannot be read now. Sessions that
   * ask for the same stretch at the same time share one read. Never rejects.
   */
  #readLog(afterSeq: number, throughSeq: number, bytesMax: number): Promise<Uint8Array | null> {
    const key = `${afterSeq}-${throughSeq}`
    const running = this.#reads.get(key)
    if (running !== undefined) return running
    const read = this.#readLogAnew(afterSeq, throughSeq, bytesMax).finally(() => this.#reads.delete(key))
    this.#reads.set(key, read)
    return read
  }

  async #readLogAnew(afterSeq: number, throughSeq: number, bytesMax: number): Promise<Uint8Array | null> {
    const { store, documentId, logger } = this.#source
    try {
      const rows = await store.readLog(documentId, afterSeq, throughSeq, bytesMax)
      if (rows === null || rows.at(-1)?.seq !== throughSeq) return null
      return mergeUpdateTree(rows.map((row) => row.update))
    } catch (error) {
      logger.warn({ documentId, error }, 'The log could not be read for a session; it gets the difference instead')
      return null
    }
  }
}
