// A document that takes updates in as its owner does, without sessions, store or time, and counts the steps that this took.

import { strict as assert } from 'node:assert'
import type { WeftError } from '../../core/errors.js'
import { defaultLimits, type Limits } from '../../core/limits.js'
import type { Sliced } from '../../core/slices.js'
import { KnownState } from '../../protocol/updates/known-state.js'
import { WaitingClients } from '../../protocol/updates/waiting-clients.js'
import { type Admission, admitSmall, admitting } from '../../server/document/admission.js'
import { NestingGuard } from '../../server/document/nesting-guard.js'
import { WaitingGuard } from '../../server/document/waiting-guard.js'

/** No bound is to hide what lies below it. */
export const unbounded = Object.fromEntries(Object.keys(defaultLimits).map((name) => [name, Number.POSITIVE_INFINITY])) as unknown as Limits

/** Nesting is only looked at where it may become too deep. */
const unboundedButNesting: Limits = { ...unbounded, nestingDepthMax: defaultLimits.nestingDepthMax }

export const noPressure = { wouldOverflow: () => false } as unknown as Parameters<typeof admitting>[4]

export class FedDocument {
  readonly known = new KnownState()
  /** What was new of each update, as it would be logged. */
  readonly log: Uint8Array[] = []
  readonly refusals: WeftError[] = []
  /** Bytes of all updates that were submitted. */
  submittedBytes = 0
  /** How often the work on them stopped for others, each time after a few thousand structs, ranges or clients. */
  steps = 0
  readonly #limits: Limits
  readonly #waiting: WaitingGuard
  readonly #nesting: NestingGuard
  #loggedBytes = 0

  constructor(limits: Limits = unboundedButNesting) {
    this.#limits = limits
    this.#waiting = new WaitingGuard(new WaitingClients(), this.known, limits)
    this.#nesting = new NestingGuard(
      this.known,
      limits,
      () => this.#waiting.count,
      () => this.log,
    )
  }

  submit(update: Uint8Array): Admission['kind'] {
    this.submittedBytes += update.length
    const atOnce = admitSmall(update, this.known, this.#limits, this.#loggedBytes, noPressure)
    const admission = this.#run(admitting(update, this.known, this.#limits, this.#loggedBytes, noPressure))
    if (atOnce !== null) assert.deepEqual(atOnce, admission, 'a keystroke is judged as any other update is')
    if (admission.kind === 'repeat') return 'repeat'
    const refusal =
      admission.kind === 'refused'
        ? admission.error
        : (this.#run(this.#waiting.admitting(admission.added)) ?? this.#run(this.#nesting.admitting(admission.added)))
    if (refusal !== null || admission.kind === 'refused') {
      if (refusal !== null) this.refusals.push(refusal)
      return 'refused'
    }
    this.#waiting.take()
    this.#nesting.take()
    this.#run(this.known.adding(admission.added))
    this.log.push(admission.added.bytes)
    this.#loggedBytes += admission.added.bytes.length
    return 'new'
  }

  #run<Result>(computation: Sliced<Result>): Result {
    for (;;) {
      const { done, value } = computation.next()
      if (done === true) return value
      this.steps++
    }
  }
}
