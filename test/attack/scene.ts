// One attack on one server, with a bystander: starts both, measures before, meanwhile and afterwards, and ends them, whatever happens.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Random, seededRandom } from '../../core/random.js'
import { AttackedServer, heldBy } from './attacked-server.js'
import { Attacker, Tally } from './attacker.js'
import type { Phase } from './bystander.js'
import { BystanderThread } from './bystander-thread.js'

const GiB = 1024 ** 3
/** Past this the attack has won, and the machine is needed for other things. */
const heldBytesMax = 6 * GiB
const quietMs = 3_000
const settleMs = 2_000
const attackMsMax = 90_000
/** How long the memory may take to come back: documents that nobody uses stay open for a minute. */
const forgetMsMax = 100_000

/** What an attack has to work with. */
export interface AttackScene {
  readonly server: AttackedServer
  readonly url: string
  readonly tally: Tally
  readonly random: Random
  /** Aborted when the time is over. */
  readonly signal: AbortSignal
  /** A document id that no other attack uses. */
  documentId(name: string): string
  weft(): Promise<Attacker>
  stock(documentId: string): Promise<Attacker>
  /** Something that is worth a line in the report. */
  note(text: string): void
}

export interface Attack {
  /** What it does, in a few words. */
  readonly about: string
  /** It needs the server for itself: it restarts it, fills its disk, or the like. */
  readonly alone?: boolean
  readonly flags?: readonly string[]
  /** Where the data is to lie, and what to undo afterwards. */
  readonly place?: () => { readonly dataFolder: string; readonly remove: () => void }
  run(scene: AttackScene): Promise<void>
}

export interface AttackReport {
  readonly name: string
  readonly bytesSent: number
  readonly quiet: Phase
  readonly during: Phase
  readonly heldBefore: number
  readonly peak: number
  readonly childrenPeak: number
  readonly heldAfter: number
  readonly deaths: number
  readonly seconds: number
  readonly notes: readonly string[]
}

/** Connections that may still be opened, by all attacks that share them. */
export interface Slots {
  free: number
}

/** The sockets that one attack opens, and its place among the documents. */
export class AttackHands implements AttackScene {
  readonly server: AttackedServer
  readonly random: Random
  readonly signal: AbortSignal
  readonly tally = new Tally()
  readonly notes: string[] = []
  readonly #prefix: string
  readonly #slots: Slots
  readonly #attackers: Attacker[] = []

  constructor(
    server: AttackedServer,
    random: Random,
    signal: AbortSignal,
    prefix: string,
    slots: Slots = { free: Number.POSITIVE_INFINITY },
  ) {
    this.server = server
    this.random = random
    this.signal = signal
    this.#prefix = prefix
    this.#slots = slots
  }

  get url(): string {
    return this.server.webSocketUrl
  }

  documentId(name: string): string {
    return `${this.#prefix}-${name}`
  }

  weft(): Promise<Attacker> {
    return this.#keep(() => Attacker.weft(this.url, this.tally))
  }

  stock(documentId: string): Promise<Attacker> {
    return this.#keep(() => Attacker.stock(this.url, documentId, this.tally))
  }

  note(text: string): void {
    this.notes.push(text)
  }

  letGo(): void {
    for (const attacker of this.#attackers) attacker.end()
  }

  async #keep(connect: () => Promise<Attacker>): Promise<Attacker> {
    if (this.#slots.free <= 0) throw new Error('No connection is left to attack with.')
    this.#slots.free -= 1
    try {
      const attacker = await connect()
      this.#attackers.push(attacker)
      attacker.socket.once('close', () => {
        this.#slots.free += 1
      })
      if (this.signal.aborted) attacker.end()
      return attacker
    } catch (error) {
      this.#slots.free += 1
      throw error
    }
  }
}

export async function playAttack(
  name: string,
  attack: Attack,
  { main, seed }: { main?: string | undefined; seed: number },
): Promise<AttackReport> {
  const place = attack.place?.()
  const server = await AttackedServer.start({ main, flags: attack.flags ?? [], dataFolder: place?.dataFolder })
  const bystander = new BystanderThread({
    editors: [{ kind: 'raw', url: server.webSocketUrl, documentId: 'bystander', clientId: 77_777_777 }],
    periodMs: 50,
  })
  const over = new AbortController()
  try {
    await sleep(1_000)
    await bystander.phase()
    bystander.watch(server.pid)
    await sleep(quietMs)
    const quiet = await bystander.phase()
    const heldBefore = heldByServer(server)
    const hands = new AttackHands(server, seededRandom(seed), over.signal, name)
    const startMs = performance.now()
    const winner = await bounded(attack.run(hands), server, bystander, over)
    if (winner !== null) hands.note(winner)
    await sleep(settleMs)
    const seconds = (performance.now() - startMs) / 1000
    const during = await bystander.phase()
    const answers = hands.tally.toString()
    hands.letGo()
    const heldAfter = await forgotten(server, heldBefore)
    if (server.pid === null) {
      hands.note(`it wrote: ${lastLine(server)}`)
      hands.note(
        await server.start().then(
          () => 'it starts again',
          () => 'IT DOES NOT START AGAIN',
        ),
      )
    }
    if (answers !== '') hands.note(answers)
    const { bytesSent } = hands.tally
    const { deaths } = server
    return {
      name,
      bytesSent,
      quiet,
      during,
      heldBefore,
      peak: during.peakBytes,
      childrenPeak: during.childrenPeakBytes,
      heldAfter,
      deaths,
      seconds,
      notes: hands.notes,
    }
  } finally {
    over.abort()
    await bystander.end()
    await server.dispose()
    place?.remove()
  }
}

/** The attack, until it is done, the time is over, or the server holds too much. Null if it was done. */
async function bounded(
  running: Promise<void>,
  server: AttackedServer,
  bystander: BystanderThread,
  over: AbortController,
): Promise<string | null> {
  let done: string | null | undefined
  running.then(
    () => {
      done ??= null
    },
    (error: unknown) => {
      done ??= `the attack ended early: ${error instanceof Error ? error.message : String(error)}`
    },
  )
  const deadline = performance.now() + attackMsMax
  while (done === undefined) {
    if (performance.now() > deadline) done = `stopped after ${attackMsMax / 1000} s`
    else if (heldByServer(server) > heldBytesMax) {
      done = `STOPPED AT ${heldBytesMax / GiB} GiB`
      await server.end('SIGKILL')
      server.deaths += 1
    }
    await sleep(20)
    bystander.watch(server.pid)
  }
  over.abort()
  return done
}

async function forgotten(server: AttackedServer, heldBefore: number): Promise<number> {
  const deadline = performance.now() + forgetMsMax
  let held = heldByServer(server)
  while (held > 1.1 * heldBefore && performance.now() < deadline) {
    await sleep(200)
    held = heldByServer(server)
  }
  return held
}

function heldByServer({ pid }: AttackedServer): number {
  const held = pid === null ? null : heldBy(pid)
  return held === null ? 0 : held.own + held.children
}

function lastLine(server: AttackedServer): string {
  const lines = server.lastWords().trim().split('\n')
  return (lines.find((line) => /FATAL ERROR|Error:|"level":60/.test(line)) ?? lines.at(-1) ?? '').slice(0, 200)
}
