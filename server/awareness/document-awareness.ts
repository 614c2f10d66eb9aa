// The awareness of one document: who is bound to which client id, the newest state of each, and the beat in which changes leave.
// Nothing here is ever stored (A1).
import type { Clock } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import { WeftError } from '../../core/errors.js'
import { LazySet } from '../../core/lazy-collections.js'
import type { Limits } from '../../core/limits.js'
import type { Logger } from '../../core/log.js'
import { checkState, isRemovalState, scanAwareness } from '../../protocol/awareness.js'
import { Audience } from './audience.js'
import { bindingAfterRemoval, isBoundTo, mayAnnounce, mayTake, takenFrom } from './binding-rules.js'
import type { AwarenessBus, AwarenessChannel } from './bus.js'
import { type AwarenessChange, changeOf } from './change.js'
import { type Claim, Claims } from './claims.js'
import type { AwarenessSink } from './contract.js'
import { type NewEntry, refusalOf } from './new-entry.js'
import { AwarenessPacer, beatBytesMax } from './pacer.js'
import {
  type ClientRecord,
  encodeRecords,
  frameOf,
  isKnown,
  isLive,
  isUnheardRemoval,
  type LiveRecord,
  type Speaker,
  tellRemoved,
  unbound,
} from './record.js'
import { RecordTable } from './record-table.js'
import { RemoteStates } from './remote-states.js'
import { lookIn } from './scope.js'
import { type SpeakerIdentity, stampedState } from './stamp.js'

export interface AwarenessEnvironment {
  readonly clock: Clock
  readonly limits: Limits
  readonly counters: Counters
  readonly logger: Logger
  readonly bus: AwarenessBus
  /** Told with each beat what clients that speak through this node have said. Default: nobody is, which costs nothing. */
  readonly heard?: ((documentId: string, changes: readonly AwarenessChange[]) => void) | null
  /** The field of each state that is made to say whose it is. Null: states stay as clients send them. Default: null. */
  readonly stampUser?: string | null
}

/** Clients renew their state every 15 s, and take one that was not renewed for 30 s as gone. */
const STATE_AGE_MS_MAX = 45_000

export class DocumentAwareness {
  readonly #documentId: string
  readonly #environment: AwarenessEnvironment
  readonly #sessions = new LazySet<Speaker>()
  readonly #table: RecordTable
  readonly #claims: Claims
  readonly #channel: AwarenessChannel
  readonly #pacer: AwarenessPacer
  readonly #audience: Audience

  constructor(documentId: string, environment: AwarenessEnvironment) {
    this.#documentId = documentId
    this.#environment = environment
    const { clock, logger, bus } = environment
    this.#pacer = new AwarenessPacer(clock, () => this.#send())
    const table = new RecordTable(clock, () => this.#pacer.request(this.#sessions.size))
    this.#table = table
    this.#audience = new Audience({ clock, sessions: this.#sessions, record: (clientId) => table.get(clientId) })
    const claims = new Claims(clock, logger, {
      grant: (claim, bound) => this.#grant(claim, bound),
      reject: (claim, bound) => this.#reject(claim, bound),
    })
    this.#claims = claims
    const publish = (update: Uint8Array): void => this.#channel.publish(update)
    this.#channel = bus.subscribe(documentId, new RemoteStates({ environment, table, claims, publish }))
  }

  get sessionCount(): number {
    return this.#sessions.size
  }

  join(sink: AwarenessSink, identity: SpeakerIdentity): Speaker {
    const session: Speaker = {
      sink,
      identity,
      heardRemovalsThrough: this.#table.changeCount,
      clientIds: new LazySet(),
      ownId: 'unannounced',
      toldTooLarge: false,
      probeCount: 0,
      looksAt: null,
      heardAt: null,
    }
    this.#sessions.add(session)
    return session
  }

  identify(session: Speaker, identity: SpeakerIdentity): void {
    const before = session.identity
    if (before.user === identity.user && before.name === identity.name) return
    session.identity = identity
    // What other nodes are told of who is here names the user.
    if (before.user !== identity.user) this.#table.ownUserChanged()
    if (this.#environment.stampUser == null || typeof session.ownId !== 'number') return
    // Its state names who it was, and others take another one at a higher clock only: its client says it again.
    const record = this.#table.get(session.ownId)
    if (record !== undefined && record.state !== null && isBoundTo(record, session)) tellRemoved(session, record.clientId, record.clock)
  }

  leave(session: Speaker): void {
    if (!this.#sessions.delete(session)) return
    this.#claims.withdraw({ kind: 'session', session, takenFrom: null })
    for (const clientId of session.clientIds) {
      const record = this.#table.get(clientId)
      if (record === undefined) continue
      if (record.state === null) this.#table.bind(record, unbound)
      else this.#table.change(record, record.clock, null, unbound, true)
      const claim = this.#claims.release(clientId)
      if (claim !== null) this.#apply(record, claim)
    }
  }

  /** Throws `malformed`. */
  receive(session: Speaker, bytes: Uint8Array): void {
    const { counters, limits } = this.#environment
    // From now on its state says it.
    session.looksAt = null
    if (bytes.length > limits.awarenessMessageBytesMax) {
      counters.add('awareness_messages_oversized')
      this.#tellTooLarge(session, bytes.length, limits.awarenessMessageBytesMax)
      return
    }
    let received = 0
    const news: NewEntry[] = []
    const removedUnheard: ClientRecord[] = []
    // Stock clients send back every state that they receive. What is known is dropped here, at the cost of reading three numbers.
    const visit = (clientId: number, clock: number, stateStart: number, stateEnd: number): void => {
      received += 1
      const record = this.#table.recall(clientId, clock)
      if (record === undefined || !isKnown(record, clock, bytes, stateStart, stateEnd)) {
        news.push({ clientId, clock, stateStart, stateEnd })
      } else if (isUnheardRemoval(record, clock, bytes, stateStart, stateEnd) && mayAnnounce(record, session, clock)) {
        removedUnheard.push(record)
      }
    }
    const count = scanAwareness(bytes, visit, limits.awarenessEntriesPerMessageMax)
    if (count > received) counters.add('awareness_entries_refused', count - received)
    counters.add('awareness_entries_received', received)
    if (news.length < received) counters.add('awareness_entries_known', received - news.length)
    const [first] = news
    if (
      session.ownId === 'unannounced' &&
      received === 1 &&
      first !== undefined &&
      !isRemovalState(bytes, first.stateStart, first.stateEnd)
    ) {
      session.ownId = first.clientId
    }
    for (const entry of news) this.#consider(session, entry, bytes)
    // A client that reconnects repeats its state at the clock at which its old session's end removed it, and a document that is opened
    // again begins at a lower one: everybody would ignore it as known. Told of the removal, now or with the full state if this frame is
    // dropped, the client announces itself again at a higher clock.
    if (removedUnheard.length > 0) {
      for (const record of removedUnheard) session.heardRemovalsThrough = Math.min(session.heardRemovalsThrough, record.change - 1)
      session.sink.awareness(frameOf(removedUnheard))
    }
  }

  /** Throws `malformed`. */
  look(session: Speaker, bytes: Uint8Array): void {
    session.looksAt = lookIn(bytes, this.#environment.limits)
    if (session.looksAt !== session.heardAt) this.#pacer.request(this.#sessions.size)
  }

  fullState(session: Speaker): readonly Uint8Array[] {
    const removals: ClientRecord[] = []
    for (const record of this.#table.values()) if (!isLive(record) && record.change > session.heardRemovalsThrough) removals.push(record)
    const states = this.#table.presentStates()
    return removals.length === 0 ? states : [...states, encodeRecords(removals)]
  }

  live(): Iterable<LiveRecord> {
    return this.#table.live()
  }

  /** The users of the sessions, one entry per session that has one. */
  *users(): Generator<string> {
    for (const { identity } of this.#sessions) if (identity.user !== null) yield identity.user
  }

  get ownChangeCount(): number {
    return this.#table.ownChangeCount
  }

  get ownComingCount(): number {
    return this.#table.ownComingCount
  }

  /** Removes what nobody renews, and forgets old removals. To be called every few seconds. */
  sweep(): void {
    const now = this.#environment.clock.monotonic()
    for (const record of this.#table.live()) {
      if (now - record.changedAtMs < STATE_AGE_MS_MAX) continue
      if (record.binding.kind === 'remote') this.#table.presumeGone(record)
      else this.#table.change(record, record.clock, null, bindingAfterRemoval(record), true)
    }
    this.#table.forgetOldTombstones()
    this.#claims.sweep()
  }

  /** Ends the sessions that are left, tells the other nodes so, and lets go of the bus and the timer. Nothing is called on the sinks. */
  close(): void {
    for (const session of this.#sessions) this.leave(session)
    while (this.#table.hasChanges) this.#send()
    this.#pacer.cancel()
    this.#audience.close()
    this.#channel.unsubscribe()
  }

  #consider(session: Speaker, entry: NewEntry, bytes: Uint8Array): void {
    const { counters, limits } = this.#environment
    const { clientId, clock, stateStart, stateEnd } = entry
    const record = this.#table.get(clientId)
    // An entry that says what an earlier one of the same message said is known by now.
    if (record !== undefined && isKnown(record, clock, bytes, stateStart, stateEnd)) return
    const refusal = refusalOf(session, entry, record, limits)
    if (refusal !== null) {
      counters.add(refusal)
      if (refusal === 'awareness_entries_oversized') this.#tellTooLarge(session, stateEnd - stateStart, limits.awarenessStateBytesMax)
      return
    }
    const bound = record !== undefined && isBoundTo(record, session)
    if (isRemovalState(bytes, stateStart, stateEnd)) {
      if (bound) this.#table.change(record, clock, null, bindingAfterRemoval(record), true)
      else {
        counters.add('awareness_entries_foreign')
        this.#claims.retract(clientId, { kind: 'session', session, takenFrom: null }, clock)
      }
      return
    }
    // A copy, so that a small state does not keep the message it came in alive.
    const said = bytes.slice(stateStart, stateEnd)
    const state = this.#stamped(session, said, checkState(said, limits.nestingDepthMax))
    if (state.length > limits.awarenessStateBytesMax) {
      counters.add('awareness_entries_oversized')
      this.#tellTooLarge(session, state.length, limits.awarenessStateBytesMax)
      return
    }
    if (record === undefined || bound || mayTake(session, record)) {
      this.#table.change(
        record ?? this.#table.getOrCreate(clientId),
        clock,
        state,
        { kind: 'session', session, takenFrom: takenFrom(record, session) },
        true,
      )
      return
    }
    counters.add('awareness_entries_foreign')
    if (record.binding.kind === 'session')
      this.#claims.offer({ claimant: { kind: 'session', session, takenFrom: null }, clientId, clock, state }, record.binding.session)
  }

  #stamped(session: Speaker, state: Uint8Array, said: unknown): Uint8Array {
    const { stampUser = null } = this.#environment
    return stampUser === null ? state : stampedState(state, said, stampUser, session.identity)
  }

  /** Once: a client repeats its state every 15 s. */
  #tellTooLarge(session: Speaker, bytes: number, bytesMax: number): void {
    if (session.toldTooLarge) return
    session.toldTooLarge = true
    session.sink.leftOut(
      new WeftError(
        'message-too-large',
        `Your cursor and presence have ${bytes} bytes, and at most ${bytesMax} are passed on: the others see what you said before. Put less into the awareness state.`,
      ),
    )
  }

  #grant(claim: Claim, bound: Speaker): void {
    const record = this.#table.get(claim.clientId)
    if (record?.binding.kind !== 'session' || record.binding.session !== bound) return
    this.#apply(record, claim)
  }

  /** The client that holds the id is there, but other nodes may have believed the claim: its client has to go past it. */
  #reject({ claimant, clientId, clock }: Claim, bound: Speaker): void {
    const record = this.#table.get(clientId)
    if (claimant.kind === 'remote' && record !== undefined && isBoundTo(record, bound) && clock >= record.clock) {
      tellRemoved(bound, clientId, clock)
    }
  }

  #apply(record: ClientRecord, { claimant, clock, state }: Claim): void {
    // Whoever held the id has meanwhile said more than the claim does.
    if (clock <= record.clock) return
    if (claimant.kind === 'remote') this.#table.change(record, clock, state, claimant, false)
    else if (claimant.session.clientIds.size < this.#environment.limits.awarenessClientsPerSessionMax) {
      this.#table.change(record, clock, state, claimant, true)
    }
  }

  /** Sends what changed since the last beat, or as much of it as a beat may hold, to those sessions here that it concerns (the submitters included) and to the other nodes. */
  #send(): void {
    const { all, toTell } = this.#table.takeChanges(beatBytesMax(this.#sessions.size))
    if (this.#table.hasChanges) this.#pacer.request(this.#sessions.size)
    const frame = frameOf(all)
    if (toTell.length > 0) this.#channel.publish(toTell.length === all.length ? frame.update : encodeRecords(toTell))
    this.#audience.tell(all, frame)
    const { heard = null } = this.#environment
    if (heard !== null && toTell.length > 0) heard(this.#documentId, toTell.map(changeOf))
  }
}
