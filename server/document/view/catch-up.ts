// What a session lacks, from what it says it has.

import type { Clock } from '../../../core/clock.js'
import { asWeftError } from '../../../core/errors.js'
import { LazyMap } from '../../../core/lazy-collections.js'
import type { Logger } from '../../../core/log.js'
import type { DocumentStore } from '../../../persistence/store.js'
import { mergeUpdateTree } from '../../../protocol/updates/merge.js'
import { decodeStateVector, type StateVectorBounds } from '../../../protocol/updates/state-vector.js'
import type { CatchUp, Known, PieceWish } from '../port.js'
import type { Image } from './image.js'
import { indexed } from './index-making.js'
import type { SessionSlot, SessionSlotState, SessionSlots } from './session-slots.js'
import { Transfers } from './transfers.js'

/** Answered from memory. */
type ReadyPlan =
  | { readonly kind: 'everything' }
  | { readonly kind: 'difference'; readonly stateVector: ReadonlyMap<number, number> }
  /** The tail after a seq, behind what was read of the log. */
  | { readonly kind: 'rows'; readonly name: string; readonly updates: readonly Uint8Array[] }

type CatchUpPlan =
  | ReadyPlan
  /** The log after `afterSeq` is asked first; `stateVector` serves if it does not reach back or would be too long. */
  | { readonly kind: 'read-log'; readonly afterSeq: number; readonly stateVector: Uint8Array }

/** `incarnation` null: seqs mean nothing, go by state vectors. Throws `malformed` for a state vector that does not parse. */
function planCatchUp(image: Image, incarnation: string | null, known: Known, bounds: StateVectorBounds): CatchUpPlan {
  switch (known.kind) {
    case 'nothing':
      return { kind: 'everything' }
    case 'state-vector':
      return differenceFrom(known.stateVector, bounds)
    case 'seq': {
      // A seq of another life of the document, or one that it has not reached, says nothing about this one.
      if (known.incarnation !== incarnation || known.seq > image.head) return differenceFrom(known.stateVector, bounds)
      const updates = image.since(known.seq)
      return updates === null
        ? { kind: 'read-log', afterSeq: known.seq, stateVector: known.stateVector }
        : { kind: 'rows', name: `${known.seq}`, updates }
    }
  }
}

function differenceFrom(stateVector: Uint8Array, bounds: StateVectorBounds): ReadyPlan {
  const decoded = decodeStateVector(stateVector, bounds)
  return decoded.size === 0 ? { kind: 'everything' } : { kind: 'difference', stateVector: decoded }
}

/** More of the log is not read for one session: the difference comes out of memory, without a copy. */
const LOG_BYTES_MAX = 256 * 1024
/** Merged at a time. */
const MERGED_BYTES_MAX = 64 * 1024

export interface CatchUpSource {
  readonly documentId: string
  readonly environment: {
    readonly store: Pick<DocumentStore, 'readLog'>
    readonly logger: Logger
    readonly clock: Clock
    /** Of the state vectors that sessions send. */
    readonly limits: StateVectorBounds
  }
  readonly image: Image
  readonly sessions: SessionSlots
  /** The incarnation whose seqs can be resumed from; null while they cannot. */
  readonly resumableIncarnation: string | null
  /** What the live sessions have beyond the image, or null. A session that becomes live must get it too (S6). */
  readonly beyondImage: Uint8Array | null
  /** The seq that a session may resume from once it has its catch-up. */
  readonly resumableSeq: number
  /** The encoded state vector of what the image holds, or of somewhat less. */
  stateVector(): Uint8Array
}

type CatchingUp = Extract<SessionSlotState, { readonly kind: 'catching-up' }>

/** Answers the sessions of one document that ask to be brought up to date. */
export class CatchUps {
  readonly #source: CatchUpSource
  readonly #reads = new LazyMap<string, Promise<readonly Uint8Array[] | null>>()
  readonly #transfers = new Transfers()
  /** What all sessions that wait for the image wait for. */
  #step: Promise<void> | null = null

  constructor(source: CatchUpSource) {
    this.#source = source
  }

  /** A session whose state vector does not parse is detached as `malformed`. `pieces` null: it takes everything as a whole. */
  sync(session: SessionSlot, known: Known, pieces: PieceWish | null): void {
    const { image, environment } = this.#source
    if (!image.isReady) {
      void this.#syncWhenReady(session, known, pieces)
      return
    }
    this.#answer(session, pieces, () => {
      const plan = planCatchUp(image, this.#source.resumableIncarnation, known, environment.limits)
      if (plan.kind !== 'read-log') return plan
      void this.#syncFromLog(session, plan.afterSeq, plan.stateVector, pieces)
      return null
    })
  }

  /** Never rejects. */
  async #syncWhenReady(session: SessionSlot, known: Known, pieces: PieceWish | null): Promise<void> {
    if (await this.#isReadyFor(session, { kind: 'catching-up' })) this.sync(session, known, pieces)
  }

  /** False once the session is detached, suspended, or has asked again: nobody waits for the answer. Never rejects. */
  async #isReadyFor(session: SessionSlot, catchingUp: CatchingUp): Promise<boolean> {
    const { image, sessions } = this.#source
    session.state = catchingUp
    try {
      while (session.state === catchingUp && !image.isReady) {
        this.#step ??= this.#makeStep()
        await this.#step
      }
    } catch (thrown) {
      if (session.state === catchingUp) sessions.detach(session, asWeftError(thrown))
      return false
    }
    return session.state === catchingUp
  }

  /** A long tail is merged, and what is large is indexed, in short steps: one in each turn of the event loop, however many sessions wait. */
  async #makeStep(): Promise<void> {
    try {
      await this.#turn()
      this.#source.image.makeReady()
    } finally {
      this.#step = null
    }
  }

  /** Never rejects. */
  async #syncFromLog(session: SessionSlot, afterSeq: number, stateVector: Uint8Array, pieces: PieceWish | null): Promise<void> {
    const { image, environment } = this.#source
    const catchingUp: CatchingUp = { kind: 'catching-up' }
    session.state = catchingUp
    const throughSeq = image.baseSeq
    const updates = await this.#readLog(afterSeq, throughSeq, Math.min(image.bytes, LOG_BYTES_MAX))
    if (session.state !== catchingUp || !(await this.#isReadyFor(session, catchingUp))) return
    this.#answer(session, pieces, () => {
      // The rest comes from the tail as it is now. It is gone from there if a compaction moved the base on.
      const rest = updates === null ? null : image.since(throughSeq)
      if (updates === null || rest === null) return differenceFrom(stateVector, environment.limits)
      return { kind: 'rows', name: `${afterSeq}`, updates: [...updates, ...rest] }
    })
  }

  #answer(session: SessionSlot, pieces: PieceWish | null, planFor: () => ReadyPlan | null): void {
    const { sessions } = this.#source
    let state: CatchUp | null
    try {
      const plan = planFor()
      state = plan === null ? null : this.#carryOut(plan, pieces)
    } catch (thrown) {
      sessions.detach(session, asWeftError(thrown))
      return
    }
    if (state !== null) sessions.catchUp(session, state)
  }

  #carryOut(plan: ReadyPlan, pieces: PieceWish | null): CatchUp {
    const { image, beyondImage: beyond, resumableSeq: seq } = this.#source
    const state = { seq, updates: beyond === null ? [] : [beyond] }
    if (pieces === null) return { ...state, updates: [...this.#whole(plan), ...state.updates] }
    const { order, wholeBytesMax } = pieces
    const beyondImage = state.updates.map(indexed)
    const stateVector = (): Uint8Array => this.#source.stateVector()
    switch (plan.kind) {
      case 'everything': {
        if (image.bytes + lengthOf(state.updates) <= wholeBytesMax) break
        const name = `all ${image.baseSeq} ${image.head} ${seq} ${beyondImage.length}`
        const options = { hasNothing: true, stateVector: stateVector() }
        return {
          seq: state.seq,
          updates: [],
          transfer: this.#transfers.whole(name, () => [...image.sources(), ...beyondImage], order, options),
        }
      }
      case 'rows': {
        const updates = [...plan.updates, ...state.updates]
        if (lengthOf(updates) <= wholeBytesMax) break
        const name = `after ${plan.name} ${image.baseSeq} ${image.head} ${seq} ${beyondImage.length}`
        const options = { hasNothing: false, stateVector: stateVector() }
        return {
          seq: state.seq,
          updates: [],
          transfer: this.#transfers.whole(name, () => updates.map((update) => image.withIndex(update)), order, options),
        }
      }
      case 'difference': {
        // Nothing is cut that cannot be large.
        if (image.bytes + lengthOf(state.updates) <= wholeBytesMax) break
        const sources = [...image.sources(), ...beyondImage]
        let bytes = 0
        for (const source of sources) {
          bytes += source.structBytesAfter(plan.stateVector)
          // Whoever sees each message at once gets the deletions as a whole in any case.
          if (order === 'in-order') bytes += source.bytes.length - source.deletesOffset
        }
        if (bytes <= wholeBytesMax) break
        const options = { bytes, stateVector: stateVector() }
        return { seq: state.seq, updates: [], transfer: this.#transfers.difference(sources, plan.stateVector, order, options) }
      }
    }
    return { ...state, updates: [...this.#whole(plan), ...state.updates] }
  }

  #whole(plan: ReadyPlan): readonly Uint8Array[] {
    const { image } = this.#source
    switch (plan.kind) {
      case 'everything':
        return image.everything()
      case 'difference':
        return image.difference(plan.stateVector)
      case 'rows':
        return plan.updates
    }
  }

  /**
   * The log in `afterSeq < seq ≤ throughSeq`, merged as far as that is quick; null when it is not all there, longer than `bytesMax`, or
   * cannot be read now. Sessions that ask for the same stretch at the same time share one read. Never rejects.
   */
  #readLog(afterSeq: number, throughSeq: number, bytesMax: number): Promise<readonly Uint8Array[] | null> {
    const key = `${afterSeq}-${throughSeq}`
    const running = this.#reads.get(key)
    if (running !== undefined) return running
    const read = this.#readLogAnew(afterSeq, throughSeq, bytesMax).finally(() => this.#reads.delete(key))
    this.#reads.set(key, read)
    return read
  }

  async #readLogAnew(afterSeq: number, throughSeq: number, bytesMax: number): Promise<readonly Uint8Array[] | null> {
    const { documentId, environment } = this.#source
    const { store, logger } = environment
    try {
      const rows = await store.readLog(documentId, afterSeq, throughSeq, bytesMax)
      if (rows === null || rows.at(-1)?.seq !== throughSeq) return null
      const updates: Uint8Array[] = []
      let group: Uint8Array[] = []
      for (const { update } of rows) {
        if (group.length > 0 && lengthOf(group) + update.length > MERGED_BYTES_MAX) {
          updates.push(mergeUpdateTree(group))
          group = []
          await this.#turn()
        }
        group.push(update)
      }
      return [...updates, mergeUpdateTree(group)]
    } catch (error) {
      logger.warn({ documentId, error }, 'The log could not be read for a session; it gets the difference instead')
      return null
    }
  }

  /** Lets others have the event loop. */
  #turn(): Promise<void> {
    return new Promise((resolve) => this.#source.environment.clock.soon(resolve))
  }
}

function lengthOf(updates: readonly Uint8Array[]): number {
  let length = 0
  for (const update of updates) length += update.length
  return length
}
