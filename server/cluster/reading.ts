// What one session has had of a document's updates, whichever owner they came from, and how it goes on after a move.
import { unreachable } from '../../core/assert.js'
import type { Attachment, CatchUp, DocumentBroadcast, Known, PieceWish } from '../document/port.js'

type ReadingFlow =
  | { readonly kind: 'suspended' }
  /** It asked to be brought up to date. */
  | { readonly kind: 'syncing'; readonly known: Known; readonly pieces: PieceWish | null }
  | { readonly kind: 'live' }
  /** It is live, and we asked for what it missed during a move. */
  | { readonly kind: 'resuming' }

/** Where the updates go. */
export interface Reader {
  catchUp(state: CatchUp): void
  beat(beat: DocumentBroadcast): void
}

const emptyStateVector = Uint8Array.of(0)

export class Reading {
  readonly #reader: Reader
  #flow: ReadingFlow = { kind: 'suspended' }
  /** Everything through here has reached the session. */
  #seq = 0

  constructor(reader: Reader) {
    this.#reader = reader
  }

  get seq(): number {
    return this.#seq
  }

  /** `attachment` is null while there is no owner: then the next one is asked. */
  sync(known: Known, pieces: PieceWish | null, attachment: Attachment | null): void {
    this.#flow = { kind: 'syncing', known, pieces }
    attachment?.sync(known, pieces)
  }

  suspend(attachment: Attachment | null): void {
    this.#flow = { kind: 'suspended' }
    attachment?.suspend()
  }

  /** Goes on with a new owner, where the last one stopped. */
  goOn(attachment: Attachment): void {
    const flow = this.#flow
    switch (flow.kind) {
      case 'suspended':
        return
      case 'syncing':
        attachment.sync(flow.known, flow.pieces)
        return
      case 'live':
      case 'resuming':
        this.#flow = { kind: 'resuming' }
        attachment.sync({ kind: 'seq', incarnation: attachment.incarnation, seq: this.#seq, stateVector: emptyStateVector })
        return
      default:
        unreachable(flow)
    }
  }

  catchUp(state: CatchUp): void {
    const flow = this.#flow
    switch (flow.kind) {
      case 'syncing':
        // A session that takes a transfer asks again when it has all of it.
        this.#flow = { kind: state.transfer === undefined ? 'live' : 'suspended' }
        this.#seq = Math.max(this.#seq, state.seq)
        this.#reader.catchUp(state)
        return
      case 'resuming':
        this.#flow = { kind: 'live' }
        this.#resumed(state)
        return
      case 'suspended':
      case 'live':
        return
      default:
        unreachable(flow)
    }
  }

  beat(beat: DocumentBroadcast): void {
    if (this.#flow.kind !== 'live') return
    this.#seq = Math.max(this.#seq, beat.seq)
    this.#reader.beat(beat)
  }

  /** The session is live and asked for nothing: what it missed comes as beats, of which only the last completes the seq. */
  #resumed({ seq, updates }: CatchUp): void {
    const before = this.#seq
    this.#seq = Math.max(before, seq)
    for (const [index, update] of updates.entries()) {
      // A session that could not take all of it will ask again from what it got.
      if (this.#flow.kind !== 'live') return
      this.#reader.beat({ seq: index === updates.length - 1 ? this.#seq : before, update, frames: new Map() })
    }
  }
}
