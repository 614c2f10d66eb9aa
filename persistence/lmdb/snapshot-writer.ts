// Saves snapshots. A large state goes to disk in steps, each a commit of its own, with the commits of edits between them: as one it would hold up everybody for
// as long as the disk takes for it. Its record comes last (D6): without that the pieces count for nothing, and `decidePrune` clears away what a crash left.
import type { Clock } from '../../core/clock.js'
import type { FencedWrite, SnapshotWrite, VersionLabel } from '../store.js'
import type { CommitQueue } from './commit-queue.js'
import type { Environment } from './environment.js'
import { rowPrefix } from './keys.js'
import { STATE_PIECE_BYTES } from './layout.js'
import { decideSnapshot, prepareState, putPieces, removeState } from './writing.js'

/** What one step writes, and up to which size a state is one. */
const STEP_BYTES = 4 * STATE_PIECE_BYTES
/** What a record costs beside the state. */
const OVERHEAD_BYTES = 1024

export class SnapshotWriter {
  readonly #environment: Environment
  readonly #queue: CommitQueue
  readonly #clock: Clock
  /** The last save of each document of which one is under way: they take turns, since two of the same seq would write the same pieces. Never rejects. */
  readonly #saving = new Map<string, Promise<unknown>>()

  constructor(environment: Environment, queue: CommitQueue, clock: Clock) {
    this.#environment = environment
    this.#queue = queue
    this.#clock = clock
  }

  /** Whether pieces of this document may be there whose record is yet to come. */
  isSaving(documentId: string): boolean {
    return this.#saving.has(documentId)
  }

  async save(write: SnapshotWrite, label: VersionLabel | null): Promise<FencedWrite> {
    const { documentId } = write
    const before = this.#saving.get(documentId)
    if (before === undefined && write.state.length <= STEP_BYTES) return this.#saveAtOnce(write, label)
    const saving = (before ?? Promise.resolve()).then(() => this.#saveInSteps(write, label))
    const settled = saving.catch(() => {})
    this.#saving.set(documentId, settled)
    try {
      return await saving
    } finally {
      if (this.#saving.get(documentId) === settled) this.#saving.delete(documentId)
    }
  }

  #saveAtOnce(write: SnapshotWrite, label: VersionLabel | null): Promise<FencedWrite> {
    const decide = (): (() => FencedWrite) => decideSnapshot(this.#environment, write, label, this.#clock.now(), 'with its state')
    return this.#queue.run(write.state.length + OVERHEAD_BYTES, decide, [write.documentId])
  }

  async #saveInSteps(write: SnapshotWrite, label: VersionLabel | null): Promise<FencedWrite> {
    const { documentId, seq, state } = write
    const prepared = await this.#queue.run(0, () => prepareState(this.#environment, write), [documentId])
    if (prepared === 'fenced') return 'fenced'
    let outcome: FencedWrite = 'fenced'
    try {
      for (let offset = 0; prepared === 'wanted' && offset < state.length; offset += STEP_BYTES) {
        const end = Math.min(offset + STEP_BYTES, state.length)
        if ((await this.#queue.run(end - offset, () => putPieces(this.#environment, write, offset, end), [documentId])) === 'fenced')
          return 'fenced'
      }
      const how = prepared === 'wanted' ? 'its state is there' : 'with its state'
      const decide = (): (() => FencedWrite) => decideSnapshot(this.#environment, write, label, this.#clock.now(), how)
      outcome = await this.#queue.run(OVERHEAD_BYTES, decide, [documentId])
      return outcome
    } finally {
      // The document was deleted, or there was no room.
      if (outcome === 'fenced' && prepared === 'wanted')
        await this.#queue.run(0, () => () => removeState(this.#environment, rowPrefix(documentId), seq)).catch(() => {})
    }
  }
}
