// How the dialect of Hocuspocus' provider words what happens to one session, at the address that the provider gave it.
import type { Clock, Timer } from '../../../core/clock.js'
import { leavesReading, type WeftError } from '../../../core/errors.js'
import type { Permission } from '../../../core/permission.js'
import { encodeHocuspocus, type HocuspocusClientMessage, type HocuspocusServerMessage } from '../../../protocol/dialects/hocuspocus.js'
import { emptyUpdate } from '../../../protocol/updates/merge.js'
import type { AppMessage } from '../../access/session-registry.js'
import type { AwarenessFrame } from '../../awareness/contract.js'
import type { Attachment, CatchUp, DocumentBroadcast, Known } from '../../document/port.js'
import { encodedOnce } from '../../transport/encoded-once.js'
import type { Message } from '../../transport/outbox.js'
import type { SessionDialect } from '../session-dialect.js'
import { stockManner } from '../transfer-manner.js'
import { HocuspocusCount, type SyncAnswer } from './hocuspocus-count.js'
import type { HocuspocusQueue } from './hocuspocus-queue.js'
import type { Owed } from './hocuspocus-refusals.js'

/** The last fifth of the time is for renewing a token, and never more than this. */
const RENEWAL_MS_MAX = 60_000
const TIMER_MS_MAX = 2 ** 31 - 1

export type HocuspocusWrite = Extract<HocuspocusClientMessage, { readonly type: 'update' | 'sync-step-2' }>

export interface HocuspocusSessionOptions {
  readonly address: string
  readonly clock: Clock
  /** Beside what the session itself sends. */
  readonly send: (message: Message) => void
  readonly opened: () => void
  readonly ended: (error: WeftError) => void
  /** Of the connection. */
  readonly queue: HocuspocusQueue
  /** Has the provider come back with a new connection. */
  readonly beginAnew: () => void
}

export class HocuspocusSession implements SessionDialect {
  readonly manner = stockManner
  readonly #options: HocuspocusSessionOptions
  readonly #frameKey: string
  #lastSubmission = 0
  /** Through this one every submission was answered. */
  #answeredThrough = 0
  /** Refused ones behind it: they were answered by themselves. */
  readonly #refused = new Set<number>()
  readonly #repeats = new Set<number>()
  readonly #count: HocuspocusCount
  /** Of those that are not answered as soon as they are committed. */
  readonly #answers = new Map<number, SyncAnswer>()
  /** Committed ones of which it is open whether they are answered. */
  #open = 0
  #attachment: Attachment | null = null
  /** Whether the server's own step 1 answers the last one of the provider. `asked-before`: that came while it was refused, and is not answered yet. */
  #stepOne: 'not-come' | 'asked-before' | 'answered' | 'to-answer' = 'not-come'
  #renewal: Timer | null = null
  /** What the provider counts as not synced, as far as the server can know. */
  #counted = 0
  /** It counted so much when it was let in after a refusal: its next step 2 has all of it. Null: step 2 counts for itself. */
  #countedBefore: number | null = null
  /** Step 2s that are answered more than once, or not at all. */
  readonly #answersOf = new Map<number, number>()

  constructor(options: HocuspocusSessionOptions) {
    this.#options = options
    // Most providers address their document by its name alone, so that a beat's frame serves nearly all of them.
    this.#frameKey = `hocuspocus:${options.address}`
    this.#count = new HocuspocusCount({
      clock: options.clock,
      queue: options.queue,
      isQuiet: () => this.#answeredThrough === this.#lastSubmission,
      beginAnew: options.beginAnew,
    })
  }

  /** Of what is on its way to the log the provider counts nothing any more. The first one is answered with a step 1 when the document is opened, others with their step 2. */
  stepOne(stateVector: Uint8Array): Known {
    // A provider that is new at a refused address asks as well: what the server says first is one answer for both.
    if (this.#stepOne === 'not-come' || this.#stepOne === 'asked-before') this.#stepOne = 'answered'
    else if (this.#attachment !== null) this.#stepOne = 'to-answer'
    this.#count.startsAnew(stateVector)
    this.#counted = 1
    this.#countedBefore = null
    this.#open = 0
    for (let submission = this.#answeredThrough + 1; submission <= this.#lastSubmission; submission++)
      this.#answers.set(submission, 'never')
    const hasNothing = stateVector.length === 1 && stateVector[0] === 0
    return hasNothing ? { kind: 'nothing' } : { kind: 'state-vector', stateVector }
  }

  /** Its step 1 came while it was refused, and does not come again. */
  askedBefore({ counted }: Owed): Known {
    this.#stepOne = 'asked-before'
    this.#counted = counted
    this.#countedBefore = counted
    return { kind: 'nothing' }
  }

  /** What the provider is owed when its session ends. */
  get owed(): Owed {
    return { asked: this.#stepOne !== 'not-come', counted: this.#counted }
  }

  /** The number of the update or step 2 that came in. Null: it is empty, as the step 2 of a provider in step with the server is, and needs no writing. */
  nextSubmission({ type, update }: HocuspocusWrite): number | null {
    let answers = 1
    if (type === 'sync-step-2') {
      this.#count.stepTwo()
      if (this.#stepOne === 'asked-before') this.#stepOne = 'answered'
      answers = this.#countedBefore ?? 1
      this.#countedBefore = null
    }
    if (isEmpty(update)) {
      if (type === 'update') this.#counted += 1
      for (let count = 0; count < answers; count++) this.#answer(true)
      return null
    }
    this.#lastSubmission += 1
    if (type === 'sync-step-2') {
      if (answers !== 1) this.#answersOf.set(this.#lastSubmission, answers)
      if (hasNoStructs(update)) this.#repeats.add(this.#lastSubmission)
      return this.#lastSubmission
    }
    const answer = this.#count.update(update)
    if (answer !== 'at-once') this.#answers.set(this.#lastSubmission, answer)
    if (answer !== 'never') this.#counted += 1
    return this.#lastSubmission
  }

  /** It is known now of what was open: all of it is counted by the provider, or has to be taken for not counted. */
  decided(counted: boolean): void {
    const committed = this.#open
    this.#open = 0
    let waiting = 0
    for (const [submission, answer] of this.#answers) {
      if (answer !== 'open') continue
      waiting += 1
      if (counted) this.#answers.delete(submission)
      else this.#answers.set(submission, 'never')
    }
    if (committed + waiting > 0 && !counted) {
      this.#counted -= committed + waiting
      this.#count.guesses()
    }
    for (let count = 0; counted && count < committed; count++) this.#answer(true)
  }

  /** The session is over. Idempotent. */
  end(): void {
    this.#count.stop()
    this.#stopRenewal()
  }

  /** At the first message the provider sends its queue. If that is step 1, its answer stands right behind the queue. */
  opened(attachment: Attachment, permission: Permission): readonly Message[] {
    this.#options.opened()
    this.#attachment = attachment
    this.#options.queue.speaks()
    return [
      this.#encoded({ type: 'sync-step-1', stateVector: attachment.stateVector() }),
      this.#encoded({ type: 'authenticated', permission }),
    ]
  }

  /** The provider counts as synced at its first step 2, so everything else goes before it. */
  catchUp(state: CatchUp): readonly Message[] {
    const last = state.updates.at(-1) ?? emptyUpdate
    const earlier = state.updates.slice(0, -1).map((update) => this.#encoded({ type: 'update', update }))
    const stepTwo = this.#encoded({ type: 'sync-step-2', update: last })
    if (this.#stepOne !== 'to-answer' || this.#attachment === null) return [...earlier, stepTwo]
    this.#stepOne = 'answered'
    return [...earlier, stepTwo, this.#encoded({ type: 'sync-step-1', stateVector: this.#attachment.stateVector() })]
  }

  piece(update: Uint8Array): Message {
    return this.#encoded({ type: 'update', update })
  }

  beat(beat: DocumentBroadcast): Message {
    return encodedOnce(beat.frames, this.#frameKey, () => this.#encoded({ type: 'update', update: beat.update }))
  }

  /** One answer for each that was committed and that the provider counts. The last one is what the session sends. */
  acknowledged(through: number): Message | null {
    let taken = 0
    while (this.#answeredThrough < through) {
      this.#answeredThrough += 1
      this.#repeats.delete(this.#answeredThrough)
      const answer = this.#answers.get(this.#answeredThrough) ?? 'at-once'
      this.#answers.delete(this.#answeredThrough)
      const answers = this.#answersOf.get(this.#answeredThrough) ?? 1
      this.#answersOf.delete(this.#answeredThrough)
      if (this.#refused.delete(this.#answeredThrough)) continue
      if (answer === 'at-once') taken += answers
      else if (answer === 'open') this.#open += 1
    }
    for (let count = 1; count < taken; count++) this.#answer(true)
    if (taken === 0) return null
    this.#counted -= 1
    return this.#encoded({ type: 'sync-status', taken: true })
  }

  refused(submission: number, error: WeftError): { readonly message: Message; readonly fatal: boolean } {
    this.#refused.add(submission)
    // A reader's step 2 holds all deletions that it knows, whoever made them: a provider to which that is refused shows unsaved changes for ever.
    const taken = this.#repeats.has(submission) && leavesReading(error.code)
    if (taken) this.#counted -= 1
    // A client without the right to write, or over its quota, may go on reading; any other write that is lost would leave it apart from the document for good.
    return { message: this.#encoded({ type: 'sync-status', taken }), fatal: !leavesReading(error.code) }
  }

  awareness(frame: AwarenessFrame): Message {
    return encodedOnce(frame.frames, this.#frameKey, () => this.#encoded({ type: 'awareness', update: frame.update }))
  }

  awarenessState(update: Uint8Array): Message {
    return this.#encoded({ type: 'awareness', update })
  }

  permission(permission: Permission): Message {
    return this.#encoded({ type: 'authenticated', permission })
  }

  /** The provider shows its token when it is asked for it, so it is asked in time. */
  expires(inMs: number): null {
    this.#stopRenewal()
    if (inMs > TIMER_MS_MAX) return null
    const { clock, send } = this.#options
    const delayMs = Math.max(0, inMs - Math.min(RENEWAL_MS_MAX, inMs / 5))
    this.#renewal = clock.after(delayMs, () => send(this.#encoded({ type: 'token-wanted' })), { unref: true })
    return null
  }

  appMessage(message: AppMessage): Message {
    return encodedOnce(message.frames, this.#frameKey, () => this.#encoded({ type: 'stateless', payload: message.payload }))
  }

  notice(): null {
    return null
  }

  sessionEnded(error: WeftError): void {
    this.#options.ended(error)
  }

  #answer(taken: boolean): void {
    this.#counted -= 1
    this.#options.send(this.#encoded({ type: 'sync-status', taken }))
  }

  #stopRenewal(): void {
    this.#renewal?.cancel()
    this.#renewal = null
  }

  #encoded(message: HocuspocusServerMessage): Message {
    return encodeHocuspocus(this.#options.address, message)
  }
}

/** An update begins with the number of clients that it has structs of. */
function hasNoStructs(update: Uint8Array): boolean {
  return update[0] === 0
}

function isEmpty(update: Uint8Array): boolean {
  return update.length === 2 && update[0] === 0 && update[1] === 0
}
