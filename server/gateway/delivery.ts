// What one client is sent of its document, and when: it is kept up to date without ever holding more for it than its outbox allows (G2, S6), and
// awareness is what it is not sent first (A3).
import { unreachable } from '../../core/assert.js'
import type { Clock } from '../../core/clock.js'
import { asWeftError, WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import { emptyUpdate } from '../../protocol/updates/merge.js'
import type { AwarenessFrame } from '../awareness/contract.js'
import type { Attachment, CatchUp, DocumentBroadcast, Known, Transfer } from '../document/port.js'
import type { Connection } from '../transport/connection.js'
import { type Message, Outbox, type OutboxOptions } from '../transport/outbox.js'
import { type AwarenessReceiver, OwedAwareness } from './owed-awareness.js'
import { PieceSender } from './piece-sender.js'
import type { SessionHost } from './session-host.js'

type DeliveryFlow =
  /** The client has not asked for the document yet. */
  | { readonly kind: 'unsynced' }
  /** Asked of the document and not answered; `next` is what the client asked meanwhile. */
  | { readonly kind: 'syncing'; readonly next: Known | null; readonly closes: 'catch-up' | 'beat' }
  | { readonly kind: 'live' }
  /** Something large is on its way, piece by piece; beats come again when it has been asked for what came meanwhile. */
  | { readonly kind: 'taking'; readonly seq: number; readonly transfer: Transfer; readonly closes: 'catch-up' | 'beat' }
  /** The outbox is full: nothing new until it has drained. `next` is what the client asked meanwhile; else it continues after the last seq. */
  | { readonly kind: 'lagging'; readonly next: Known | null }

/** The encoded state vector of nothing. */
const emptyStateVector: Uint8Array = Uint8Array.of(0)

/** What it needs of its session. */
export type DeliveryHost = Pick<SessionHost, 'services' | 'connection' | 'dialect' | 'sources' | 'syncFailed' | 'setLagging'>

export class Delivery implements OutboxOptions, AwarenessReceiver {
  readonly #host: DeliveryHost
  readonly #outbox: Outbox
  #flow: DeliveryFlow = { kind: 'unsynced' }
  readonly #awareness = new OwedAwareness(this)
  /** The newest acknowledgement that a lagging client has not been told. */
  #owedAcknowledgement: { readonly through: number; readonly seq: number } | null = null
  /** What this client has once it has read all that was sent. */
  #seq = 0
  /** The encoded state vector of what it has, where that is known. */
  #stateVector = emptyStateVector
  /** Whether it is counted among those that lag. */
  #isCounted = false
  /** Made for the first large transfer: most clients never get one. */
  #pieces: PieceSender | null = null

  constructor(host: DeliveryHost) {
    this.#host = host
    this.#outbox = new Outbox(this)
  }

  /** How far the client is behind, for people. */
  get lag(): { readonly state: DeliveryFlow['kind']; readonly edits: number } {
    const seq = this.#host.sources?.attachment.seq ?? this.#seq
    return { state: this.#flow.kind, edits: this.#flow.kind === 'unsynced' ? 0 : Math.max(0, seq - this.#seq) }
  }

  /** Sends what may not be left out. */
  send(message: Message): void {
    this.#outbox.send(message)
  }

  /** Sends a message unless the client is lagging. False: it is. */
  sendWhenFlowing(message: Message): boolean {
    if (this.#outbox.isLagging) return false
    this.#outbox.send(message)
    return true
  }

  /** The client asks to be brought up to date. */
  sync(known: Known): void {
    const sources = this.#host.sources
    if (sources === null) return
    switch (this.#flow.kind) {
      case 'unsynced':
      case 'live':
        this.#outbox.check()
        if (this.#outbox.isLagging) this.#flow = { kind: 'lagging', next: known }
        else this.#ask(sources.attachment, known)
        return
      case 'syncing':
      case 'lagging':
        this.#flow = { ...this.#flow, next: known }
        return
      case 'taking':
        // Answered by what it is taking: it will be asked for what came meanwhile.
        this.#flow = { ...this.#flow, closes: 'catch-up' }
        return
      default:
        unreachable(this.#flow)
    }
  }

  /** The client asks for all awareness states. */
  queryAwareness(): void {
    this.#awareness.oweAll()
    this.#awareness.send()
  }

  catchUp(state: CatchUp): void {
    if (this.#flow.kind !== 'syncing') return
    const { next, closes } = this.#flow
    if (state.transfer !== undefined) {
      this.#flow = { kind: 'taking', seq: state.seq, transfer: state.transfer, closes: next === null ? closes : 'catch-up' }
      this.#host.services.counters.add('transfers_begun')
      this.#sendOwedAcknowledgement()
      this.#sendPieces()
      return
    }
    this.#seq = state.seq
    this.#flow = { kind: 'live' }
    for (const message of this.#host.dialect.catchUp(state)) this.#outbox.send(message)
    // Lagging by this state, or since before it.
    if (this.#outbox.isLagging) {
      this.#fallBehind(next)
      return
    }
    this.#sendOwedAcknowledgement()
    this.#awareness.send()
    if (next !== null) this.sync(next)
  }

  beat(beat: DocumentBroadcast): void {
    if (this.#flow.kind !== 'live') return
    const { manner } = this.#host.dialect
    const sources = this.#host.sources
    if (manner !== null && beat.update.length > manner.wholeBytesMax && sources !== null) {
      // In pieces, which are cut once for all.
      this.#ask(sources.attachment, this.#after(sources.attachment), 'beat')
      return
    }
    this.#seq = beat.seq
    const trace = beat.trace === undefined ? null : (this.#host.dialect.trace?.(beat.trace) ?? null)
    if (trace !== null) this.#outbox.send(trace)
    this.#outbox.send(this.#host.dialect.beat(beat))
  }

  acknowledged(through: number, seq: number): void {
    this.#owedAcknowledgement = { through, seq }
    if (!this.#outbox.isLagging) this.#sendOwedAcknowledgement()
  }

  awareness(frame: AwarenessFrame): void {
    if (this.#flow.kind === 'live') {
      this.#outbox.send(this.#host.dialect.awareness(frame))
      return
    }
    this.#awareness.owe()
    this.#host.services.counters.add('awareness_frames_dropped')
  }

  close(): void {
    this.#setLagging(false)
    this.#flow = { kind: 'unsynced' }
    this.#outbox.close()
  }

  #ask(attachment: Attachment, known: Known, closes: 'catch-up' | 'beat' = 'catch-up'): void {
    this.#flow = { kind: 'syncing', next: null, closes }
    try {
      attachment.sync(known, this.#host.dialect.manner)
    } catch (thrown) {
      this.#host.syncFailed(asWeftError(thrown))
    }
  }

  // What the outbox asks and says.

  get clock(): Clock {
    return this.#host.services.clock
  }

  get limits(): Limits {
    return this.#host.services.limits
  }

  get carrier(): Connection {
    return this.#host.connection
  }

  lagging(): void {
    this.#host.services.counters.add('sessions_lagging')
    this.#setLagging(true)
    if (this.#flow.kind === 'live') this.#fallBehind(null)
  }

  #fallBehind(next: Known | null): void {
    this.#flow = { kind: 'lagging', next }
    const attachment = this.#host.sources?.attachment
    // Should the log not reach back to here, it gets the difference.
    if (attachment?.seq === this.#seq) this.#stateVector = attachment.stateVector()
    attachment?.suspend()
  }

  /** What this client has, once it has read all that was sent. */
  #after({ incarnation }: Attachment): Known {
    return { kind: 'seq', incarnation, seq: this.#seq, stateVector: this.#stateVector }
  }

  #sendPieces(): void {
    if (this.#flow.kind !== 'taking') return
    this.#pieces ??= new PieceSender({
      connection: this.#host.connection,
      dialect: this.#host.dialect,
      counters: this.#host.services.counters,
      outbox: this.#outbox,
      transfer: () => (this.#flow.kind === 'taking' ? this.#flow.transfer : null),
      completed: () => {
        if (this.#flow.kind === 'taking') this.#completeTransfer(this.#flow)
      },
    })
    this.#pieces.send()
  }

  #completeTransfer({ seq, transfer, closes }: DeliveryFlow & { readonly kind: 'taking' }): void {
    const { dialect } = this.#host
    const updates = transfer.closing()
    this.#seq = seq
    this.#stateVector = transfer.stateVector
    this.#flow = { kind: 'live' }
    if (closes === 'beat') this.#outbox.send(dialect.beat({ seq, update: updates[0] ?? emptyUpdate, frames: new Map() }))
    else for (const message of dialect.catchUp({ seq, updates })) this.#outbox.send(message)
    const attachment = this.#host.sources?.attachment
    if (attachment === undefined) return
    if (this.#outbox.isLagging) this.#fallBehind(null)
    else this.#ask(attachment, this.#after(attachment))
  }

  #setLagging(lagging: boolean): void {
    if (lagging === this.#isCounted) return
    this.#isCounted = lagging
    this.#host.services.lagging?.add(lagging ? 1 : -1)
    this.#host.setLagging(lagging)
  }

  drained(): void {
    this.#setLagging(false)
    const sources = this.#host.sources
    if (this.#flow.kind !== 'lagging' || sources === null) {
      this.#sendOwedAcknowledgement()
      this.#sendPieces()
      return
    }
    const { attachment } = sources
    this.#ask(attachment, this.#flow.next ?? this.#after(attachment))
  }

  tooSlow(): void {
    this.#host.services.counters.add('sessions_too_slow')
    // The whole socket is what does not drain.
    this.#host.connection.fail(
      new WeftError('too-slow', 'The connection takes data too slowly to keep up with the document; connect again to catch up.'),
    )
  }

  // What awareness that is owed asks.

  get takesStates(): boolean {
    return this.#flow.kind === 'live' && !this.#outbox.isLagging && this.#host.sources !== null
  }

  states(): readonly Uint8Array[] {
    return this.#host.sources?.membership.fullState() ?? []
  }

  sendStates(part: Uint8Array): void {
    this.#outbox.send(this.#host.dialect.awarenessState(part))
  }

  #sendOwedAcknowledgement(): void {
    const owed = this.#owedAcknowledgement
    if (owed === null) return
    this.#owedAcknowledgement = null
    const message = this.#host.dialect.acknowledged(owed.through, owed.seq)
    if (message !== null) this.#outbox.send(message)
  }
}
