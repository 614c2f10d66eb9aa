// How an edit comes into a document: it is looked at, what of it is new waits for a commit, and the rest is acknowledged or refused.
import { unreachable } from '../../core/assert.js'
import type { WeftError } from '../../core/errors.js'
import type { Sliced } from '../../core/slices.js'
import { THE_SERVER } from '../../core/user-id.js'
import type { InspectedUpdate } from '../../protocol/updates/inspect.js'
import type { WaitingClients } from '../../protocol/updates/waiting-clients.js'
import { type Admission, admitSmall, admitting } from './admission.js'
import { AdmissionQueue } from './admission-queue.js'
import type { ClientIdGuard } from './client-id-guard.js'
import { NestingGuard } from './nesting-guard.js'
import type { OwnerHost } from './owner-host.js'
import { Repeats, type Submitter } from './pending.js'
import type { SessionSlot } from './view/session-slots.js'
import { WaitingGuard } from './waiting-guard.js'

type Verdict =
  | Admission
  /** It is to be looked at again, once that has resolved: with why it cannot be, or null. */
  | { readonly kind: 'unclear'; readonly clear: Promise<WeftError | null> }

const noFirstUses: readonly number[] = []

export class Intake {
  readonly #host: OwnerHost
  /** Null: anybody may write under any Yjs client id. */
  readonly #clientIds: ClientIdGuard | null
  readonly #queue: AdmissionQueue
  readonly #waiting: WaitingGuard
  readonly #nesting: NestingGuard
  readonly #repeats: Repeats

  constructor(host: OwnerHost, waiting: WaitingClients, clientIds: ClientIdGuard | null) {
    this.#host = host
    this.#clientIds = clientIds
    const { environment, image, known, uncommitted, sessions } = host
    const { clock, limits } = environment
    this.#queue = new AdmissionQueue(clock, () => host.intakeEmptied())
    this.#waiting = new WaitingGuard(waiting, known, limits)
    this.#nesting = new NestingGuard(
      known,
      limits,
      () => this.#waiting.count,
      // All that is known, in the order of the log.
      () => {
        const { base, tail } = image.snapshotInput()
        return [...(base === null ? [] : [base]), ...tail, ...uncommitted.updates]
      },
    )
    this.#repeats = new Repeats(clock, (session, through) => sessions.acknowledge(session, through, host.durableSeq))
  }

  get empty(): boolean {
    return this.#queue.empty
  }

  /** Of what is on its way in. */
  get bytes(): number {
    return this.#queue.bytes
  }

  /** What it remembers of the document, in memory. */
  get rememberedBytes(): number {
    return this.#waiting.byteLength + this.#nesting.byteLength + (this.#clientIds?.byteLength ?? 0)
  }

  submit(session: SessionSlot, submission: number, bytes: Uint8Array, user: string | null): void {
    const { environment, known } = this.#host
    environment.counters.add('updates_received')
    const from = { session, submission, user }
    const admission = this.#queue.empty ? this.#judgeSmall(bytes) : null
    if (admission !== null) {
      const added = this.#settle(from, bytes, admission)
      if (added !== null) known.add(added)
      return
    }
    this.#queue.push(bytes.length, this.#submitting(from, bytes))
    if (!this.#queue.empty) this.#host.measureWaiting()
  }

  /** Resolves when nothing is on its way in any more. */
  settled(): Promise<void> {
    return this.#queue.settled()
  }

  /** Drops what is on its way in. */
  clear(): void {
    this.#queue.clear()
  }

  *#submitting(from: Submitter, bytes: Uint8Array): Sliced<void> {
    const verdict = yield* this.#judging(bytes, from.user)
    if (verdict.kind === 'unclear') {
      const again = verdict.clear.then((error) => (error === null ? this.#submitting(from, bytes) : this.#refusing(from, bytes, error)))
      this.#queue.postpone(bytes.length, again)
      return
    }
    const added = this.#settle(from, bytes, verdict)
    if (added !== null) yield* this.#host.known.adding(added)
  }

  /** Carries out what was decided. Answers what is to become known now; null for nothing. */
  #settle(from: Submitter, bytes: Uint8Array, admission: Admission): InspectedUpdate | null {
    const { environment, uncommitted } = this.#host
    switch (admission.kind) {
      case 'refused':
        this.#refuse(from, bytes, admission.error)
        return null
      case 'repeat':
        environment.counters.add('updates_already_known')
        environment.traces?.repeated(bytes)
        this.#acknowledgeRepeat(from.session, from.submission)
        return null
      case 'new': {
        const { added } = admission
        this.#waiting.take()
        this.#nesting.take()
        // First, so that the durable state vector leaves it out while it becomes known.
        const firstUses = this.#firstUsesIn(added)
        const user = from.user === THE_SERVER ? null : from.user
        this.#clientIds?.used(firstUses, user)
        uncommitted.add(added, user === from.user ? from : { ...from, user }, firstUses)
        if (uncommitted.last !== null) environment.traces?.waits(bytes, uncommitted.last)
        this.#host.added()
        return added
      }
      default:
        unreachable(admission)
    }
  }

  // biome-ignore lint/correctness/useYield: it takes the place of a longer one.
  *#refusing(from: Submitter, bytes: Uint8Array, error: WeftError): Sliced<void> {
    this.#refuse(from, bytes, error)
  }

  #refuse({ session, submission }: Submitter, bytes: Uint8Array, error: WeftError): void {
    const { environment, sessions } = this.#host
    // The tail may be what makes it too large.
    if (error.code === 'document-too-large' || error.code === 'quota-exceeded') this.#host.tooLarge()
    if (error.code === 'quota-exceeded') environment.counters.add('updates_over_quota')
    environment.traces?.refused(bytes, error.code)
    sessions.refuse(session, submission, error)
  }

  /** A keystroke, in as few steps as can be; null for what takes a longer look. */
  #judgeSmall(bytes: Uint8Array): Admission | null {
    const { environment, image, known, uncommitted, pressure, life } = this.#host
    if (this.#clientIds !== null) return null
    const before = life.refusal
    if (before !== null) return { kind: 'refused', error: before }
    const documentBytes = image.bytes + uncommitted.bytes
    const admission = admitSmall(bytes, known, environment.limits, documentBytes, pressure)
    if (admission?.kind !== 'new') return admission
    const { added } = admission
    if (!this.#waiting.admits(added) || !this.#nesting.admits(added)) return null
    const since = this.#overQuota(added, documentBytes)
    return since === null ? admission : { kind: 'refused', error: since }
  }

  *#judging(bytes: Uint8Array, user: string | null): Sliced<Verdict> {
    const { environment, image, known, uncommitted, pressure, life } = this.#host
    const before = life.refusal
    if (before !== null) return { kind: 'refused', error: before }
    const documentBytes = image.bytes + uncommitted.bytes
    const admission = yield* admitting(bytes, known, environment.limits, documentBytes, pressure)
    // It may have been quarantined meanwhile.
    if (admission.kind !== 'new') return admission
    const { added } = admission
    const verdict = this.#clientIds?.judge(added, user)
    if (verdict?.kind === 'unclear') return verdict
    if (verdict?.kind === 'foreign') {
      environment.counters.add('updates_of_others_ids')
      return { kind: 'refused', error: verdict.error }
    }
    const waiting = this.#waiting.admits(added) ? null : yield* this.#waiting.admitting(added)
    const nesting = waiting !== null || this.#nesting.admits(added) ? null : yield* this.#nesting.admitting(added)
    const since = waiting ?? nesting ?? life.refusal ?? this.#overQuota(added, documentBytes)
    return since === null ? admission : { kind: 'refused', error: since }
  }

  #overQuota(added: InspectedUpdate, documentBytes: number): WeftError | null {
    const { quota, known, uncommitted, durableSeq } = this.#host
    // Whoever deletes makes room.
    if (quota === null || added.structCount === 0) return null
    const addedBytes = added.bytes.length
    return quota.admit({
      begins: durableSeq === 0 && uncommitted.last === null,
      documentBytes: documentBytes + known.cutBytes + addedBytes,
      addedBytes,
    })
  }

  /** Client ids of which nothing is known yet, and which the submitter is taken to have used: not those of a whole document that somebody brings in. */
  #firstUsesIn({ blocks }: InspectedUpdate): readonly number[] {
    const { environment, known } = this.#host
    const [only] = blocks
    if (blocks.length === 1 && only !== undefined && known.hasClient(only.client)) return noFirstUses
    const clients = blocks.map(({ client }) => client).filter((client) => !known.hasClient(client))
    return clients.length > environment.limits.firstUsesPerUpdateMax ? [] : clients
  }

  /** S3: acknowledged as soon as what it repeats is durable. */
  #acknowledgeRepeat(session: SessionSlot, submission: number): void {
    const unsettled = this.#host.uncommitted.last
    if (unsettled === null) this.#repeats.add(session, submission)
    else unsettled.submitters.set(session, submission)
  }
}
