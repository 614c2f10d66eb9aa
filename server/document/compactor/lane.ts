// One compaction at a time in a place that is started when it is needed, with a queue before it and a time limit by what the compaction
// costs.
import type { Clock, Timer } from '../../../core/clock.js'
import { WeftError } from '../../../core/errors.js'
import type { MemoryAccount } from '../../../core/memory-budget.js'
import type { DecodingCost } from '../../../protocol/updates/decoding-cost.js'
import { FairQueue } from './fair-queue.js'
import type { CompactionAnswer, CompactionPlace, CompactionRequest } from './place.js'

export interface LaneOptions {
  readonly clock: Clock
  /** Told of what a running compaction holds in this process. */
  readonly account: MemoryAccount
  readonly start: () => CompactionPlace
  /** A place that has nothing to do is kept this long. */
  readonly idleMs: number
}

interface Job {
  readonly request: CompactionRequest
  readonly resolve: (answer: CompactionAnswer) => void
  readonly reject: (error: WeftError) => void
}

type LaneState =
  | { readonly kind: 'empty' }
  | { readonly kind: 'idle'; readonly place: CompactionPlace; readonly timer: Timer }
  | { readonly kind: 'busy'; readonly place: CompactionPlace }
  | { readonly kind: 'closed' }

const MiB = 1024 * 1024
/**
 * Until the cost is known, which takes one look at each byte: hardly any time, unless the machine is busy, since a place yields to
 * everything else.
 */
const INSPECTION_MS = 30_000
const INSPECTION_MS_PER_MIB = 3_000
/** Compacting decodes twice and encodes, on a machine that has other things to do. */
const COMPACTION_MS = 30_000
const COMPACTION_MS_PER_MS = 20

export class CompactionLane {
  readonly #options: LaneOptions
  readonly #queue = new FairQueue<Job>()
  #state: LaneState = { kind: 'empty' }

  constructor(options: LaneOptions) {
    this.#options = options
  }

  /** Rejects when the place ended, or the compaction took too long. */
  run(request: CompactionRequest): Promise<CompactionAnswer> {
    if (this.#state.kind === 'closed') return Promise.reject(closed())
    return new Promise((resolve, reject) => {
      this.#queue.add({ request, resolve, reject }, requestBytes(request), this.#options.clock.monotonic())
      this.#next()
    })
  }

  /** Ends the place; what waits or runs is rejected. Idempotent. */
  async close(): Promise<void> {
    const state = this.#state
    this.#state = { kind: 'closed' }
    for (const job of this.#queue.takeAll()) job.reject(closed())
    if (state.kind === 'idle') state.timer.cancel()
    if (state.kind === 'idle' || state.kind === 'busy') await state.place.end()
  }

  #next(): void {
    const state = this.#state
    if (state.kind === 'closed' || state.kind === 'busy') return
    const job = this.#queue.take()
    if (job === null) return
    if (state.kind === 'idle') state.timer.cancel()
    const place = state.kind === 'idle' ? state.place : this.#options.start()
    this.#state = { kind: 'busy', place }
    void this.#work(place, job)
  }

  /** Never rejects. */
  async #work(place: CompactionPlace, { request, resolve, reject }: Job): Promise<void> {
    const { clock, account } = this.#options
    // A place has a copy of what goes in, and gives one of what comes out.
    const held = 2 * requestBytes(request)
    account.add(held)
    let tookTooLong: string | null = null
    const within = (msMax: number): Timer =>
      clock.after(msMax, () => {
        tookTooLong = `A compaction took longer than ${Math.round(msMax)} ms and was ended.`
        void place.end()
      })
    let limit = within(INSPECTION_MS + (requestBytes(request) / MiB) * INSPECTION_MS_PER_MIB)
    const costed = (cost: DecodingCost): void => {
      limit.cancel()
      limit = within(COMPACTION_MS + cost.ms * COMPACTION_MS_PER_MS)
    }
    let lasts = place.lasting
    try {
      resolve(await place.ask(request, costed))
    } catch (thrown) {
      lasts = false
      const cause = tookTooLong ?? (thrown instanceof WeftError ? thrown.message : String(thrown))
      reject(this.#state.kind === 'closed' ? closed() : new WeftError('internal', cause, { cause: thrown }))
    }
    limit.cancel()
    account.add(-held)
    if (!lasts) await place.end()
    if (this.#state.kind === 'closed') return
    this.#rest(lasts ? place : null)
    this.#next()
  }

  #rest(place: CompactionPlace | null): void {
    if (place === null) {
      this.#state = { kind: 'empty' }
      return
    }
    const timer = this.#options.clock.after(
      this.#options.idleMs,
      () => {
        this.#state = { kind: 'empty' }
        void place.end()
      },
      { unref: true },
    )
    this.#state = { kind: 'idle', place, timer }
  }
}

export function requestBytes({ input }: CompactionRequest): number {
  return input.tail.reduce((sum, update) => sum + update.length, input.base?.length ?? 0)
}

function closed(): WeftError {
  return new WeftError('draining', 'The server is stopping and compacts nothing any more.')
}
