// All attacks at once, from a bounded number of connections, against one node on which honest people edit. In the end nobody of them was disconnected or
// waited long, nothing that was acknowledged is lost, also after a restart, and memory stayed under its budget.
import { setTimeout as sleep } from 'node:timers/promises'
import * as Y from 'yjs'
import { type Random, seededRandom } from '../../core/random.js'
import { decodeYWebsocket } from '../../protocol/dialects/y-websocket.js'
import { canonicalState } from '../helpers/states.js'
import { until } from '../helpers/until.js'
import { AttackedServer } from './attacked-server.js'
import { Attacker, Tally } from './attacker.js'
import type { Rested } from './bystander.js'
import { BystanderThread } from './bystander-thread.js'
import type { EditorPlace } from './editor.js'
import { quantile } from './report.js'
import { type Attack, AttackHands } from './scene.js'
import { stateVector } from './shapes.js'

export interface HourOptions {
  readonly minutes: number
  readonly seed: number
  readonly attacks: Readonly<Record<string, Attack>>
  readonly main?: string | undefined
  readonly connections?: number
  readonly editors?: number
  readonly documents?: number
  readonly progress?: (line: string) => void
}

export interface HourReport {
  readonly delaysMs: { readonly p50: number; readonly p99: number; readonly p999: number; readonly max: number; readonly over250: number }
  readonly edits: number
  readonly disconnections: number
  readonly told: readonly string[]
  readonly heldBefore: number
  readonly peakBytes: number
  readonly childrenPeakBytes: number
  readonly heldAfter: number
  readonly played: ReadonlyMap<string, number>
  /** What must not be: a server that died, editors that were disconnected, edits that are lost. */
  readonly wrong: readonly string[]
}

const attackMsMax = 60_000
/** Attacks that are under way at once. */
const atOnce = 5
const waitMsMax = 250
/** `memoryBytesMax` and `compactionBytesMax` of a default server. */
const budgetBytes = 1024 ** 3
const compactionBytes = 1.5 * 1024 ** 3

export async function playHour(options: HourOptions): Promise<HourReport> {
  const { minutes, seed, main, connections = 50, editors = 20, documents = 5, progress = () => {} } = options
  const random = seededRandom(seed)
  const attacks = Object.entries(options.attacks).filter(([, { alone = false }]) => !alone)
  const server = await AttackedServer.start({ main })
  const kinds = ['raw', 'ours', 'raw', 'stock'] as const
  const places = Array.from({ length: editors }, (_, index): EditorPlace => {
    const kind = kinds[index % kinds.length] ?? 'raw'
    return { kind, url: server.webSocketUrl, documentId: `honest-${index % documents}`, clientId: 70_000_001 + index }
  })
  const honest = new BystanderThread({ editors: places, periodMs: 500 })
  const over = new AbortController()
  const wrong: string[] = []
  const delays: number[] = []
  const told: string[] = []
  const played = new Map<string, number>()
  const under = new UnderWay()
  let disconnections = 0
  let peakBytes = 0
  let childrenPeakBytes = 0
  try {
    await sleep(2_000)
    await honest.phase()
    honest.watch(server.pid)
    const heldBefore = (await measureQuiet(honest)).peakBytes
    const slots = { free: connections }
    const endMs = performance.now() + 60_000 * minutes
    const lanes = Array.from({ length: atOnce }, (_, lane) =>
      playLane(server, attacks, seededRandom(random.below(2 ** 31)), lane, slots, over.signal, endMs, played, under),
    )
    const look = async (): Promise<void> => {
      const phase = await honest.phase()
      for (const delay of phase.delaysMs) delays.push(delay)
      told.push(...phase.told)
      disconnections += phase.disconnections
      peakBytes = Math.max(peakBytes, phase.peakBytes)
      childrenPeakBytes = Math.max(childrenPeakBytes, phase.childrenPeakBytes)
      const [p99, max] = [0.99, 1].map((share) => quantile(phase.delaysMs, share).toFixed(0))
      const held = [phase.peakBytes, phase.childrenPeakBytes].map((bytes) => Math.round(bytes / 1024 ** 2)).join(' + ')
      progress(`p99 ${p99} ms, max ${max} ms, peak ${held} MiB, ${phase.disconnections} disconnections: ${[...under.since].join(' ')}`)
      under.look()
    }
    while (performance.now() < endMs && server.deaths === 0) {
      await sleep(Math.min(10_000, Math.max(0, endMs - performance.now())))
      await look()
    }
    over.abort()
    await Promise.race([Promise.all(lanes), sleep(10_000)])
    await look()
    if (server.deaths > 0) wrong.push(`G8: the server died: ${server.lastWords().slice(-300)}`)
    else wrong.push(...(await compare(server, await honest.rest())))
    if (disconnections > 0)
      wrong.push(`G8: honest editors were disconnected ${disconnections} times (${[...new Set(told)].slice(0, 3).join('; ')})`)
    const [p50 = 0, p99 = 0, p999 = 0, max = 0] = [0.5, 0.99, 0.999, 1].map((share) => quantile(delays, share))
    const over250 = delays.filter((delay) => delay > waitMsMax).length
    if (over250 > 0) wrong.push(`G7: ${over250} of ${delays.length} edits waited over ${waitMsMax} ms, the longest ${max.toFixed(0)} ms`)
    if (peakBytes > budgetBytes) wrong.push(`G8: the process held ${Math.round(peakBytes / 1024 ** 2)} MiB`)
    if (childrenPeakBytes > compactionBytes) wrong.push(`G8: its children held ${Math.round(childrenPeakBytes / 1024 ** 2)} MiB`)
    const heldAfter = (await measureQuiet(honest)).peakBytes
    return {
      delaysMs: { p50, p99, p999, max, over250 },
      edits: delays.length,
      disconnections,
      told,
      heldBefore,
      peakBytes,
      childrenPeakBytes,
      heldAfter,
      played,
      wrong,
    }
  } finally {
    over.abort()
    await honest.end()
    await server.dispose()
  }
}

function measureQuiet(honest: BystanderThread): ReturnType<BystanderThread['phase']> {
  return sleep(1_000).then(() => honest.phase())
}

/** Which attacks may have been what was measured. */
class UnderWay {
  /** Those that were under way at some time since the last look. */
  readonly since = new Set<string>()
  readonly #now = new Map<number, string>()

  began(lane: number, name: string): void {
    this.#now.set(lane, name)
    this.since.add(name)
  }

  look(): void {
    this.since.clear()
    for (const name of this.#now.values()) this.since.add(name)
  }
}

/** One attack after the other, until the time is over. */
async function playLane(
  server: AttackedServer,
  attacks: readonly (readonly [string, Attack])[],
  random: Random,
  lane: number,
  slots: { free: number },
  signal: AbortSignal,
  endMs: number,
  played: Map<string, number>,
  under: UnderWay,
): Promise<void> {
  for (let round = 1; performance.now() < endMs && !signal.aborted; round++) {
    const [name, attack] = attacks[random.below(attacks.length)] as readonly [string, Attack]
    const enough = AbortSignal.any([signal, AbortSignal.timeout(attackMsMax)])
    const hands = new AttackHands(server, random, enough, `${name}-${lane}-${round}`, slots)
    played.set(name, (played.get(name) ?? 0) + 1)
    under.began(lane, name)
    const given = new Promise((resolve) => enough.addEventListener('abort', resolve, { once: true }))
    // An attack that the server ends is one that it has withstood.
    await Promise.race([attack.run(hands).catch(() => {}), given])
    hands.letGo()
    await sleep(100)
  }
}

/** What the server has, against what it told the editors; then again after a restart. */
async function compare(server: AttackedServer, { editors }: Rested): Promise<string[]> {
  const wrong = editors
    .filter(({ saved }) => !saved)
    .map(({ place }) => `S1: ${place.kind} editor ${place.clientId} does not get its edits saved`)
  const look = async (when: string): Promise<Map<string, string>> => {
    const states = new Map<string, string>()
    for (const documentId of new Set(editors.map(({ place }) => place.documentId))) {
      const doc = await read(server, documentId)
      states.set(documentId, canonicalState(doc))
      for (const { place, acknowledgedClock } of editors) {
        if (place.documentId !== documentId) continue
        const clock = Y.getState(doc.store, place.clientId)
        if (clock < acknowledgedClock)
          wrong.push(`D1 D3: ${when} ${documentId} lacks edits of ${place.clientId} from ${clock} to ${acknowledgedClock}`)
      }
      doc.destroy()
    }
    return states
  }
  const before = await look('in the end')
  for (const { place, state } of editors)
    if (state !== null && state !== before.get(place.documentId))
      wrong.push(`S1: ${place.kind} editor ${place.clientId} has another ${place.documentId}`)
  await server.end('SIGTERM')
  await server.start()
  const after = await look('after a restart')
  for (const [documentId, state] of before) if (after.get(documentId) !== state) wrong.push(`D3: ${documentId} differs after a restart`)
  return wrong
}

/** The whole document, as a stock client gets it. */
async function read(server: AttackedServer, documentId: string): Promise<Y.Doc> {
  const doc = new Y.Doc()
  const reader = await Attacker.stock(server.webSocketUrl, documentId, new Tally())
  let lastMs: number | null = null
  reader.onMessage = (data) => {
    const message = decodeYWebsocket(data)
    if (message.type !== 'sync-step-2' && message.type !== 'update') return
    Y.applyUpdate(doc, message.update)
    lastMs = performance.now()
  }
  reader.sendY({ type: 'sync-step-1', stateVector: stateVector() })
  // Its parts follow one another; when none has come for a second, that was all.
  await until(() => lastMs !== null && performance.now() - lastMs > 1_000, `the content of ${documentId}`, 30_000)
  reader.end()
  return doc
}
