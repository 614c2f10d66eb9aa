// The worker thread's side of compaction: one request in, one answer out.
import { constants, setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { CompactionMismatch, compactState } from './compaction.js'
import type { CompactionAnswer, CompactionRequest } from './worker-compactor.js'

// On a machine with few cores a compaction would take turns with the event loop. Linux knows priorities of single threads; elsewhere this would lower the
// whole process.
if (process.platform === 'linux' && parentPort !== null) setPriority(constants.priority.PRIORITY_LOW)

parentPort?.on('message', (request: CompactionRequest) => {
  const answer = answerTo(request)
  parentPort?.postMessage(answer, answer.kind === 'compacted' ? [answer.state.buffer as ArrayBuffer] : [])
})

function answerTo(request: CompactionRequest): CompactionAnswer {
  try {
    const { state, gained } = compactState(request)
    // Only a buffer of its own can be handed over without a copy.
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
