// What one document has that the server may not have on disk: submits it while there is a channel, waits when the server refuses it, and
// tells those who asked once it is saved.
//
// Invariant: what this client cannot prove to be on the server's disk is in `#submissions`.

import * as Y from 'yjs'
import type { Clock } from '../core/clock.js'
import { closeCodes } from '../core/errors.js'
import type { Permission } from '../core/permission.js'
import { emptyUpdate } from '../protocol/updates/merge.js'
import type { Backoff } from './backoff.js'
import { hasContent, lacksOnly } from './document-content.js'
import { type Refusal, RefusedError } from './errors.js'
import type { ChannelMessage, Link } from './link.js'
import { SavedWaiters } from './saved-waiters.js'
import { isEmptyUpdate, type Submission, Submissions } from './submissions.js'
import type { SubmissionFlow } from './sync-phase.js'

export interface OpenChannel {
  readonly link: Link
  readonly channel: number
}

export interface SavingOptions {
  readonly doc: Y.Doc
  readonly backoff: Backoff
  readonly clock: Clock
  /** The channel that takes submissions now; null while there is none. */
  readonly channel: () => OpenChannel | null
  /** Opens the channel anew, so that the server is asked again. */
  readonly reopen: () => void
  /** The flow or the number of unsaved updates may have changed. */
  readonly changed: () => void
}

/** The type, channel, submission number and length in front of an update. */
const submitOverheadBytes = 64
const smallBytesMax = 1024

/** A submission with how much of it was sent in parts. */
interface Sending extends Submission {
  offset: number
}

const withOffset = (submission: Submission | null): Sending | null => (submission === null ? null : { ...submission, offset: 0 })

export class Saving {
  readonly #options: SavingOptions
  readonly #submissions = new Submissions()
  readonly #waiters = new SavedWaiters()
  #flow: SubmissionFlow = { kind: 'open' }
  /** The server's state vector decides what is submitted next, not the list of local updates. */
  #needsDifference = true
  /** Tickets through this one stand for what the document held before anybody typed. */
  #inheritedThrough = 0
  #flushQueued = false
  /** The submission whose parts are being sent. */
  #sending: Sending | null = null
  #awaitsRoom = false

  constructor(options: SavingOptions) {
    this.#options = options
    if (hasContent(options.doc)) this.#submissions.add(emptyUpdate)
  }

  /** How many local updates are not acknowledged. */
  get unsaved(): number {
    return this.#submissions.unsaved
  }

  get flow(): SubmissionFlow {
    return this.#flow
  }

  /** What was stored on this device is in the document: nobody has typed it here. */
  inherited(): void {
    this.#inheritedThrough = this.#submissions.lastTicket
  }

  /** The document was changed, and not by the server. */
  edited(update: Uint8Array, permission: Permission | null): void {
    this.#submissions.add(update)
    if (this.#flow.kind === 'refused' && permission === 'read-write') this.#retryAfterEdit(this.#flow)
    this.#options.changed()
    if (this.#flushQueued) return
    this.#flushQueued = true
    queueMicrotask(() => {
      this.#flushQueued = false
      this.flush()
    })
  }

  /** The document was changed, and it is not known how: what the server lacks is found when the channel is opened again. */
  missed(): void {
    this.#submissions.add(emptyUpdate)
    this.#needsDifference = true
    this.#options.changed()
  }

  /** Resolves when every update there is now has been acknowledged; rejects with what `fail` is given. */
  saved(): Promise<void> {
    return this.#waiters.add(this.#submissions.lastTicket)
  }

  /** Tells those whose updates are acknowledged. */
  settle(): void {
    this.#waiters.settle(this.#submissions.savedThrough)
  }

  fail(error: Error): void {
    this.#waiters.rejectAll(error)
  }

  /** There is no channel any more: what was under way waits for the next one. */
  left(): void {
    if (this.#flow.kind !== 'open') {
      this.#flow.timer?.cancel()
      this.#needsDifference = true
      this.#flow = { kind: 'open' }
    }
    this.#sending = null
    this.#awaitsRoom = false
    this.#submissions.restart()
  }

  /**
   * There is a channel to a server with this state vector. `resumable` says that it is where this client left off. Answers whether that is
   * so: whether it lacks nothing that this client believes to be saved.
   */
  opened(stateVector: Uint8Array, permission: Permission, resumable: boolean): boolean {
    const continues = resumable && lacksOnly(this.#options.doc, stateVector, this.#submissions.merged())
    if (!continues || this.#needsDifference) this.#submitDifference(stateVector, permission)
    this.#needsDifference = false
    return continues
  }

  /** Submits what waits, as far as the link and the server keep up; `regardless` of the link. */
  flush(regardless = false): void {
    const open = this.#options.channel()
    if (open === null) return
    try {
      // One that is sent in parts is finished even if nothing else may be sent: the server has its beginning.
      while (this.#sending !== null || this.#flow.kind === 'open') {
        const bytesMax = open.link.messageBytesMax - submitOverheadBytes
        this.#sending ??= withOffset(this.#submissions.next(bytesMax))
        if (this.#sending === null || !this.#send(open, this.#sending, regardless)) return
        this.#sending = null
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.#refuse({ code: 'message-too-large', closeCode: closeCodes.tooLarge, reason: error.message })
    }
  }

  /** Sends on as much as the link takes; false if some is left, for when it takes more. */
  #send({ link, channel }: OpenChannel, sending: Sending, regardless: boolean): boolean {
    const { submission, update } = sending
    while (!regardless) {
      const { room } = link
      const left = update.length - sending.offset
      // Small edits need not wait for the large ones of other documents.
      if (left <= room || update.length <= smallBytesMax) break
      if (room === 0) {
        if (!this.#awaitsRoom) link.whenRoom(this.#roomCame)
        this.#awaitsRoom = true
        return false
      }
      link.send({ type: 'part', channel, bytes: update.subarray(sending.offset, sending.offset + room) })
      sending.offset += room
    }
    link.send({ type: 'submit', channel, submission, update: update.subarray(sending.offset) })
    return true
  }

  readonly #roomCame = (): void => {
    this.#awaitsRoom = false
    this.flush()
  }

  acknowledged(through: number): void {
    this.#submissions.acknowledged(through)
    this.flush()
  }

  refused({ closeCode, code, reason, retryable }: Extract<ChannelMessage, { readonly type: 'refused' }>): void {
    this.#submissions.takeBack()
    if (this.#flow.kind !== 'open') return
    if (!retryable) {
      this.#refuse({ code, closeCode, reason })
      return
    }
    const timer = this.#options.clock.after(this.#options.backoff.next(), () => {
      this.#flow = { kind: 'open' }
      this.flush()
    })
    this.#flow = { kind: 'pausing', timer }
  }

  /** Everything that the document holds and the server may not have is to be submitted, whoever brought it into the document. */
  #submitDifference(stateVector: Uint8Array, permission: Permission): void {
    const difference = Y.encodeStateAsUpdate(this.#options.doc, stateVector)
    if (this.unsaved === 0 && isEmptyUpdate(difference)) return
    // A reader's stored copy, of which the server has every struct: nobody typed, so there is nothing to refuse.
    if (permission === 'read-only' && difference[0] === 0 && this.#submissions.lastTicket === this.#inheritedThrough) {
      this.#submissions.clear()
      return
    }
    // Even an empty difference is submitted when something was unsaved: the server may know it without having it on disk, and its answer
    // says when.
    this.#submissions.replaceAll(difference)
  }

  #refuse(refusal: Refusal): void {
    this.#submissions.takeBack()
    this.#flow = { kind: 'refused', refusal, timer: null }
    this.fail(new RefusedError(refusal))
    this.#options.changed()
  }

  #retryAfterEdit(flow: Extract<SubmissionFlow, { readonly kind: 'refused' }>): void {
    if (flow.timer !== null) return
    this.#flow = { ...flow, timer: this.#options.clock.after(this.#options.backoff.next(), () => this.#options.reopen()) }
  }
}
