// The seam between sessions and documents. A session attaches to a document here and cannot tell whether the owner is in this process
// or at the far end of a node link.
import type { WeftError } from '../../core/errors.js'
import type { PieceOrder } from '../../protocol/updates/piece-stream.js'

/** What a session already has of a document. A seq only counts together with the incarnation it was seen in. */
export type Known =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'state-vector'; readonly stateVector: Uint8Array }
  | { readonly kind: 'seq'; readonly incarnation: string; readonly seq: number; readonly stateVector: Uint8Array }

/**
 * Brings a session up to date: applying `updates` in order gives everything through `seq`. Buffers are shared between sessions: never
 * modify them.
 */
export interface CatchUp {
  readonly seq: number
  /** Possibly empty. */
  readonly updates: readonly Uint8Array[]
  /**
   * What does not go as a whole, in front of `updates`. The session gets no beats: it asks again, from `seq`, when it has taken all of it.
   */
  readonly transfer?: Transfer
}

/** Something large on its way to one session, which takes a piece whenever it has room. */
export interface Transfer {
  /** About how many bytes are left at the start. */
  readonly bytes: number
  /** What a session has that has had all of it, as an encoded state vector. */
  readonly stateVector: Uint8Array
  /** The next piece, of about so many bytes, or null after the last one. */
  next(bytesMax: number): Uint8Array | null
  /** Asked once, at the end: updates that complete it. */
  closing(): readonly Uint8Array[]
}

/** That a session takes pieces, and how. */
export interface PieceWish {
  readonly order: PieceOrder
  /** What is not larger goes as a whole. */
  readonly wholeBytesMax: number
}

/**
 * One broadcast: the merged update of one beat. The same object goes to every session, so a dialect encodes its frame once and keeps it
 * here.
 */
export interface DocumentBroadcast {
  /** Everything through this seq is durable, and the session has it once it has this beat. */
  readonly seq: number
  readonly update: Uint8Array
  /** One encoded frame per dialect name. */
  readonly frames: Map<string, Uint8Array>
  /** What other nodes are told of it, if an edit in it is followed. */
  readonly trace?: string
}

/** What a document tells a session. Calls come in stream order; none may throw. */
export interface SessionSink {
  /** The answer to `sync`. From here on the session is live. */
  catchUp(state: CatchUp): void
  /** A beat: what the document sends to all of its live sessions at once after a commit, at its pace. */
  beat(beat: DocumentBroadcast): void
  /** Every submission numbered `through` or lower that was not refused is durable (D1). `seq` is the document's durable seq. */
  acknowledged(through: number, seq: number): void
  /** This submission was not and will not be written. */
  refused(submission: number, error: WeftError): void
  /** The document has as much as it can hold uncommitted: stop reading from the client until `resume`. */
  pause(): void
  resume(): void
  /** The attachment is over, not by the session's wish. `owner-moved` and `store-unavailable` may be answered by attaching again. */
  detached(error: WeftError): void
}

export interface Attachment {
  readonly documentId: string
  readonly incarnation: string
  /** The durable seq at the time of the call. */
  readonly seq: number
  /** The encoded Yjs state vector of what is durable, up to the first gap of each client. */
  stateVector(): Uint8Array
  /**
   * Asks to be brought up to date; answered by one `catchUp`, in stream order. May be asked again at any time: meanwhile no beats are sent.
   */
  sync(known: Known, pieces?: PieceWish | null): void
  /** Stops the beats until the next `sync`, for a session that cannot take them now. */
  suspend(): void
  /**
   * Submits an update (Yjs, v1). `submission` counts up from 1 within the attachment. Answered by `acknowledged` or `refused`, never
   * synchronously with success before the commit. `bytes` must not be modified afterwards. `user` is who wrote it, as `authorize` answered;
   * null when nobody knows.
   */
  submit(submission: number, bytes: Uint8Array, user: string | null): void
  /** Ends the attachment; nothing is called on the sink afterwards. What was submitted is still committed. Idempotent. */
  detach(): void
}

/**
 * What a session has to do with documents that are not finished. `refused`: nothing. `passed-on`: the other end of a node link, which refuses
 * them itself. Else it makes the one of this incarnation, and wants no other.
 */
export type UnfinishedManner = 'refused' | 'passed-on' | { readonly made: string }

export interface AttachRequest {
  readonly sink: SessionSink
  /** Default: it is refused with `document-unfinished`. */
  readonly unfinished?: UnfinishedManner
}

/** Finds or opens documents. */
export interface DocumentDirectory {
  /**
   * Attaches a session. Rejects with a WeftError: unreadable (D4), too many sessions, draining. Concurrent calls load a document once (S5).
   */
  attach(documentId: string, request: AttachRequest): Promise<Attachment>
}
