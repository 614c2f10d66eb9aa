// An edit that no client makes: a restore, a fork, a program's. It takes the way of a client's edit: to the owner, wherever that is,
// logged, shown to everybody.
import type { Clock } from '../../core/clock.js'
import type { EditTraces } from '../../core/edit-traces.js'
import { asWeftError, WeftError } from '../../core/errors.js'
import type { Attachment, DocumentDirectory, SessionSink } from '../document/port.js'

/** A Yjs update, v1, and who wrote it; null when nobody knows. */
export interface AuthoredUpdate {
  readonly update: Uint8Array
  readonly user: string | null
}

export interface SubmittedEdit {
  /** The document's durable seq when it was acknowledged. */
  readonly seq: number
}

/** Through what edits reach a document, and how long they are waited for. */
export interface EditWay {
  readonly documents: DocumentDirectory
  readonly clock: Clock
  /** Where the document is being made: its unfinished incarnation. Default: it is finished. */
  readonly making?: string
  /** Null, or not there: no edit is followed. */
  readonly traces?: Pick<EditTraces, 'made' | 'refused'> | null
}

const TRIES_MAX = 5
/** Longer than an owner takes to move. A store that takes nothing is asked again and again, for as long as it takes nothing. */
const COMMIT_MS_MAX = 30_000

/**
 * Resolves when the edits are committed (D1). `check` is told the seq that the document is at, and may throw: then it rejects with that,
 * and nothing was submitted. Rejects also with what refuses a client's edit, and with `store-unavailable` when they are not committed for
 * half a minute: they may be later. Repeating it changes nothing, since what is known is not written again.
 */
export async function submitEdits(
  way: EditWay,
  documentId: string,
  edits: readonly AuthoredUpdate[],
  check: (seq: number) => void = () => {},
): Promise<SubmittedEdit> {
  for (const { update } of edits) way.traces?.made(update, documentId)
  for (let attempt = 1; ; attempt++) {
    try {
      return await submitOnce(way, documentId, edits, attempt === 1 ? check : () => {})
    } catch (thrown) {
      const code = (thrown as Partial<WeftError>).code
      // If the owner closed the document, or lost it, in the middle, the edit is submitted to the next one.
      if (code === 'owner-moved' && attempt < TRIES_MAX) continue
      for (const { update } of edits) way.traces?.refused(update, asWeftError(thrown).code)
      throw thrown
    }
  }
}

function submitOnce(
  { documents, clock, making }: EditWay,
  documentId: string,
  edits: readonly AuthoredUpdate[],
  check: (seq: number) => void,
): Promise<SubmittedEdit> {
  return new Promise((resolve, reject) => {
    let attachment: Attachment | null = null
    let queue = edits.map((edit, index) => ({ ...edit, submission: index + 1 }))
    let paused = false
    const tooLong = clock.after(COMMIT_MS_MAX, () =>
      fail(
        new WeftError(
          'store-unavailable',
          'This was not committed for half a minute, and may be later, since the store takes nothing at the moment: look at the document before you send it again, or send it with an Idempotency-Key.',
        ),
      ),
    )
    const fail = (error: unknown): void => {
      tooLong.cancel()
      queue = []
      attachment?.detach()
      reject(error)
    }
    const send = (): void => {
      while (!paused && attachment !== null) {
        const next = queue.shift()
        if (next === undefined) return
        attachment.submit(next.submission, next.update, next.user)
      }
    }
    const sink: SessionSink = {
      catchUp: () => {},
      beat: () => {},
      acknowledged: (through, seq) => {
        if (through < edits.length) return
        tooLong.cancel()
        attachment?.detach()
        resolve({ seq })
      },
      refused: (_submission, error) => fail(error),
      pause: () => {
        paused = true
      },
      resume: () => {
        paused = false
        send()
      },
      detached: (error) => fail(error),
    }
    const request = { sink, ...(making === undefined ? {} : { unfinished: { made: making } }) }
    documents.attach(documentId, request).then((attached) => {
      attachment = attached
      try {
        check(attached.seq)
      } catch (thrown) {
        fail(thrown)
        return
      }
      if (edits.length === 0) {
        tooLong.cancel()
        attached.detach()
        resolve({ seq: attached.seq })
        return
      }
      send()
    }, reject)
  })
}

/** Throws `superseded` for a document that is at another seq; null expects none. */
export function expecting(expectedSeq: number | null): (seq: number) => void {
  return (seq) => {
    if (expectedSeq !== null && seq !== expectedSeq)
      throw new WeftError('superseded', `The document is at seq ${seq}, and not at ${expectedSeq} as was expected; look at it again.`)
  }
}
