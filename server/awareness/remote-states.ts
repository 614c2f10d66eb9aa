// What a document's awareness makes of what other nodes say: the newest clock wins, and each state is held to the node that said it.
//
// A client that moves to another node is announced there at a newer clock, so the removal that its old node sends later is old news.
// Where both speak at the same clock, a removal counts only from the node that the state is held to.
import { checkState, encodeAwareness, isRemovalState, removalState, scanAwareness } from '../../protocol/awareness.js'
import { type AwarenessSubscriber, isSameOrigin, type Origin } from './bus.js'
import type { Claims } from './claims.js'
import type { AwarenessEnvironment } from './document-awareness.js'
import { AWARENESS_CLOCK_MAX, type ClientRecord, encodeRecords, isKnown, isUnheardRemoval, tellRemoved, unbound } from './record.js'
import type { RecordTable } from './record-table.js'

interface RemoteEntry {
  readonly origin: Origin
  readonly clientId: number
  readonly clock: number
  readonly update: Uint8Array
  readonly stateStart: number
  readonly stateEnd: number
}

export interface RemoteStatesOptions {
  readonly environment: AwarenessEnvironment
  readonly table: RecordTable
  readonly claims: Claims
  /** Sends an update to the other nodes. */
  publish(update: Uint8Array): void
}

export class RemoteStates implements AwarenessSubscriber {
  readonly #options: RemoteStatesOptions

  constructor(options: RemoteStatesOptions) {
    this.#options = options
  }

  states(origin: Origin, update: Uint8Array): void {
    this.#take(origin, update)
  }

  fullStates(origin: Origin, update: Uint8Array): void {
    const said = this.#take(origin, update)
    this.#options.claims.withdraw({ kind: 'remote', origin }, said)
    for (const record of this.#options.table.live()) {
      if (!said.has(record.clientId) && isHeldTo(record, origin)) this.#options.table.presumeGone(record)
    }
  }

  gone(origin: Origin): void {
    this.#options.claims.withdraw({ kind: 'remote', origin })
    for (const record of this.#options.table.live()) if (isHeldTo(record, origin)) this.#options.table.presumeGone(record)
  }

  localStates(): Uint8Array {
    return encodeRecords([...this.#options.table.live()].filter(({ binding }) => binding.kind === 'session'))
  }

  /** Answers whose states the update holds. Throws `malformed`. */
  #take(origin: Origin, update: Uint8Array): ReadonlySet<number> {
    const said = new Set<number>()
    const denied: ClientRecord[] = []
    scanAwareness(update, (clientId, clock, stateStart, stateEnd) => {
      said.add(clientId)
      const entry = { origin, clientId, clock, update, stateStart, stateEnd }
      const refusal = this.#refusalOf(entry)
      if (refusal !== null) {
        this.#options.environment.counters.add(refusal)
        return
      }
      const record = this.#options.table.recall(clientId, clock)
      if (record === undefined || !isKnown(record, clock, update, stateStart, stateEnd)) this.#takeNews(entry, record)
      else if (isUnheardRemoval(record, clock, update, stateStart, stateEnd) && record.binding.kind !== 'session') {
        // The clients here were told of the removal, and take back neither its clock nor a lower one. Denied by us, its client announces
        // itself at a higher one.
        denied.push(record)
        if (record.presumedGone && record.clock === clock) this.#set(record, entry)
      }
    })
    if (denied.length > 0) {
      this.#options.publish(encodeAwareness(denied.map(({ clientId, clock }) => ({ clientId, clock, state: removalState }))))
    }
    return said
  }

  #refusalOf({ clock, stateStart, stateEnd }: RemoteEntry): 'awareness_entries_refused' | 'awareness_entries_oversized' | null {
    if (clock > AWARENESS_CLOCK_MAX) return 'awareness_entries_refused'
    return stateEnd - stateStart > this.#options.environment.limits.awarenessStateBytesMax ? 'awareness_entries_oversized' : null
  }

  #takeNews(entry: RemoteEntry, record: ClientRecord | undefined): void {
    if (isRemovalState(entry.update, entry.stateStart, entry.stateEnd)) this.#takeRemoval(entry, record)
    else this.#takeState(entry, record)
  }

  #takeRemoval({ origin, clientId, clock }: RemoteEntry, record: ClientRecord | undefined): void {
    if (record === undefined) return
    switch (record.binding.kind) {
      case 'session':
        this.#options.claims.retract(clientId, { kind: 'remote', origin }, clock)
        // Not theirs to remove. But others may have believed it, or know the client from before, at a clock that it has not reached again.
        if (clock >= record.clock) tellRemoved(record.binding.session, clientId, clock)
        return
      case 'remote':
        if (clock === record.clock && !isSameOrigin(record.binding.origin, origin)) return
        this.#options.table.change(record, clock, null, unbound, false)
        return
      case 'none':
        this.#options.table.change(record, clock, null, unbound, false)
    }
  }

  #takeState(entry: RemoteEntry, record: ClientRecord | undefined): void {
    const { origin, clientId, clock, update, stateStart, stateEnd } = entry
    const { table, claims, environment } = this.#options
    if (record?.binding.kind !== 'session') {
      this.#set(record ?? table.getOrCreate(clientId), entry)
      return
    }
    const { session, takenFrom } = record.binding
    if (takenFrom === null ? table.isIntroducing : isSameOrigin(takenFrom, origin)) {
      // A session here announced the id as its own, but the client that had it is still there and goes on.
      environment.counters.add('awareness_entries_foreign')
      session.ownId = 'forfeited'
      this.#set(record, entry)
      return
    }
    const state = update.slice(stateStart, stateEnd)
    checkState(state, environment.limits.nestingDepthMax)
    claims.offer({ claimant: { kind: 'remote', origin }, clientId, clock, state }, session)
  }

  #set(record: ClientRecord, { origin, clock, update, stateStart, stateEnd }: RemoteEntry): void {
    // A copy, so that a small state does not keep the frame it came in alive.
    const state = update.slice(stateStart, stateEnd)
    checkState(state, this.#options.environment.limits.nestingDepthMax)
    this.#options.table.change(record, clock, state, { kind: 'remote', origin }, false)
  }
}

function isHeldTo({ binding }: ClientRecord, origin: Origin): boolean {
  return binding.kind === 'remote' && isSameOrigin(binding.origin, origin)
}
