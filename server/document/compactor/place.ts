// What a place where compactions run is asked and answers: a thread of this process, or a process of its own.
import type { DecodingCost } from '../../../protocol/updates/decoding-cost.js'
import { type Compacted, type CompactionInput, CompactionMismatch, compactState } from '../compaction.js'
import { type CostBounds, exceeds, prepareCompaction } from './cost.js'

export interface CompactionRequest {
  readonly input: CompactionInput
  /** What may be begun. */
  readonly bounds: CostBounds
}

export type CompactionAnswer =
  | ({ readonly kind: 'compacted' } & Compacted)
  /** A verdict on the document: Yjs does not take it. */
  | { readonly kind: 'unappliable'; readonly reason: string }
  /** Says nothing about the document. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** Not begun. */
  | { readonly kind: 'too-costly'; readonly cost: DecodingCost }

/** Where one compaction at a time runs. */
export interface CompactionPlace {
  /** Whether it takes another request after an answer. */
  readonly lasting: boolean
  /** `costed` is told the cost when it is known and within the bounds. Rejects when the place has ended, which it has for good then. */
  ask(request: CompactionRequest, costed: (cost: DecodingCost) => void): Promise<CompactionAnswer>
  /** Ends it whatever it does. Idempotent. */
  end(): Promise<void>
}

/** The work itself. Does not throw. */
export function answerTo(request: CompactionRequest, costed: (cost: DecodingCost) => void): CompactionAnswer {
  try {
    const { input, cost } = prepareCompaction(request.input)
    if (exceeds(cost, request.bounds)) return { kind: 'too-costly', cost }
    costed(cost)
    return { kind: 'compacted', ...compactState(input) }
  } catch (thrown) {
    // Poison is a verdict on the document; what says nothing about it is tried again.
    const saysNothing = thrown instanceof CompactionMismatch || isShortageOfMemory(thrown)
    return { kind: saysNothing ? 'failed' : 'unappliable', reason: String(thrown) }
  }
}

function isShortageOfMemory(thrown: unknown): boolean {
  return thrown instanceof RangeError && /allocation failed|out of memory|invalid array length/i.test(thrown.message)
}
