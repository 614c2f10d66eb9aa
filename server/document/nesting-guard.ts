// Keeps the shared types of one document from being nested too deeply, over all of its updates (G1). What that takes is made ready when it
// is needed first: a document with few types cannot be deep, and one that is only read needs no guard.
import { WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import type { Sliced } from '../../core/slices.js'
import { type InspectedUpdate, inspecting, storedBounds } from '../../protocol/updates/inspect.js'
import { KnownState } from '../../protocol/updates/known-state.js'
import { DocumentNesting, type NestingPlan, noNestingBounds } from '../../protocol/updates/nesting.js'

export class NestingGuard {
  readonly #known: KnownState
  readonly #limits: Limits
  readonly #waiting: () => number
  readonly #everything: () => readonly Uint8Array[]
  #nesting: DocumentNesting | null = null
  #plan: NestingPlan | null = null

  /** `waiting`: clients whose structs wait for others. `everything`: all updates that `known` knows of. */
  constructor(known: KnownState, limits: Limits, waiting: () => number, everything: () => readonly Uint8Array[]) {
    this.#known = known
    this.#limits = limits
    this.#waiting = waiting
    this.#everything = everything
  }

  get byteLength(): number {
    return this.#nesting?.byteLength ?? 0
  }

  /** Whether it is clear without a longer look that `added`, of which nothing is known yet, may come in. */
  admits(added: InspectedUpdate): boolean {
    this.#plan = null
    if (this.#nesting !== null) return false
    // What waits may hold types, and find its place with any update.
    if (added.typeCount === 0 && this.#waiting() === 0) return true
    return this.#known.typeCount + added.typeCount <= this.#limits.nestingDepthMax
  }

  /** Why an update that `admits` was not clear about is refused; null if it is not. */
  *admitting(added: InspectedUpdate): Sliced<WeftError | null> {
    const { nestingDepthMax, gapsPerDocumentMax } = this.#limits
    this.#nesting ??= yield* nestingOf(this.#everything())
    const bounds = { nestingDepthMax, orphansMax: gapsPerDocumentMax }
    const verdict = yield* this.#nesting.judging(added, (client, clock) => this.#known.has(client, clock), bounds)
    switch (verdict.kind) {
      case 'fits':
        this.#plan = verdict.plan
        return null
      case 'too-deep':
        return new WeftError('nested-too-deeply', `Shared types would be nested more than ${nestingDepthMax} deep in this document.`)
      case 'too-many-waiting':
        return new WeftError(
          'dependencies-missing',
          'With this update too many edits would wait for others that have not come; send those first.',
        )
    }
  }

  /** The update that was admitted last becomes part of the document. */
  take(): void {
    if (this.#plan !== null) this.#nesting?.take(this.#plan)
    this.#plan = null
  }
}

function* nestingOf(updates: readonly Uint8Array[]): Sliced<DocumentNesting> {
  const nesting = new DocumentNesting()
  const known = new KnownState()
  for (const update of updates) {
    const inspected = yield* inspecting(update, storedBounds)
    const verdict = yield* nesting.judging(inspected, (client, clock) => known.has(client, clock), noNestingBounds)
    if (verdict.kind === 'fits') nesting.take(verdict.plan)
    yield* known.adding(inspected)
  }
  return nesting
}
