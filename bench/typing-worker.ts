// A person who types 20 characters a second, in a thread of its own, so that a load generator that is busy reading does not delay what is measured here.
// Answers any message with how long the keystrokes since the one before it took to come back, in milliseconds; ends at the message `stop`.
import { parentPort, workerData } from 'node:worker_threads'
import { Typist } from './edits.js'
import { nowMs } from './harness.js'
import { RawClient } from './raw-client.js'

export interface TypingTask {
  readonly url: string
  readonly documentId: string
  readonly stateVector: Uint8Array
  readonly clientId: number
}

const PERIOD_MS = 50

const { url, documentId, stateVector, clientId } = workerData as TypingTask
const typist = new Typist(clientId)
const sentMs: number[] = []
let latenciesMs: number[] = []
let seen = 0
const client = await RawClient.connect(url, documentId, {
  update: (update, isStep2) => {
    if (isStep2) return
    for (const through = typist.clockIn(update); seen < through; seen++) latenciesMs.push(nowMs() - (sentMs[seen] ?? nowMs()))
  },
})
client.sync(stateVector)
const timer = setInterval(() => {
  sentMs.push(nowMs())
  client.submit(typist.keystroke())
}, PERIOD_MS)

parentPort?.on('message', (message) => {
  parentPort?.postMessage(latenciesMs)
  latenciesMs = []
  if (message !== 'stop') return
  clearInterval(timer)
  client.close()
  parentPort?.close()
})
