// Who changed a document when, told in sittings: edits of the same people that follow one another without a long pause.
import type { RowAuthors } from '../../persistence/store.js'

export interface Sitting {
  /** Of the first and the last edit. */
  readonly fromSeq: number
  readonly throughSeq: number
  /** Milliseconds since the Unix epoch, by the clock of the store where it was made. */
  readonly from: number
  readonly through: number
  /** In the order of their first edits in it. */
  readonly users: readonly string[]
  /** Whether some of it was written by somebody unknown. */
  readonly unknownAuthors: boolean
  /** Commits, each of which may hold several people's keystrokes. */
  readonly edits: number
}

/** Adds rows, in order, to the sittings before them; the last of these goes on if the pause is not longer than `gapMs`. */
export function addToSittings(sittings: Sitting[], rows: readonly RowAuthors[], gapMs: number): void {
  for (const { seq, committedAt, users } of rows) {
    const last = sittings.at(-1)
    if (last === undefined || committedAt - last.through > gapMs) {
      sittings.push({
        fromSeq: seq,
        throughSeq: seq,
        from: committedAt,
        through: committedAt,
        users: [...users],
        unknownAuthors: users.length === 0,
        edits: 1,
      })
      continue
    }
    sittings[sittings.length - 1] = {
      ...last,
      throughSeq: seq,
      through: committedAt,
      users: [...new Set([...last.users, ...users])],
      unknownAuthors: last.unknownAuthors || users.length === 0,
      edits: last.edits + 1,
    }
  }
}
