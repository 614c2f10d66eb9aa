// The messages between the server and a process that compacts, as frames.
import type { DecodingCost, StructCounts } from '../../../protocol/updates/decoding-cost.js'
import { type Frame, frameOf } from './frames.js'
import type { CompactionAnswer, CompactionRequest } from './place.js'

/** The exit code of a process that would have taken too much memory. */
export const EXIT_TOO_MUCH_MEMORY = 71

interface RequestHead {
  readonly hasBase: boolean
  readonly keepDeleted: boolean
  readonly bounds: DecodingCost
}

export function requestFrame({ input, bounds }: CompactionRequest): readonly Uint8Array[] {
  const head: RequestHead = { hasBase: input.base !== null, keepDeleted: input.keepDeleted === true, bounds }
  return frameOf(head, input.base === null ? input.tail : [input.base, ...input.tail])
}

export function requestIn({ message, parts }: Frame): CompactionRequest {
  const { hasBase, keepDeleted, bounds } = message as RequestHead
  const input = { base: hasBase ? (parts[0] ?? null) : null, tail: hasBase ? parts.slice(1) : parts, keepDeleted }
  return { input, bounds }
}

type AnswerHead =
  | { readonly kind: 'cost'; readonly cost: DecodingCost }
  | { readonly kind: 'compacted'; readonly counts: StructCounts; readonly deletesOffset: number }
  | Exclude<CompactionAnswer, { readonly kind: 'compacted' }>

export function costFrame(cost: DecodingCost): readonly Uint8Array[] {
  const head: AnswerHead = { kind: 'cost', cost }
  return frameOf(head, [])
}

export function answerFrame(answer: CompactionAnswer): readonly Uint8Array[] {
  if (answer.kind !== 'compacted') return frameOf(answer, [])
  const { state, gained, counts, index } = answer
  const head: AnswerHead = { kind: 'compacted', counts, deletesOffset: index.deletesOffset }
  const columns = [index.clients, index.blocks, index.checkpoints].map((column) => new Uint8Array(column.buffer))
  return frameOf(head, gained === null ? [state, ...columns] : [state, ...columns, gained])
}

export function answerIn({ message, parts }: Frame): CompactionAnswer | { readonly kind: 'cost'; readonly cost: DecodingCost } {
  const head = message as AnswerHead
  if (head.kind !== 'compacted') return head
  const [state, clients, blocks, checkpoints, gained = null] = parts
  if (state === undefined || clients === undefined || blocks === undefined || checkpoints === undefined)
    throw new Error('A compacted document came without its bytes.')
  // Each part came in a buffer of its own.
  const index = {
    deletesOffset: head.deletesOffset,
    clients: new Float64Array(clients.buffer),
    blocks: new Uint32Array(blocks.buffer),
    checkpoints: new Uint32Array(checkpoints.buffer),
  }
  return { kind: 'compacted', state, gained, index, counts: head.counts }
}
