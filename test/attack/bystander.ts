// Honest editors beside an attack, in a thread of their own: they type by the clock, and the server's memory is read meanwhile.
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { heldBy } from './attacked-server.js'
import { OurEditor, StockEditor } from './client-editors.js'
import type { Editor, EditorPlace, Measured } from './editor.js'
import { RawEditor } from './raw-editor.js'

export interface BystanderData {
  readonly editors: readonly EditorPlace[]
  readonly periodMs: number
}

/**
 * `watch` names the process whose memory is read; `phase` ends one stretch of measuring and begins the next; `rest` ends the typing, and is answered when
 * all that was typed is acknowledged; `stop` ends everything.
 */
export type ToBystander = { readonly kind: 'watch'; readonly pid: number | null } | { readonly kind: 'phase' | 'rest' | 'stop' }

export interface Phase extends Measured {
  /** Of the server itself, and of its children, each at its own peak. */
  readonly peakBytes: number
  readonly childrenPeakBytes: number
}

/** What each editor has in the end. */
export interface Rested {
  readonly editors: readonly {
    readonly place: EditorPlace
    readonly saved: boolean
    readonly acknowledgedClock: number
    readonly state: string | null
  }[]
}

const memoryPeriodMs = 25
/** How long the last acknowledgements may take, and the last edits to get to everybody. */
const restMsMax = 60_000
const settleMs = 3_000

function createEditor(place: EditorPlace): Editor {
  switch (place.kind) {
    case 'raw':
      return new RawEditor(place)
    case 'ours':
      return new OurEditor(place)
    case 'stock':
      return new StockEditor(place)
  }
}

const { editors: places, periodMs } = workerData as BystanderData
const editors = places.map(createEditor)
let pid: number | null = null
let peakBytes = 0
let childrenPeakBytes = 0
let state: 'typing' | 'resting' | 'stopped' = 'typing'

async function type(): Promise<void> {
  // By the clock and not by the answers: who waits for an answer before typing on would not notice how long others wait.
  const start = performance.now()
  for (let turn = 0; state === 'typing'; turn++) {
    editors[turn % editors.length]?.type()
    await sleep(Math.max(0, start + ((turn + 1) * periodMs) / editors.length - performance.now()))
  }
}

async function watchMemory(): Promise<void> {
  while (state !== 'stopped') {
    const held = pid === null ? null : heldBy(pid)
    peakBytes = Math.max(peakBytes, held?.own ?? 0)
    childrenPeakBytes = Math.max(childrenPeakBytes, held?.children ?? 0)
    await sleep(memoryPeriodMs)
  }
}

function phase(): Phase {
  const all = editors.map((editor) => editor.measured())
  const result = {
    delaysMs: all.flatMap(({ delaysMs }) => delaysMs),
    disconnections: all.reduce((sum, { disconnections }) => sum + disconnections, 0),
    told: all.flatMap(({ told }) => told),
    peakBytes,
    childrenPeakBytes,
  }
  peakBytes = 0
  childrenPeakBytes = 0
  return result
}

async function rest(): Promise<Rested> {
  state = 'resting'
  const deadline = performance.now() + restMsMax
  while (!editors.every((editor) => editor.isSaved()) && performance.now() < deadline) await sleep(20)
  // Others' last edits may still be on their way to them.
  await sleep(settleMs)
  return {
    editors: editors.map((editor) => ({
      place: editor.place,
      saved: editor.isSaved(),
      acknowledgedClock: editor.acknowledgedClock(),
      state: editor.state(),
    })),
  }
}

parentPort?.on('message', async (message: ToBystander) => {
  switch (message.kind) {
    case 'watch':
      pid = message.pid
      return
    case 'phase':
      parentPort?.postMessage(phase())
      return
    case 'rest':
      parentPort?.postMessage(await rest())
      return
    case 'stop':
      state = 'stopped'
      for (const editor of editors) editor.end()
      parentPort?.close()
  }
})
void watchMemory()
await type()
