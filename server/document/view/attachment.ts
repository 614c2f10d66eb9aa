// One session's handle on a document that this process owns, or holds a replica of.
import type { Attachment, Known, PieceWish } from '../port.js'
import type { SessionSlot } from './session-slots.js'

/** What an owner, or a replica, does for its attachments. */
export interface AttachmentOwner {
  readonly documentId: string
  readonly incarnation: string
  readonly durableSeq: number
  stateVector(): Uint8Array
  sync(session: SessionSlot, known: Known, pieces: PieceWish | null): void
  suspend(session: SessionSlot): void
  submit(session: SessionSlot, submission: number, bytes: Uint8Array, user: string | null): void
  detach(session: SessionSlot): void
}

export class SessionAttachment implements Attachment {
  readonly #owner: AttachmentOwner
  readonly #session: SessionSlot

  constructor(owner: AttachmentOwner, session: SessionSlot) {
    this.#owner = owner
    this.#session = session
  }

  get documentId(): string {
    return this.#owner.documentId
  }

  get incarnation(): string {
    return this.#owner.incarnation
  }

  get seq(): number {
    return this.#owner.durableSeq
  }

  stateVector(): Uint8Array {
    return this.#owner.stateVector()
  }

  sync(known: Known, pieces: PieceWish | null = null): void {
    this.#owner.sync(this.#session, known, pieces)
  }

  suspend(): void {
    this.#owner.suspend(this.#session)
  }

  submit(submission: number, bytes: Uint8Array, user: string | null): void {
    this.#owner.submit(this.#session, submission, bytes, user)
  }

  detach(): void {
    this.#owner.detach(this.#session)
  }
}
