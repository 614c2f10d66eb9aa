// Carries out tasks on decoded documents off the event loop, so that none can do harm: what it will cost is told from the bytes first; what
// costs little is done in a thread, what may cost much in a process of its own, and what would cost more than that is not begun.
import type { Clock, Timer } from '../../../core/clock.js'
import { WeftError } from '../../../core/errors.js'
import { type MemoryAccount, MemoryCharge } from '../../../core/memory-budget.js'
import type { DecodingCost } from '../../../protocol/updates/decoding-cost.js'
import { type TaskKind, type TaskOf, type TaskResults, updatesOf } from '../tasks/tasks.js'
import type { WorkAnswer, WorkRequest } from './messages.js'
import { type Place, WorkProcess, WorkThread } from './places.js'

const MiB = 1024 * 1024
const THREAD_BOUNDS: DecodingCost = { memoryBytes: 256 * MiB, ms: 5_000 }
const THREAD_HEAP_BYTES_MAX = 1024 * MiB
const THREAD_REQUEST_BYTES_MAX = 24 * MiB
const PROCESS_MS_MAX = 120_000
const TASK_MS_MAX = 60_000
const IDLE_MS = 20_000
const WAITING_MAX = 64

export interface WorkshopOptions {
  readonly clock: Clock
  /** What one task may take, in a process of its own. */
  readonly memoryBytesMax: number
  /** What may be begun in a thread. */
  readonly threadBounds?: DecodingCost
  /** How long a task may take. */
  readonly taskMsMax?: number
  /** Of what tasks hold in this process. */
  readonly account: MemoryAccount
}

export class Workshop {
  readonly #options: WorkshopOptions
  readonly #waiting: (() => void)[] = []
  #thread: WorkThread | null = null
  #idleTimer: Timer | null = null
  #running: Place | null = null
  #busy = false
  #state: 'open' | 'closed' = 'open'

  constructor(options: WorkshopOptions) {
    this.#options = options
  }

  /**
   * One task at a time. Rejects with `document-too-large` for what would cost too much, `document-quarantined` for bytes that Yjs does not
   * take, `overloaded` when too many wait, and `draining` once this is closed.
   */
  async run<Kind extends TaskKind>(task: TaskOf<Kind>): Promise<TaskResults[Kind]> {
    const charge = new MemoryCharge(this.#options.account)
    const bytes = updatesOf(task).reduce((sum, update) => sum + update.length, 0)
    charge.set(bytes)
    try {
      await this.#turn()
      try {
        // The task's kind decides what the answer holds.
        return (await this.#carryOut({ task, bounds: this.#options.threadBounds ?? THREAD_BOUNDS }, bytes)) as TaskResults[Kind]
      } finally {
        this.#next()
      }
    } finally {
      charge.set(0)
    }
  }

  /** Ends what runs; what waits or runs is rejected. Idempotent. */
  async close(): Promise<void> {
    this.#state = 'closed'
    this.#idleTimer?.cancel()
    for (const wake of this.#waiting.splice(0)) wake()
    await Promise.all([this.#running?.end(), this.#thread?.end()])
  }

  async #carryOut(request: WorkRequest, bytes: number): Promise<unknown> {
    let answer: WorkAnswer = { kind: 'too-costly', cost: { memoryBytes: Number.POSITIVE_INFINITY, ms: 0 } }
    if (bytes <= THREAD_REQUEST_BYTES_MAX) {
      this.#thread ??= new WorkThread(THREAD_HEAP_BYTES_MAX)
      answer = await this.#ask(this.#thread, request)
    }
    if (answer.kind === 'too-costly') {
      const { memoryBytesMax } = this.#options
      const place = new WorkProcess(memoryBytesMax)
      answer = await this.#ask(place, { ...request, bounds: { memoryBytes: memoryBytesMax, ms: PROCESS_MS_MAX } })
      await place.end()
    }
    switch (answer.kind) {
      case 'done':
        return answer.result
      case 'too-costly':
        throw tooLarge()
      case 'failed':
        throw new WeftError('document-quarantined', 'The document cannot be applied up to that point.', { cause: answer.reason })
    }
  }

  async #ask(place: Place, request: WorkRequest): Promise<WorkAnswer> {
    this.#running = place
    const { clock, taskMsMax = TASK_MS_MAX } = this.#options
    const tooLong = clock.after(taskMsMax, () => void place.end())
    try {
      return await place.ask(request)
    } catch (thrown) {
      if (place === this.#thread) this.#thread = null
      if (this.#state === 'closed') throw closed()
      // A task that passed its bound of memory or time is refused; others are not.
      throw new WeftError('document-too-large', tooLarge().message, { cause: thrown })
    } finally {
      tooLong.cancel()
      this.#running = null
    }
  }

  async #turn(): Promise<void> {
    this.#checkOpen()
    this.#idleTimer?.cancel()
    this.#idleTimer = null
    if (!this.#busy) {
      this.#busy = true
      return
    }
    if (this.#waiting.length >= WAITING_MAX)
      throw new WeftError('overloaded', 'Too many requests about the history of documents wait; try again in a moment.')
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#checkOpen()
  }

  #checkOpen(): void {
    if (this.#state === 'closed') throw closed()
  }

  #next(): void {
    const wake = this.#waiting.shift()
    if (wake !== undefined) {
      wake()
      return
    }
    this.#busy = false
    if (this.#state === 'closed') return
    this.#idleTimer = this.#options.clock.after(
      IDLE_MS,
      () => {
        void this.#thread?.end()
        this.#thread = null
      },
      { unref: true },
    )
  }
}

function tooLarge(): WeftError {
  return new WeftError('document-too-large', 'Putting the document together would take more memory or time than the server gives to it.')
}

function closed(): WeftError {
  return new WeftError('draining', 'The server is stopping; try again in a moment.')
}
