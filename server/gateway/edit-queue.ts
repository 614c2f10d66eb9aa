// The edits of one session that wait for the program's hook: asked about one at a time, in order, and held back in bounded memory.
import { asWeftError, type WeftError } from '../../core/errors.js'
import type { MemoryBudget } from '../../core/memory-budget.js'

/** Whether an edit may be accepted: resolves, or rejects with why not. */
export type AskAboutEdit = () => Promise<void>

export interface EditQueueOptions {
  readonly budget: MemoryBudget
  /** Bytes past which the client is not read. */
  readonly bytesMax: number
  /** The client is to be read, or not, for the time being. */
  readonly hold: (held: boolean) => void
}

/** What an edit takes beside its bytes. */
const EDIT_BYTES = 256

export class EditQueue {
  readonly #options: EditQueueOptions
  #bytes = 0
  #last: Promise<void> = Promise.resolve()
  #count = 0
  #holds = false

  constructor(options: EditQueueOptions) {
    this.#options = options
  }

  get empty(): boolean {
    return this.#count === 0
  }

  /** Resolves when everything so far was accepted or refused. */
  settled(): Promise<void> {
    return this.#last
  }

  add(bytes: number, ask: AskAboutEdit, accepted: () => void, refused: (error: WeftError) => void): void {
    this.#count += 1
    this.#measure(bytes + EDIT_BYTES)
    this.#last = this.#last.then(async () => {
      try {
        await ask()
        accepted()
      } catch (thrown) {
        refused(asWeftError(thrown))
      } finally {
        this.#count -= 1
        this.#measure(-bytes - EDIT_BYTES)
      }
    })
  }

  #measure(bytes: number): void {
    this.#bytes += bytes
    this.#options.budget.account('received').add(bytes)
    const holds = this.#bytes > this.#options.bytesMax
    if (holds === this.#holds) return
    this.#holds = holds
    this.#options.hold(holds)
  }
}
