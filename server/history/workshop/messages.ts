// What a place where documents are decoded is asked and answers: a thread of this process, or a process of its own.
import type { DecodingCost } from '../../../protocol/updates/decoding-cost.js'
import { exceeds, prepareCompaction } from '../../document/compactor/cost.js'
import { perform, type Task, type TaskKind, type TaskResults, updatesOf } from '../tasks/tasks.js'

export interface WorkRequest {
  readonly task: Task
  /** What may be begun. */
  readonly bounds: DecodingCost
}

export type WorkAnswer =
  | { readonly kind: 'done'; readonly result: TaskResults[TaskKind] }
  /** Not begun. */
  | { readonly kind: 'too-costly'; readonly cost: DecodingCost }
  | { readonly kind: 'failed'; readonly reason: string }

/** How often a task decodes what goes into it, at the same time and one after the other. */
const timesDecoded: Readonly<Record<TaskKind, number>> = { merge: 1, read: 1, render: 1, attribute: 1, compare: 1, edit: 1, restore: 3 }

/** The work itself. Does not throw. */
export function answerTo({ task, bounds }: WorkRequest): WorkAnswer {
  try {
    const times = timesDecoded[task.kind]
    const { cost } = prepareCompaction({ base: null, tail: updatesOf(task) })
    const whole = { memoryBytes: cost.memoryBytes * times, ms: cost.ms * times }
    if (exceeds(whole, bounds)) return { kind: 'too-costly', cost: whole }
    return { kind: 'done', result: perform(task) }
  } catch (thrown) {
    return { kind: 'failed', reason: String(thrown) }
  }
}
