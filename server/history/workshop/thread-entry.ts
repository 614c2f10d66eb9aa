// The thread's side: one request in, one answer out.
import { parentPort } from 'node:worker_threads'
import { answerTo, type WorkRequest } from './messages.js'

parentPort?.on('message', (request: WorkRequest) => parentPort?.postMessage(answerTo(request)))
