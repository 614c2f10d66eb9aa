// Opens very many connections within a short time, as a process of its own: what it costs is not taken from those whose waiting is measured. Started
// by `fork` with `StormOrder` as JSON; it sends a `StormReport` to its parent and ends.
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { upgradeOf } from './upgrade-head.js'

export interface StormOrder {
  readonly host: string
  readonly port: number
  readonly attempts: number
  readonly withinMs: number
  /** Before the number of a document. */
  readonly prefix: string
}

export interface StormReport {
  /** How many attempts ended how. */
  readonly outcomes: readonly (readonly [string, number])[]
  readonly bytesSent: number
  /** Until the last attempt was begun, and until the last one was answered. */
  readonly comeMs: number
  readonly answeredMs: number
}

const STEP_MS = 10
/** How long an answer may take before the attempt counts as unanswered. */
const ANSWER_MS_MAX = 15_000
const DOCUMENTS = 500
/** The kernel looks for a free port of one address for a millisecond and longer once most of them are taken. */
const OWN_ADDRESSES = 50

const order = JSON.parse(process.argv[2] ?? '{}') as StormOrder
const heads = Array.from({ length: DOCUMENTS }, (_, index) => Buffer.from(upgradeOf(`${order.prefix}${index}`)))
const outcomes = new Map<string, number>()
let bytesSent = 0
let pending = 0

/** One attempt: counts what the server made of it. */
function attempt(head: Buffer, localAddress: string): void {
  const socket = connect({ port: order.port, host: order.host, localAddress })
  pending += 1
  let said = ''
  let error = ''
  let outcome: string | null = null
  const startMs = performance.now()
  const end = (how: string): void => {
    if (outcome !== null) return
    outcome = how
    outcomes.set(how, (outcomes.get(how) ?? 0) + 1)
    pending -= 1
    socket.destroy()
  }
  socket.once('connect', () => {
    bytesSent += head.length
    socket.write(head)
  })
  socket.on('data', (bytes: Buffer) => {
    said += bytes.toString('latin1')
    if (!said.includes('\r\n\r\n')) return
    const [, status = '?'] = /^HTTP\/1\.1 (\d+)/.exec(said) ?? []
    end(status === '503' && !/\r\nretry-after: \d+\r\n/i.test(said) ? '503 without a word when to come back' : `HTTP ${status}`)
  })
  socket.setTimeout(ANSWER_MS_MAX, () => end('no answer'))
  socket.on('error', (thrown: NodeJS.ErrnoException) => {
    error = ` (${thrown.code} at ${thrown.syscall} after ${((performance.now() - startMs) / 1000).toFixed(0)} s)`
  })
  socket.once('close', () => end(`closed without an answer${error}`))
}

const startMs = performance.now()
for (let begun = 0; begun < order.attempts; ) {
  const due = Math.min(order.attempts, ((performance.now() - startMs) / order.withinMs) * order.attempts)
  for (; begun < due; begun++) attempt(heads[begun % DOCUMENTS] as Buffer, `127.0.0.${2 + (begun % OWN_ADDRESSES)}`)
  await sleep(STEP_MS)
}
const comeMs = performance.now() - startMs
while (pending > 0) await sleep(STEP_MS)
process.send?.({ outcomes: [...outcomes], bytesSent, comeMs, answeredMs: performance.now() - startMs } satisfies StormReport)
process.disconnect?.()
