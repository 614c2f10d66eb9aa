// A place for compactions that are known to cost little: a thread of this process. What a thread allocates in one large piece is not held
// by its limits and ends the whole process, so nothing is begun here that could come near them.
import { Worker } from 'node:worker_threads'
import { WeftError } from '../../../core/errors.js'
import type { DecodingCost } from '../../../protocol/updates/decoding-cost.js'
import type { CompactionAnswer, CompactionPlace, CompactionRequest } from './place.js'

export type ThreadMessage =
  | { readonly kind: 'cost'; readonly cost: DecodingCost }
  | { readonly kind: 'answer'; readonly answer: CompactionAnswer }

const MiB = 1024 * 1024
// Yjs recurses along nested types.
const STACK_MB = 32

export class CompactionThread implements CompactionPlace {
  readonly lasting = true
  readonly #worker: Worker

  /** `heapBytesMax`: where the thread ends, at the latest. */
  constructor(heapBytesMax: number) {
    this.#worker = new Worker(new URL('./thread-entry.js', import.meta.url), {
      resourceLimits: { stackSizeMb: STACK_MB, maxOldGenerationSizeMb: Math.ceil(heapBytesMax / MiB) },
      // Nothing of the process's settings is needed there.
      env: {},
    })
    // A thread that ends between two requests is noticed by the next one.
    this.#worker.on('error', () => {})
    this.#worker.unref()
  }

  ask(request: CompactionRequest, costed: (cost: DecodingCost) => void): Promise<CompactionAnswer> {
    const worker = this.#worker
    worker.ref()
    return new Promise<CompactionAnswer>((resolve, reject) => {
      const onMessage = (message: ThreadMessage): void => {
        if (message.kind === 'cost') costed(message.cost)
        else {
          settle()
          resolve(message.answer)
        }
      }
      const onEnd = (reason: unknown): void => {
        settle()
        reject(new WeftError('internal', 'The compaction thread ended.', { cause: reason }))
      }
      const settle = (): void => {
        worker.off('message', onMessage).off('error', onEnd).off('exit', onEnd)
        worker.unref()
      }
      worker.on('message', onMessage).on('error', onEnd).on('exit', onEnd)
      // A thread that has ended answers nothing, and says so no more.
      if (worker.threadId < 0) onEnd('it had ended before')
      else worker.postMessage(request)
    })
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}
