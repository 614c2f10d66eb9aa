// The other end of a thread with honest editors in it.
import { Worker } from 'node:worker_threads'
import type { BystanderData, Phase, Rested, ToBystander } from './bystander.js'

export class BystanderThread {
  readonly #worker: Worker

  constructor(data: BystanderData) {
    this.#worker = new Worker(new URL('./bystander.js', import.meta.url), { workerData: data })
    this.#worker.on('error', (error) => console.error('the bystander failed', error))
  }

  /** Reads the memory of this process from now on. */
  watch(pid: number | null): void {
    this.#worker.postMessage({ kind: 'watch', pid } satisfies ToBystander)
  }

  /** What was measured since the last call. */
  phase(): Promise<Phase> {
    return this.#ask<Phase>('phase')
  }

  /** They stop typing; resolves when all is acknowledged, or does not get so. */
  rest(): Promise<Rested> {
    return this.#ask<Rested>('rest')
  }

  async end(): Promise<void> {
    this.#worker.postMessage({ kind: 'stop' } satisfies ToBystander)
    await this.#worker.terminate()
  }

  async #ask<Answer>(kind: 'phase' | 'rest'): Promise<Answer> {
    const answer = new Promise<Answer>((resolve) => this.#worker.once('message', resolve))
    this.#worker.postMessage({ kind } satisfies ToBystander)
    return answer
  }
}
