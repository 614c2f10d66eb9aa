// The thread's side: one request in, one answer out.
import { constants, setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { answerTo, type WorkRequest } from './messages.js'

// On a machine with few cores it would take turns with the event loop. Linux knows priorities of single threads; elsewhere this would lower
// the whole process.
if (process.platform === 'linux' && parentPort !== null) setPriority(constants.priority.PRIORITY_BELOW_NORMAL)

parentPort?.on('message', (request: WorkRequest) => parentPort?.postMessage(answerTo(request)))
