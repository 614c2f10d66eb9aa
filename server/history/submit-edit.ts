// An edit that no client makes: a restore, a fork, a program's. It takes the way of a client's edit: to the owner, wherever that is,
// logged, shown to everybody.
import { WeftError } from '../../core/errors.js'
import type { Attachment, DocumentDirectory, SessionSink } from '../document/port.js'

export interface SubmittedEdit {
  /** The document's durable seq when it was acknowledged. */
  readonly seq: number
}

const TRIES_MAX = 5

/**
 * Resolves when the updates are committed (D1). `user` is who wrote them; null when nobody knows. `expectedSeq`: rejects with `superseded`
 * if the document is at another. Rejects also with what refuses a client's edit. Repeating it changes nothing, since what is known is not
 * written again.
 */
export async function submitEdit(
  directory: DocumentDirectory,
  documentId: string,
  updates: readonly Uint8Array[],
  user: string | null,
  check: (seq: number) => void = () => {},
): Promise<SubmittedEdit> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await submitOnce(directory, documentId, updates, user, attempt === 1 ? check : () => {})
    } catch (thrown) {
      const code = (thrown as Partial<WeftError>).code
      // If the owner closed the document, or lost it, in the middle, the edit is submitted to the next one.
      if (code !== 'owner-moved' || attempt === TRIES_MAX) throw thrown
    }
  }
}

function submitOnce(
  directory: DocumentDirectory,
  documentId: string,
  updates: readonly Uint8Array[],
  user: string | null,
  check: (seq: number) => void,
): Promise<SubmittedEdit> {
  return new Promise((resolve, reject) => {
    let attachment: Attachment | null = null
    let queue = updates.map((bytes, index) => ({ submission: index + 1, bytes }))
    let paused = false
    const fail = (error: unknown): void => {
      queue = []
      attachment?.detach()
      reject(error)
    }
    const send = (): void => {
      while (!paused && attachment !== null) {
        const next = queue.shift()
        if (next === undefined) return
        attachment.submit(next.submission, next.bytes, user)
      }
    }
    const sink: SessionSink = {
      catchUp: () => {},
      beat: () => {},
      acknowledged: (through, seq) => {
        if (through < updates.length) return
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
    directory.attach(documentId, { sink }).then((attached) => {
      attachment = attached
      try {
        check(attached.seq)
      } catch (thrown) {
        fail(thrown)
        return
      }
      if (updates.length === 0) {
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
