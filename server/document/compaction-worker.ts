// The worker thread's side of compaction: one request in, one answer out.
import { constants, setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { CompactionMismatch, compactState } from './compaction.js'
import type { CompactionAnswer, CompactionRequest } from './worker-compactor.js'

// On a machine with few cores a compaction would take turns with the event loop. Linux knows priorities of single threads; elsewhere this would lower the
// whole process.
if (process.platform === 'linux' && parentPort !== null) setPriority(constants.priority.PRIORITY_LOW)

parentPort?.on('message', (request: CompactionRequest) => {
  // The answer is copied, not handed over: what a thread allocates lies in its own part of the heap, and one base kept there keeps the space around it.
  parentPort?.postMessage(answerTo(request))
})

function answerTo(request: CompactionRequest): CompactionAnswer {
  try {
    const { state, gained } = compactState(request)
    // Of a part of a buffer the whole buffer would be copied.
    return { kind: 'compacted', state: state.byteLength === state.buffer.byteLength ? state : new Uint8Array(state), gained }
  } catch (thrown) {
    // Poison is a verdict on the document; what says nothing about it is tried again.
    const saysNothing = thrown instanceof CompactionMismatch || isShortageOfMemory(thrown)
    return { kind: saysNothing ? 'mismatch' : 'unappliable', reason: String(thrown) }
  }
}

function isShortageOfMemory(thrown: unknown): boolean {
  return thrown instanceof RangeError && /allocation failed|out of memory/i.test(thrown.message)
}
