// The states of an owner's life: whether it takes edits, and why not. A document with an update that cannot be applied is quarantined:
// readable up to it (D8).
import { unreachable } from '../../core/assert.js'
import { WeftError } from '../../core/errors.js'
import type { OwnerHost } from './owner-host.js'
import { QuarantineRecord } from './quarantine-record.js'
import { ownerMoved } from './view/session-slots.js'

/** What it needs of the owner. */
type LifeHost = Pick<OwnerHost, 'documentId' | 'fence' | 'storedIncarnation' | 'environment' | 'shardFenced' | 'quarantineRecorded'>

type State =
  | { readonly kind: 'open' }
  /** Readable up to what cannot be applied; writes are refused with `error`. */
  | { readonly kind: 'quarantined'; readonly error: WeftError }
  /** It is let go of: what was submitted is flushed, then the sessions are detached. `refusal` if it takes nothing even now. */
  | { readonly kind: 'handing-over'; readonly refusal: WeftError | null }
  | { readonly kind: 'stopped'; readonly error: WeftError }

export class OwnerLife {
  readonly #host: LifeHost
  #state: State = { kind: 'open' }
  /** While what was found to be unusable is on its way to the store. */
  #record: QuarantineRecord | null = null

  constructor(host: LifeHost) {
    this.#host = host
  }

  get stopped(): boolean {
    return this.#state.kind === 'stopped'
  }

  get handingOver(): boolean {
    return this.#state.kind === 'handing-over'
  }

  /**
   * May be evicted. A quarantined document stays until the store knows it, or it would be taken for a sound one when it is opened again.
   */
  get mayBeEvicted(): boolean {
    return this.#state.kind === 'open' || (this.#state.kind === 'quarantined' && this.#record === null)
  }

  /** Why nobody is let in, or null. */
  get closedTo(): WeftError | null {
    if (this.#state.kind === 'stopped') return this.#state.error
    return this.#state.kind === 'handing-over' ? ownerMoved() : null
  }

  /** Why writes are refused, or null. */
  get refusal(): WeftError | null {
    const state = this.#state
    switch (state.kind) {
      case 'open':
        return null
      case 'quarantined':
      case 'stopped':
        return state.error
      case 'handing-over':
        return state.refusal
      default:
        return unreachable(state)
    }
  }

  /** Nobody is let in from here on. */
  handOver(): void {
    if (this.#state.kind !== 'stopped') this.#state = { kind: 'handing-over', refusal: this.refusal }
  }

  /** What comes in while it is handed over is refused. */
  refuse(error: WeftError): void {
    if (this.#state.kind === 'handing-over') this.#state = { kind: 'handing-over', refusal: error }
  }

  /** False if it had stopped before. */
  stop(error: WeftError): boolean {
    if (this.#state.kind === 'stopped') return false
    this.#state = { kind: 'stopped', error }
    this.#record?.cancel()
    return true
  }

  /** The document can be used up to `seq` only; the store knows that. */
  quarantine(seq: number, reason: string): void {
    const { documentId, environment } = this.#host
    const { logger, counters } = environment
    counters.add('documents_quarantined')
    logger.error({ documentId, seq, reason }, 'A document holds an update that cannot be applied; it is read-only up to it')
    const error = new WeftError('document-quarantined', `The document is read-only: its update ${seq} cannot be applied.`)
    this.#state = this.#state.kind === 'handing-over' ? { kind: 'handing-over', refusal: error } : { kind: 'quarantined', error }
  }

  /** As `quarantine`, and tells the store. */
  recordQuarantine(seq: number, reason: string): void {
    this.quarantine(seq, reason)
    const { documentId, fence, storedIncarnation: incarnation, environment } = this.#host
    this.#record = new QuarantineRecord({
      store: environment.store,
      clock: environment.clock,
      logger: environment.logger,
      fenced: () => this.#host.shardFenced(),
      write: { documentId, fence, incarnation, seq, reason },
      saved: () => {
        this.#record = null
        this.#host.quarantineRecorded()
      },
    })
  }
}
