// A whole simulation from one seed: a disk, a node, clients, and what happens to them; then peace, and a comparison of everything with everything.
import { strict as assert } from 'node:assert'
import { type CounterName, counterNames } from '../../core/counters.js'
import { type Random, seededRandom } from '../../core/random.js'
import { MemoryDisk } from '../../persistence/memory/memory-store.js'
import { canonicalState } from '../helpers/states.js'
import { checkEqual, spoof } from './comparison.js'
import { Ledger } from './ledger.js'
import { SimulatedNetwork } from './network.js'
import { SimulatedNode } from './node.js'
import type { SimulatedClient } from './participant.js'
import { Population } from './population.js'
import { type Action, calm, drawProfile, drawWeighted, type Profile } from './profile.js'
import { SimulatedTime } from './time.js'

/**
 * What a negative control breaks: a store that answers before it has written, a server that shows edits before they are committed though it promised not to,
 * one whose messages get lost now and then, and one that ends honest connections when somebody else breaks the protocol.
 */
export type Sabotage = 'none' | 'acknowledges-early' | 'shows-early' | 'loses-messages' | 'punishes-others' | 'skips-records'

export interface Outcome {
  readonly counters: ReadonlyMap<CounterName, number>
  readonly actions: ReadonlyMap<string, number>
  readonly virtualMs: number
  /** The documents in the end, and how many events led there. */
  readonly states: readonly string[]
  readonly events: number
}

const ADDRESS = 'node-1:1234'
const QUIET_MS = 45_000
const CALM_MS_MAX = 400

export class World {
  readonly #random: Random
  readonly #profile: Profile
  readonly #time = new SimulatedTime()
  readonly #ledger = new Ledger()
  readonly #disk = new MemoryDisk()
  readonly #network: SimulatedNetwork
  readonly #node: SimulatedNode
  readonly #actions = new Map<Action, number>()
  readonly #population: Population
  #peace = false

  private constructor(seed: number, sabotage: Sabotage) {
    this.#random = seededRandom(seed)
    const profile = drawProfile(this.#random)
    this.#profile = profile
    this.#network = new SimulatedNetwork(this.#time, this.#random)
    const { limits, tuning, compactionMsMax } = profile
    // Each control is seen by the check that it is meant for: early acknowledgements not by what is shown with them.
    const expected = sabotage === 'shows-early' ? 'after-commit' : sabotage === 'acknowledges-early' ? 'before-commit' : profile.broadcast
    this.#node = new SimulatedNode({
      name: 'node-1',
      address: ADDRESS,
      time: this.#time,
      network: this.#network,
      random: this.#random,
      skew: { offsetMs: this.#random.below(10_000), rate: 1 },
      ground: {
        kind: 'disk',
        disk: this.#disk,
        trouble: () => (this.#peace ? calm : profile.trouble),
        acknowledgesEarly: sabotage === 'acknowledges-early',
      },
      ledger: this.#ledger,
      limits,
      tuning,
      broadcast: sabotage === 'shows-early' ? 'before-commit' : expected,
      expectations: { broadcast: expected, limits, beats: 'rows' },
      compactionMsMax,
      losesMessages: sabotage === 'loses-messages',
      punishesOthers: sabotage === 'punishes-others',
      skipsRecords: sabotage === 'skips-records',
    })
    this.#population = new Population({
      time: this.#time,
      network: this.#network,
      random: this.#random,
      ledger: this.#ledger,
      documentIds: profile.documentIds,
      shownIsDurable: expected === 'after-commit',
      url: () => `ws://${ADDRESS}`,
    })
  }

  /** Throws at the first broken promise. */
  static async run(seed: number, sabotage: Sabotage = 'none'): Promise<Outcome> {
    const world = new World(seed, sabotage)
    await world.#begin()
    for (let step = 0; step < world.#profile.steps; step++) await world.#step()
    await world.#quiet()
    await world.#checkSpoofing()
    await world.#end()
    const states = world.#ledger.documentIds.map((documentId) => canonicalState(world.#ledger.replica(documentId)))
    const { nowMs: virtualMs, eventCount: events } = world.#time
    return { counters: world.#node.totals, actions: world.#actions, virtualMs, states, events }
  }

  async #begin(): Promise<void> {
    this.#background(this.#node.start())
    for (let index = 0; index < this.#profile.clientCount; index++) this.#population.join()
    for (let index = 0; index < this.#profile.adversaryCount; index++) this.#population.joinAdversary()
    await this.#advance(this.#random.below(1_000))
  }

  /** Clients check themselves wherever time has moved. */
  async #advance(ms: number): Promise<void> {
    await this.#time.advance(ms)
    this.#population.check()
  }

  async #step(): Promise<void> {
    const random = this.#random
    const action = drawWeighted(random, this.#profile.weights)
    this.#actions.set(action, (this.#actions.get(action) ?? 0) + 1)
    const { clients } = this.#population
    const client = clients[random.below(clients.length)]
    if (client === undefined) this.#population.join()
    else this.#act(action, client)
    await this.#advance(random.below(3) === 0 ? 0 : random.below(CALM_MS_MAX))
  }

  #act(action: Action, client: SimulatedClient): void {
    const random = this.#random
    switch (action) {
      case 'join':
        if (this.#population.clients.length < 8) this.#population.join()
        return
      case 'crash':
        this.#node.crash(random.below(3) === 0 ? 'machine' : 'process')
        this.#later(random.below(1_500), () => this.#background(this.#node.start()))
        return
      case 'drain':
        this.#background(this.#drain(random.below(500)))
        return
      case 'misdeed':
        this.#population.misdeed()
        return
      case 'pause':
        return
      default:
        this.#population.act(action, client)
    }
  }

  /** Until peace, when everything is set right at once. */
  #later(delayMs: number, run: () => void): void {
    this.#time.after(delayMs, () => {
      if (!this.#peace) run()
    })
  }

  async #drain(windowMs: number): Promise<void> {
    const { trouble, limits } = this.#profile
    // A store that stalls for longer than a drain waits, or bounds at which edits are refused, may cost what was not acknowledged.
    await this.#node.drain(
      windowMs,
      trouble.stall + trouble.failAfter + trouble.failBefore === 0 && limits.pendingBytesPerDocumentMax > 10_000,
    )
    await this.#node.start()
  }

  /** Runs in the background; what it throws ends the simulation. */
  #background(running: Promise<void>): void {
    running.catch((error: unknown) => this.#time.fail(error))
  }

  /** Everything is set right, nobody does anything, and in the end everybody has the same (S1, S6, A4, A5). */
  async #quiet(): Promise<void> {
    this.#peace = true
    this.#population.settleDown()
    // A drain that is under way ends and starts the next process by itself.
    if (this.#node.state === 'down') this.#background(this.#node.start())
    await this.#advance(QUIET_MS)
    assert.equal(this.#node.state, 'up')
    await this.#checkEqual()
  }

  #checkEqual(): Promise<void> {
    const { clients } = this.#population
    return checkEqual({ time: this.#time, disk: this.#disk, ledger: this.#ledger, clients, documentIds: this.#profile.documentIds })
  }

  /** A2: a client that speaks for all others is not heard, and the others are not disturbed. */
  async #checkSpoofing(): Promise<void> {
    const spoofed = [spoof(this.#population.clients), this.#population.speakForOthers()]
    if (!spoofed.includes(true)) return
    await this.#advance(9_000)
    await this.#checkEqual()
  }

  async #end(): Promise<void> {
    this.#population.leaveAll()
    // Long enough for documents to be compacted and then evicted.
    await this.#time.advance(30_000)
    assert.equal(this.#node.openDocuments, 0, 'idle documents are evicted')
    this.#background(this.#node.drain(0, true))
    await this.#time.advance(1_000)
    assert.equal(this.#node.state, 'down', 'the node has stopped')
  }
}

/** Adds one run's counters to a sum. */
export function addOutcome(totals: Map<string, number>, { counters, actions, virtualMs }: Outcome): void {
  const add = (name: string, amount: number): void => void totals.set(name, (totals.get(name) ?? 0) + amount)
  for (const name of counterNames) add(name, counters.get(name) ?? 0)
  for (const [action, count] of actions) add(`action ${action}`, count)
  add('virtual seconds', virtualMs / 1000)
}
