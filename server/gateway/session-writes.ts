// The numbered writes of one session: permission is checked for each of them (G6), the program's hook is asked, the document gets them in order,
// and somebody may wait until all of them are settled: committed or refused.
import { WeftError } from '../../core/errors.js'
import type { Attachment } from '../document/port.js'
import { EditQueue } from './edit-queue.js'
import type { SessionHost } from './session-host.js'
import { UnansweredSubmissions } from './submissions.js'

type WritesHost = Pick<SessionHost, 'services' | 'connection' | 'documentId' | 'rights' | 'phase' | 'refused'>

export class SessionWrites {
  readonly #host: WritesHost
  /** On their way to the document. Made for the first that has to wait. */
  #edits: EditQueue | null = null
  readonly #submissions = new UnansweredSubmissions()
  #settledWaiters: (() => void)[] = []
  /** The document asked us to stop reading from this client. */
  #reading: 'read' | 'held' = 'read'

  constructor(host: WritesHost) {
    this.#host = host
  }

  /** A write has come in, with the next number. */
  received(submission: number, update: Uint8Array): void {
    const { services, connection, documentId } = this.#host
    this.#submissions.received(submission)
    // Another node says itself which ones it follows.
    if (!connection.isLink) services.traces?.received(update, documentId)
  }

  /** `author` is who wrote it, where another node says so; null: the user of the session. */
  write(attachment: Attachment, submission: number, update: Uint8Array, author: string | null): void {
    const { rights } = this.#host
    if (rights.permission === 'read-write') this.#submit(attachment, submission, update, author ?? rights.user)
    else
      this.#refuse(submission, update, new WeftError('forbidden', 'You may read this document but not change it; this edit was not saved.'))
  }

  #submit(attachment: Attachment, submission: number, update: Uint8Array, user: string | null): void {
    const { services, documentId } = this.#host
    const guard = services.editGuard ?? null
    if (guard === null && this.#edits?.isOpen !== false) {
      attachment.submit(submission, update, user)
      return
    }
    this.#queue().add({
      bytes: update.length,
      ask: guard === null ? null : async () => guard({ documentId, user, update, from: 'session' }),
      accepted: () => attachment.submit(submission, update, user),
      refused: (error) => {
        if (this.#host.phase !== 'over') this.#refuse(submission, update, error)
      },
    })
  }

  /** Before the document has seen it. */
  #refuse(submission: number, update: Uint8Array, error: WeftError): void {
    this.#host.services.traces?.refused(update, error.code)
    this.#host.refused(submission, error)
  }

  #queue(): EditQueue {
    const { services, connection } = this.#host
    this.#edits ??= new EditQueue({
      budget: services.budget,
      bytesMax: services.limits.attachingBytesMax,
      hold: (held) => (held ? connection.holdReading() : connection.releaseReading()),
    })
    return this.#edits
  }

  /** All writes through this number are committed or were refused. */
  committed(through: number): void {
    this.#submissions.committed(through)
    this.tellSettled()
  }

  refused(submission: number): void {
    this.#submissions.refused(submission)
    this.tellSettled()
  }

  /** The document takes nothing for a while: what a client that has left wrote waits, and the others are not read. */
  pause(): void {
    this.#queue().pause()
    this.#holdReading(this.#host.phase === 'over' ? this.#reading : 'held')
  }

  resume(): void {
    this.#edits?.resume()
    this.#holdReading(this.#host.phase === 'over' ? this.#reading : 'read')
  }

  #holdReading(reading: 'read' | 'held'): void {
    if (this.#reading === reading) return
    this.#reading = reading
    const { connection } = this.#host
    if (reading === 'held') connection.holdReading()
    else connection.releaseReading()
  }

  /** There is nobody to take them. */
  drop(): void {
    this.#edits?.drop()
  }

  /** The session is over. `attachment`, where it was attached, is let go once what was received and may still be accepted has been handed to it. */
  leave(attachment: Attachment | null): void {
    this.#holdReading('read')
    if (attachment === null) return
    if (this.#edits === null || this.#edits.empty) attachment.detach()
    else void this.#edits.settled().then(() => attachment.detach())
  }

  /** Resolves when every write so far is committed or refused, or the session is over. */
  settled(): Promise<void> {
    if (this.#isSettled()) return Promise.resolve()
    return new Promise((resolve) => this.#settledWaiters.push(resolve))
  }

  /** The phase may have changed. */
  tellSettled(): void {
    if (this.#settledWaiters.length === 0 || !this.#isSettled()) return
    const waiters = this.#settledWaiters
    this.#settledWaiters = []
    for (const tell of waiters) tell()
  }

  #isSettled(): boolean {
    const phase = this.#host.phase
    return phase === 'over' || (phase === 'attached' && this.#submissions.areSettled)
  }
}
