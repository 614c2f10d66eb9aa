// Documents of two writers with our client, in Node or in a page: what it measures is when the other one has what one types.
import * as Y from 'yjs'
import { connect } from '../client/index.js'
import type { TransportName } from '../client/transports/negotiation.js'

export interface TransportLoad {
  readonly url: string
  readonly transport: TransportName
  /** What the ids of its documents begin with. */
  readonly prefix: string
  readonly documents: number
  /** Edits of each writer a second. */
  readonly rate: number
  readonly seconds: number
}

export interface Delivered {
  readonly edits: number
  readonly latenciesMs: number[]
}

const WARM_UP_MS = 1_000

// Not that of the harness, which is for Node alone.
const wait = (delayMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, delayMs))

/** Types for a second, and then measures. `began` and `ended` are called around what is measured. */
export async function playTransport(load: TransportLoad, began = (): void => {}, ended = (): void => {}): Promise<Delivered> {
  const { url, transport, prefix, documents, rate, seconds } = load
  const latenciesMs: number[] = []
  let edits = 0
  let measuring = false
  const sentMs = new Map<string, number>()
  const writers = await Promise.all(
    Array.from({ length: documents * 2 }, async (_, index) => {
      const connection = connect(url, { transports: [transport] })
      const doc = new Y.Doc()
      const session = connection.open(`${prefix}-${index >> 1}`, doc, { awareness: null })
      await session.synced
      const last = doc.getMap<number>('last')
      last.observe((event, transaction) => {
        if (transaction.local || !measuring) return
        for (const key of event.keysChanged) {
          const at = sentMs.get(`${index >> 1} ${key} ${last.get(key)}`)
          if (at !== undefined) latenciesMs.push(performance.now() - at)
        }
      })
      return { connection, last, index, count: 0 }
    }),
  )
  const periodMs = 1000 / rate
  const timers: ReturnType<typeof setInterval>[] = []
  for (const writer of writers) {
    const { last, index } = writer
    const type = (): void => {
      writer.count += 1
      sentMs.set(`${index >> 1} ${index & 1} ${writer.count}`, performance.now())
      last.set(String(index & 1), writer.count)
      if (measuring) edits++
    }
    setTimeout(() => timers.push(setInterval(type, periodMs)), (index / writers.length) * periodMs)
  }
  await wait(WARM_UP_MS)
  began()
  measuring = true
  await wait(seconds * 1000)
  measuring = false
  ended()
  for (const timer of timers) clearInterval(timer)
  await Promise.all(writers.map(({ connection }) => connection.close()))
  return { edits, latenciesMs }
}
