// The awareness of one document: who is bound to which client id, the newest state of each, and the beat in which changes leave.
// Nothing here is ever stored (A1).
import type { Clock } from '../../core/clock.js'
import type { CounterName, Counters } from '../../core/counters.js'
import type { Limits } from '../../core/limits.js'
import type { Logger } from '../../core/log.js'
import { checkState, encodeAwareness, isRemovalState, scanAwareness } from '../../protocol/awareness.js'
import { Beat } from './beat.js'
import type { AwarenessBus, AwarenessChannel } from './bus.js'
import { type Claim, Claims } from './claims.js'
import type { AwarenessFrame, AwarenessSink } from './contract.js'
import { type Binding, type ClientRecord, entryOf, isKnown, remote, type Speaker, unbound } from './record.js'

export interface AwarenessEnvironment {
  readonly clock: Clock
  readonly limits: Limits
  readonly counters: Counters
  readonly logger: Logger
  readonly bus: AwarenessBus
}

/** Clients count up from 0; one that starts near the end of the integers would make its id unusable for whoever owns it. */
const CLOCK_MAX = 2 ** 31
/** Clients renew their state every 15 s, and take one that was not renewed for 30 s as gone. */
const STATE_AGE_MS_MAX = 45_000
/** How long, and how many, removals are remembered, so that a late echo does not revive them. */
const TOMBSTONE_AGE_MS_MAX = 60_000
const TOMBSTONES_MAX = 10_000

interface NewEntry {
  readonly clientId: number
  readonly clock: number
  readonly stateStart: number
  readonly stateEnd: number
}

export class DocumentAwareness {
  readonly #environment: AwarenessEnvironment
  readonly #sessions = new Set<Speaker>()
  readonly #records = new Map<number, ClientRecord>()
  /** Removed and unbound records, oldest removal first. */
  readonly #tombstones = new Map<number, ClientRecord>()
  readonly #claims: Claims
  readonly #channel: AwarenessChannel
  /** Changed since the last beat; true for what other nodes have to hear too. */
  readonly #changed = new Map<ClientRecord, boolean>()
  #changeCount = 0
  readonly #beat: Beat
  /** The encoded states of all clients, until one changes. */
  #encodedStates: Uint8Array | null = null

  constructor(documentId: string, environment: AwarenessEnvironment) {
    this.#environment = environment
    this.#beat = new Beat(environment.clock, () => this.#send())
    this.#claims = new Claims(environment.clock, environment.logger, (claim, bound) => this.#grant(claim, bound))
    this.#channel = environment.bus.subscribe(documentId, (update) => this.#receiveRemote(documentId, update))
  }

  get sessionCount(): number {
    return this.#sessions.size
  }

  join(sink: AwarenessSink): Speaker {
    const session: Speaker = { sink, heardRemovalsThrough: this.#changeCount, clientIds: new Set(), ownId: null, probeCount: 0 }
    this.#sessions.add(session)
    return session
  }

  leave(session: Speaker): void {
    if (!this.#sessions.delete(session)) return
    this.#claims.withdraw(session)
    for (const clientId of session.clientIds) {
      const record = this.#records.get(clientId)
      if (record === undefined) continue
      if (record.state === null) this.#bind(record, unbound)
      else this.#change(record, record.clock, null, unbound, true)
      const claim = this.#claims.release(clientId)
      if (claim !== null) this.#apply(record, claim)
    }
  }

  /** Throws `malformed`. */
  receive(session: Speaker, bytes: Uint8Array): void {
    const { counters } = this.#environment
    let received = 0
    const news: NewEntry[] = []
    const removedUnheard: ClientRecord[] = []
    // Stock clients send back every state that they receive. What is known is dropped here, at the cost of reading three numbers.
    scanAwareness(bytes, (clientId, clock, stateStart, stateEnd) => {
      received += 1
      const record = this.#records.get(clientId)
      if (record === undefined || !isKnown(record, clock, bytes, stateStart, stateEnd)) {
        news.push({ clientId, clock, stateStart, stateEnd })
      } else if (record.state === null && clock === record.clock && !isRemovalState(bytes, stateStart, stateEnd)) {
        removedUnheard.push(record)
      }
    })
    counters.add('awareness_entries_received', received)
    if (news.length < received) counters.add('awareness_entries_known', received - news.length)
    const [first] = news
    if (session.ownId === null && received === 1 && first !== undefined && !isRemovalState(bytes, first.stateStart, first.stateEnd)) {
      session.ownId = first.clientId
    }
    for (const entry of news) this.#consider(session, entry, bytes)
    // A client that reconnects repeats its state at the clock at which its old session's end removed it, and everybody would ignore it as known.
    // Told of the removal, now or with the full state if this frame is dropped, it announces itself again at a higher clock.
    if (removedUnheard.length > 0) {
      for (const record of removedUnheard) session.heardRemovalsThrough = Math.min(session.heardRemovalsThrough, record.change - 1)
      session.sink.awareness(frameOf(removedUnheard))
    }
  }

  fullState(session: Speaker): Uint8Array | null {
    const removals = [...this.#records.values()].filter((record) => record.state === null && record.change > session.heardRemovalsThrough)
    if (removals.length > 0) return frameOf([...this.live(), ...removals]).update
    this.#encodedStates ??= frameOf([...this.live()]).update
    // An update without entries is the single byte 0.
    return this.#encodedStates.length === 1 ? null : this.#encodedStates
  }

  /** The records of clients that are present. */
  *live(): Generator<ClientRecord & { readonly state: Uint8Array }> {
    for (const record of this.#records.values()) if (isLive(record)) yield record
  }

  /** Removes what nobody renews, and forgets old removals. To be called every few seconds. */
  sweep(): void {
    const now = this.#environment.clock.monotonic()
    for (const record of this.#records.values()) {
      if (record.state === null || now - record.changedAtMs < STATE_AGE_MS_MAX) continue
      this.#change(record, record.clock, null, bindingAfterRemoval(record), record.binding.kind !== 'remote')
    }
    for (const record of this.#tombstones.values()) {
      if (now - record.changedAtMs < TOMBSTONE_AGE_MS_MAX) break
      this.#forget(record)
    }
    this.#claims.sweep()
  }

  /** Ends the sessions that are left, tells the other nodes so, and lets go of the bus and the timer. Nothing is called on the sinks. */
  close(): void {
    for (const session of this.#sessions) this.leave(session)
    this.#send()
    this.#beat.cancel()
    this.#channel.unsubscribe()
  }

  #consider(session: Speaker, entry: NewEntry, bytes: Uint8Array): void {
    const { counters, limits } = this.#environment
    const { clientId, clock, stateStart, stateEnd } = entry
    const record = this.#records.get(clientId)
    // An earlier entry of the same message may have said as much.
    if (record !== undefined && isKnown(record, clock, bytes, stateStart, stateEnd)) return
    const refusal = this.#refusalOf(session, entry, record)
    if (refusal !== null) {
      counters.add(refusal)
      return
    }
    const bound = record !== undefined && isBoundTo(record, session)
    if (isRemovalState(bytes, stateStart, stateEnd)) {
      if (bound) this.#change(record, clock, null, bindingAfterRemoval(record), true)
      else counters.add('awareness_entries_foreign')
      return
    }
    // A copy, so that a small state does not keep the message it came in alive.
    const state = bytes.slice(stateStart, stateEnd)
    checkState(state, limits.nestingDepthMax)
    if (record === undefined || bound || this.#mayTake(session, record)) {
      this.#change(record ?? this.#newRecord(clientId), clock, state, { kind: 'session', session }, true)
      return
    }
    counters.add('awareness_entries_foreign')
    if (record.binding.kind === 'session') this.#claims.offer({ claimant: session, clientId, clock, state }, record.binding.session)
  }

  /** Which limit an entry breaks, as the counter that counts it, or null. */
  #refusalOf(session: Speaker, entry: NewEntry, record: ClientRecord | undefined): CounterName | null {
    const { limits } = this.#environment
    if (entry.clock > CLOCK_MAX) return 'awareness_entries_refused'
    if (entry.stateEnd - entry.stateStart > limits.awarenessStateBytesMax) return 'awareness_entries_oversized'
    const wouldBind = record === undefined || record.binding.kind === 'none'
    return wouldBind && session.clientIds.size >= limits.awarenessClientsPerSessionMax ? 'awareness_entries_refused' : null
  }

  /** Whether a session that is not bound to an id may take it without asking. */
  #mayTake(session: Speaker, record: ClientRecord): boolean {
    const isOwnId = session.ownId === record.clientId
    switch (record.binding.kind) {
      case 'none':
        return true
      case 'remote':
        return isOwnId
      case 'session':
        // A sibling tab that relayed this client's state before the client's own socket opened gives way to it.
        return isOwnId && record.binding.session.ownId !== record.clientId
    }
  }

  #receiveRemote(documentId: string, update: Uint8Array): void {
    try {
      scanAwareness(update, (clientId, clock, stateStart, stateEnd) => {
        const known = this.#records.get(clientId)
        const removal = isRemovalState(update, stateStart, stateEnd)
        if (known === undefined ? removal : isKnown(known, clock, update, stateStart, stateEnd)) return
        const record = known ?? this.#newRecord(clientId)
        const state = removal ? null : update.slice(stateStart, stateEnd)
        if (record.binding.kind !== 'session') this.#change(record, clock, state, state === null ? unbound : remote, false)
        else if (state !== null) this.#claims.offer({ claimant: null, clientId, clock, state }, record.binding.session)
      })
    } catch (error) {
      this.#environment.logger.warn({ documentId, error }, 'Another node sent an awareness update that cannot be read; it is ignored.')
    }
  }

  #grant(claim: Claim, bound: Speaker): void {
    const record = this.#records.get(claim.clientId)
    if (record?.binding.kind !== 'session' || record.binding.session !== bound) return
    this.#apply(record, claim)
  }

  #apply(record: ClientRecord, claim: Claim): void {
    const { claimant, clock, state } = claim
    // Whoever held the id has meanwhile said more than the claim does.
    if (clock <= record.clock) return
    if (claimant === null) this.#change(record, clock, state, remote, false)
    else if (claimant.clientIds.size < this.#environment.limits.awarenessClientsPerSessionMax) {
      this.#change(record, clock, state, { kind: 'session', session: claimant }, true)
    }
  }

  #newRecord(clientId: number): ClientRecord {
    const record: ClientRecord = { clientId, clock: 0, state: null, binding: unbound, changedAtMs: 0, change: 0 }
    this.#records.set(clientId, record)
    return record
  }

  #bind(record: ClientRecord, binding: Binding): void {
    if (record.binding.kind === 'session') record.binding.session.clientIds.delete(record.clientId)
    if (binding.kind === 'session') binding.session.clientIds.add(record.clientId)
    record.binding = binding
    // Deleted first, so that the order of the map stays the order of the removals.
    this.#tombstones.delete(record.clientId)
    if (record.state === null && binding.kind === 'none') this.#tombstones.set(record.clientId, record)
    if (this.#tombstones.size > TOMBSTONES_MAX) {
      const oldest = this.#tombstones.values().next().value
      if (oldest !== undefined) this.#forget(oldest)
    }
  }

  #forget(record: ClientRecord): void {
    this.#tombstones.delete(record.clientId)
    this.#records.delete(record.clientId)
  }

  /** Sets a record's state and puts it into the next beat. */
  #change(record: ClientRecord, clock: number, state: Uint8Array | null, binding: Binding, local: boolean): void {
    record.clock = clock
    record.state = state
    record.changedAtMs = this.#environment.clock.monotonic()
    this.#changeCount += 1
    record.change = this.#changeCount
    this.#bind(record, binding)
    this.#encodedStates = null
    this.#changed.set(record, local)
    this.#beat.request(this.#sessions.size)
  }

  /** Sends what changed since the last beat, to the sessions here (the submitters included) and to the other nodes. */
  #send(): void {
    if (this.#changed.size === 0) return
    const records = [...this.#changed.keys()]
    const local = records.filter((record) => this.#changed.get(record) === true)
    this.#changed.clear()
    const frame = frameOf(records)
    if (local.length > 0) this.#channel.publish(local.length === records.length ? frame.update : frameOf(local).update)
    for (const session of this.#sessions) session.sink.awareness(frame)
  }
}

function isLive(record: ClientRecord): record is ClientRecord & { readonly state: Uint8Array } {
  return record.state !== null
}

function isBoundTo(record: ClientRecord, session: Speaker): boolean {
  return record.binding.kind === 'session' && record.binding.session === session
}

/** A session keeps its own id, so that nobody takes it while its client is only hiding. */
function bindingAfterRemoval(record: ClientRecord): Binding {
  const { binding } = record
  return binding.kind === 'session' && binding.session.ownId === record.clientId ? binding : unbound
}

function frameOf(records: readonly ClientRecord[]): AwarenessFrame {
  return { update: encodeAwareness(records.map(entryOf)), frames: new Map() }
}
