// The edits of one session that wait: for the program's hook, which is asked about one at a time, or until their document takes more. In
// order, and held back in bounded memory.
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

export interface QueuedEdit {
  readonly bytes: number
  /** Null where nobody is asked. */
  readonly ask: AskAboutEdit | null
  readonly accepted: () => void
  readonly refused: (error: WeftError) => void
}

/** What an edit takes beside its bytes. */
const EDIT_BYTES = 256

export class EditQueue {
  readonly #options: EditQueueOptions
  #edits: QueuedEdit[] = []
  /** The first of `#edits` that waits. */
  #next = 0
  /** What is done with the first one: nothing yet, or it is asked about, or it was accepted and waits for its document. */
  #first: 'untouched' | 'asking' | 'answered' = 'untouched'
  #running = false
  #paused = false
  #bytes = 0
  #holds = false
  #waiters: (() => void)[] = []

  constructor(options: EditQueueOptions) {
    this.#options = options
  }

  get empty(): boolean {
    return this.#edits.length === 0
  }

  /** Resolves when everything was accepted, refused or dropped. */
  settled(): Promise<void> {
    if (this.empty) return Promise.resolve()
    return new Promise((resolve) => void this.#waiters.push(resolve))
  }

  /** Nothing waits, and the document takes more: an edit about which nobody is asked is accepted at once. */
  get isOpen(): boolean {
    return this.empty && !this.#paused
  }

  add(edit: QueuedEdit): void {
    if (this.isOpen && edit.ask === null) {
      edit.accepted()
      return
    }
    this.#edits.push(edit)
    this.#measure(edit.bytes + EDIT_BYTES)
    this.#run()
  }

  /** Nothing is accepted until `resume`. */
  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#run()
  }

  /** Forgets all that wait. */
  drop(): void {
    this.#edits = []
    this.#next = 0
    this.#first = 'untouched'
    this.#measure(-this.#bytes)
    this.#tellSettled()
  }

  #run(): void {
    // Accepting an edit may pause the document, or resume it, which leads here again: the run that is under way goes on with it.
    if (this.#running) return
    this.#running = true
    for (let edit = this.#edits[this.#next]; edit !== undefined && this.#isDoneWith(edit); edit = this.#edits[this.#next]);
    this.#running = false
  }

  /** False if the first edit has to wait. */
  #isDoneWith(edit: QueuedEdit): boolean {
    if (edit.ask !== null && this.#first === 'untouched') void this.#asking(edit, edit.ask)
    if (this.#first === 'asking' || this.#paused) return false
    this.#shift(edit)
    try {
      edit.accepted()
    } catch (thrown) {
      edit.refused(asWeftError(thrown))
    }
    return true
  }

  /** Never rejects. */
  async #asking(edit: QueuedEdit, ask: AskAboutEdit): Promise<void> {
    this.#first = 'asking'
    let refusal: WeftError | null = null
    try {
      await ask()
    } catch (thrown) {
      refusal = asWeftError(thrown)
    }
    // If the queue was dropped while the edit was looked at, nothing of it goes on.
    if (this.#edits[this.#next] !== edit) return
    this.#first = 'answered'
    if (refusal !== null) {
      this.#shift(edit)
      edit.refused(refusal)
    }
    this.#run()
  }

  #shift(edit: QueuedEdit): void {
    this.#next += 1
    this.#first = 'untouched'
    if (this.#next === this.#edits.length) {
      this.#edits = []
      this.#next = 0
    }
    this.#measure(-edit.bytes - EDIT_BYTES)
    this.#tellSettled()
  }

  #measure(bytes: number): void {
    this.#bytes += bytes
    this.#options.budget.account('received').add(bytes)
    const holds = this.#bytes > this.#options.bytesMax
    if (holds === this.#holds) return
    this.#holds = holds
    this.#options.hold(holds)
  }

  #tellSettled(): void {
    if (!this.empty) return
    for (const tell of this.#waiters.splice(0)) tell()
  }
}
