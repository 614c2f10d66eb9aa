// Compaction off the event loop: one worker thread, one request at a time, started when needed and ended when idle.
import { Worker } from 'node:worker_threads'
import type { Clock, Timer } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import { type CompactionInput, type CompactionResult, type Compactor, findPoison } from './compaction.js'

export type CompactionRequest = CompactionInput

export type CompactionAnswer =
  | { readonly kind: 'compacted'; readonly state: Uint8Array; readonly gained: Uint8Array | null }
  | { readonly kind: 'unappliable'; readonly reason: string }
  | { readonly kind: 'mismatch'; readonly reason: string }

const IDLE_MS = 10_000
/** A 64 MiB document takes some 10 s; past this the worker is taken for hung. */
const REQUEST_MS_MAX = 120_000
// Yjs recurses along nested types; and a document in memory costs up to 13 times its encoded size, twice while it is verified.
const RESOURCE_LIMITS = { stackSizeMb: 32, maxOldGenerationSizeMb: 2048 }

type CompactorState =
  | { readonly kind: 'no-worker' }
  | { readonly kind: 'idle'; readonly worker: Worker; readonly timer: Timer }
  | { readonly kind: 'busy'; readonly worker: Worker }
  | { readonly kind: 'closed' }

export class WorkerCompactor implements Compactor {
  readonly #clock: Clock
  #state: CompactorState = { kind: 'no-worker' }
  /** Settles when the requests before the next one are answered. */
  #queue: Promise<void> = Promise.resolve()

  constructor(options: { readonly clock: Clock }) {
    this.#clock = options.clock
  }

  compact(input: CompactionInput): Promise<CompactionResult> {
    const result = this.#queue.then(() => this.#compact(input))
    this.#queue = result.then(
      () => {},
      () => {},
    )
    return result
  }

  /** Ends the worker; what waits or runs is rejected. Idempotent. */
  async close(): Promise<void> {
    const state = this.#state
    this.#state = { kind: 'closed' }
    if (state.kind === 'idle') state.timer.cancel()
    if (state.kind === 'idle' || state.kind === 'busy') await state.worker.terminate()
    await this.#queue
  }

  async #compact(input: CompactionInput): Promise<CompactionResult> {
    const answer = await this.#ask(input)
    switch (answer.kind) {
      case 'compacted':
        return { outcome: 'compacted', state: answer.state, gained: answer.gained }
      case 'mismatch':
        throw new WeftError('internal', answer.reason)
      case 'unappliable': {
        const poison = await findPoison(input, async (part) => {
          const partial = await this.#ask(part)
          if (partial.kind === 'mismatch') throw new WeftError('internal', partial.reason)
          return partial.kind === 'compacted' ? null : partial.reason
        })
        return { outcome: 'poisoned', ...poison }
      }
    }
  }

  #ask(request: CompactionRequest): Promise<CompactionAnswer> {
    const worker = this.#takeWorker()
    return new Promise((resolve, reject) => {
      const limit = this.#clock.after(REQUEST_MS_MAX, () => {
        void worker.terminate()
        settle()
        reject(new WeftError('internal', `A compaction took longer than ${REQUEST_MS_MAX} ms and was ended.`))
      })
      const onAnswer = (answer: CompactionAnswer): void => {
        settle()
        this.#putWorker(worker)
        resolve(answer)
      }
      const onEnd = (reason: unknown): void => {
        settle()
        if (this.#state.kind === 'busy') this.#state = { kind: 'no-worker' }
        reject(new WeftError('internal', 'The compaction worker ended.', { cause: reason }))
      }
      const settle = (): void => {
        limit.cancel()
        worker.off('message', onAnswer).off('error', onEnd).off('exit', onEnd)
        // An `error` may still follow its end, and would be thrown without a listener.
        worker.on('error', () => {})
      }
      worker.on('message', onAnswer).on('error', onEnd).on('exit', onEnd)
      worker.postMessage(request)
    })
  }

  #takeWorker(): Worker {
    const state = this.#state
    if (state.kind === 'closed') throw new WeftError('draining', 'The server is stopping and compacts nothing any more.')
    if (state.kind === 'idle') {
      state.timer.cancel()
      state.worker.removeAllListeners('error')
      state.worker.ref()
    }
    const worker =
      state.kind === 'idle'
        ? state.worker
        : new Worker(new URL('./compaction-worker.js', import.meta.url), { resourceLimits: RESOURCE_LIMITS })
    this.#state = { kind: 'busy', worker }
    return worker
  }

  #putWorker(worker: Worker): void {
    if (this.#state.kind !== 'busy') return
    worker.unref()
    const timer = this.#clock.after(
      IDLE_MS,
      () => {
        this.#state = { kind: 'no-worker' }
        void worker.terminate()
      },
      { unref: true },
    )
    this.#state = { kind: 'idle', worker, timer }
  }
}
