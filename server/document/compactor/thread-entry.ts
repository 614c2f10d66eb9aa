// The thread's side of compaction: one request in; its cost, if it is begun, and one answer out.
import { constants, setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { answerTo, type CompactionAnswer, type CompactionRequest } from './place.js'
import type { ThreadMessage } from './thread.js'

// On a machine with few cores a compaction would take turns with the event loop. Linux knows priorities of single threads; elsewhere this
// would lower the whole process.
if (process.platform === 'linux' && parentPort !== null) setPriority(constants.priority.PRIORITY_LOW)

parentPort?.on('message', (request: CompactionRequest) => {
  // The answer is copied, not handed over: what a thread allocates lies in its own part of the heap, and one base kept there keeps the
  // space around it.
  const post = (message: ThreadMessage): void => parentPort?.postMessage(message)
  const answer = answerTo(request, (cost) => post({ kind: 'cost', cost }))
  post({ kind: 'answer', answer: inWholeBuffers(answer) })
})

/** Of a part of a buffer the whole buffer would be copied. */
function inWholeBuffers(answer: CompactionAnswer): CompactionAnswer {
  if (answer.kind !== 'compacted' || answer.state.byteLength === answer.state.buffer.byteLength) return answer
  return { ...answer, state: new Uint8Array(answer.state) }
}
