// Where tasks are carried out: a thread that lasts, for what costs little, and a process for each task that may cost much.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { childEnvironment } from '../../document/compactor/child-environment.js'
import type { WorkAnswer, WorkRequest } from './messages.js'

const MiB = 1024 * 1024
// Yjs recurses along nested types.
const STACK_MB = 32

/** One task at a time. */
export interface Place {
  /** Rejects when it ended without an answer; it is good for nothing then. */
  ask(request: WorkRequest): Promise<WorkAnswer>
  /** Ends it whatever it does. Idempotent. */
  end(): Promise<void>
}

export class WorkThread implements Place {
  readonly #worker: Worker

  constructor(heapBytesMax: number) {
    this.#worker = new Worker(new URL('./thread-entry.js', import.meta.url), {
      resourceLimits: { stackSizeMb: STACK_MB, maxOldGenerationSizeMb: Math.ceil(heapBytesMax / MiB) },
      // Nothing of the process's settings is needed there.
      env: {},
    })
    // Between two tasks its end is noticed by the next one.
    this.#worker.on('error', () => {})
    this.#worker.unref()
  }

  ask(request: WorkRequest): Promise<WorkAnswer> {
    const worker = this.#worker
    worker.ref()
    return new Promise<WorkAnswer>((resolve, reject) => {
      const settle = (): void => {
        worker.off('message', onMessage).off('error', onEnd).off('exit', onEnd)
        worker.unref()
      }
      const onMessage = (answer: WorkAnswer): void => {
        settle()
        resolve(answer)
      }
      const onEnd = (reason: unknown): void => {
        settle()
        reject(new Error('The thread ended.', { cause: reason }))
      }
      worker.on('message', onMessage).on('error', onEnd).on('exit', onEnd)
      if (worker.threadId < 0) onEnd('it had ended before')
      else worker.postMessage(request)
    })
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}

export class WorkProcess implements Place {
  readonly #child: ReturnType<typeof fork>
  readonly #ended: Promise<void>

  constructor(memoryBytesMax: number) {
    this.#child = fork(fileURLToPath(new URL('./process-entry.js', import.meta.url)), [String(memoryBytesMax)], {
      env: childEnvironment(),
      execArgv: [`--max-old-space-size=${Math.ceil(memoryBytesMax / MiB)}`],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    this.#ended = new Promise((resolve) => {
      this.#child.on('error', () => resolve())
      this.#child.on('close', () => resolve())
    })
  }

  ask(request: WorkRequest): Promise<WorkAnswer> {
    return new Promise<WorkAnswer>((resolve, reject) => {
      this.#child.on('message', (answer: WorkAnswer) => resolve(answer))
      void this.#ended.then(() => reject(new Error('The process ended.')))
      this.#child.send(request, (error) => {
        if (error !== null) reject(error)
      })
    })
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}
