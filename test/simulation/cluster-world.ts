// A whole simulation of a cluster from one seed: a database, Redis, nodes, clients, and what happens to them; then peace, a comparison of everything
// with everything, the death of one node, and an orderly end.
import { strict as assert } from 'node:assert'
import { type CounterName, counterNames } from '../../core/counters.js'
import { SHARD_COUNT, shardOf } from '../../core/document-id.js'
import { type Random, seededRandom } from '../../core/random.js'
import { defaultClusterSettings } from '../../server/cluster/settings.js'
import { canonicalState } from '../helpers/states.js'
import { type ClusterAction, type ClusterProfile, calmRedis, drawClusterProfile, withFavoured } from './cluster-profile.js'
import { checkEqual, checkNobodyGone, spoof } from './comparison.js'
import { SimulatedDatabase } from './database.js'
import { editRandomly } from './edits.js'
import { Fleet } from './fleet.js'
import { Ledger } from './ledger.js'
import { SimulatedNetwork } from './network.js'
import { SimulatedNode } from './node.js'
import type { SimulatedClient } from './participant.js'
import { Population } from './population.js'
import { calm, drawWeighted } from './profile.js'
import { SimulatedRedis } from './redis.js'
import { SimulatedTime } from './time.js'
import { WeftClient } from './weft-client.js'

/** What a negative control breaks: the database looks at no fence; it answers before it has written; a node reads documents before it claims them; it prunes by its own clock. */
export type ClusterSabotage = 'none' | 'ignores-fences' | 'acknowledges-early' | 'reads-ahead' | 'prunes-by-own-clock'

export interface ClusterOutcome {
  readonly counters: ReadonlyMap<CounterName, number>
  readonly actions: ReadonlyMap<string, number>
  readonly virtualMs: number
  /** The documents in the end, and how many events led there. */
  readonly states: readonly string[]
  readonly events: number
}

const BALANCER = 'balancer:8000'
const CLIENTS_MAX = 7
const TAKEOVER_MS_MAX = 5_000
/** Until everybody's edits are saved again when ownership was lost at the worst moment: takeover, and the retries of who noticed it late. */
const HANDED_OVER_MS_MAX = 15_000
const NODE_STATES_MS_MAX = 10_000
/** Until who has just come back sees everybody again: the others' next renewals, after 15 s at the most. */
const RETURN_MS_MAX = 20_000
const CALM_MS_MAX = 500
/** Enough for an edit to get as far as the way to the database. */
const TOGETHER_MS = 300

export class ClusterWorld {
  readonly #random: Random
  readonly #profile: ClusterProfile
  readonly #time = new SimulatedTime()
  readonly #ledger = new Ledger()
  readonly #network: SimulatedNetwork
  readonly #database: SimulatedDatabase
  readonly #fleet: Fleet
  readonly #population: Population
  readonly #actions = new Map<string, number>()
  #peace = false
  #ended = false

  private constructor(seed: number, sabotage: ClusterSabotage, favoured: ClusterAction | null) {
    const random = seededRandom(seed)
    const drawn = drawClusterProfile(random)
    const profile = favoured === null ? drawn : withFavoured(drawn, favoured)
    const time = this.#time
    const ledger = this.#ledger
    this.#random = random
    this.#profile = profile
    const network = new SimulatedNetwork(time, random)
    this.#network = network
    const trouble = () => (this.#peace ? calm : profile.trouble)
    this.#database = new SimulatedDatabase({ time, ledger, trouble, lie: sabotage })
    const redis = new SimulatedRedis(time, random, () => (this.#peace ? calmRedis : profile.redisTrouble))
    const cluster = {
      database: this.#database,
      redis,
      settings: { ...defaultClusterSettings, heartbeatPeriodMs: profile.heartbeatPeriodMs },
    }
    // Early acknowledgements are to be seen as such, not by what is shown with them.
    const broadcast = sabotage === 'acknowledges-early' ? 'before-commit' : profile.broadcast
    const { limits, tuning, compactionMsMax, documentIds } = profile
    this.#fleet = new Fleet({
      time,
      network,
      database: this.#database,
      redis,
      random,
      staying: profile.nodeCount,
      drainsInPeace: profile.kind === 'only-planned',
      createNode: (number) =>
        new SimulatedNode({
          name: `node-${number}`,
          address: `node-${number}:1234`,
          time,
          network,
          random,
          skew: { offsetMs: random.below(10_000), rate: 0.995 + random.fraction() / 100 },
          ground: { kind: 'cluster', cluster },
          ledger,
          limits,
          tuning,
          broadcast,
          expectations: { broadcast, limits, beats: 'merged' },
          compactionMsMax,
          losesMessages: false,
          punishesOthers: false,
          closesClient: (reason) => this.#clientClosed(reason),
        }),
    })
    network.balance(BALANCER, () => this.#fleet.pickAddress())
    const url = (): string => {
      const number = random.below(2 * profile.nodeCount)
      return number < profile.nodeCount ? `ws://node-${number + 1}:1234` : `ws://${BALANCER}`
    }
    this.#population = new Population({ time, network, random, ledger, documentIds, shownIsDurable: broadcast === 'after-commit', url })
  }

  /** Throws at the first broken promise. One action may be favoured, so that what it alone can show is not left to chance. */
  static async run(seed: number, sabotage: ClusterSabotage = 'none', favoured: ClusterAction | null = null): Promise<ClusterOutcome> {
    const world = new ClusterWorld(seed, sabotage, favoured)
    await world.#begin()
    const epochs = world.#epochs()
    for (let step = 0; step < world.#profile.steps; step++) await world.#step()
    await world.#quiet()
    if (world.#profile.kind === 'only-redis') assert.deepEqual(world.#epochs(), epochs, 'O4: Redis moves no ownership')
    await world.#checkSpoofing()
    await world.#checkTakeover()
    await world.#end()
    return world.#outcome()
  }

  async #begin(): Promise<void> {
    this.#fleet.startAll()
    for (let index = 0; index < this.#profile.clientCount; index++) this.#population.join()
    for (let index = 0; index < this.#profile.adversaryCount; index++) this.#population.joinAdversary()
    // Without other faults, the nodes must have their shares before anything is compared with how it was.
    await this.#advance((this.#profile.kind === 'any' ? 2_000 : 6_000) + this.#random.below(3_000))
  }

  async #advance(ms: number): Promise<void> {
    await this.#time.advance(ms)
    this.#population.check()
    this.#checkOwners()
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

  #act(action: ClusterAction, client: SimulatedClient): void {
    switch (action) {
      case 'edit':
      case 'burst':
      case 'move':
      case 'cut':
      case 'silence':
      case 'slow-reader':
      case 'offline':
      case 'leave':
      case 'abandon':
        this.#population.act(action, client)
        return
      case 'join':
        if (this.#population.clients.length < CLIENTS_MAX) this.#population.join()
        return
      case 'misdeed':
        this.#population.misdeed()
        return
      case 'wait':
        return
      case 'lose-author':
        this.#loseAuthor(client)
        return
      default:
        this.#fleet.act(action)
    }
  }

  /** A client and the owner of its document die together, with the client's last edit held up on its way to the database: nobody sends it again. */
  #loseAuthor(client: SimulatedClient): void {
    const [participant] = client.participants
    if (participant === undefined) return
    const boot = this.#database.disk.owners.get(shardOf(participant.documentId))?.owner?.boot
    const owner = this.#fleet.nodes.find((node) => node.state === 'up' && node.boot === boot)
    if (owner === undefined) return
    this.#fleet.lose(owner, TOGETHER_MS)
    editRandomly(participant.doc, this.#random)
    this.#time.after(TOGETHER_MS, () => {
      if (!this.#peace && this.#population.clients.includes(client)) this.#population.abandon(client, 'machine')
    })
  }

  /** O5, and O4: in such seeds a node has no reason to let a client go before it goes itself. */
  #clientClosed(reason: string): void {
    if (this.#profile.kind !== 'any' && !this.#ended) this.#time.fail(new Error(`O5: ${reason}`))
  }

  /** O2: whatever happened, every shard has an owner who is alive once takeover has had its time. */
  #checkOwners(): void {
    const { failBefore, failAfter, stall } = this.#profile.trouble
    if (!this.#peace && failBefore + failAfter + stall > 0) return
    if (this.#ended || this.#fleet.undisturbedMs < TAKEOVER_MS_MAX) return
    const alive = this.#fleet.boots
    if (alive.size === 0) return
    for (let shard = 0; shard < SHARD_COUNT; shard++) {
      const boot = this.#database.disk.owners.get(shard)?.owner?.boot ?? null
      assert.ok(boot !== null && alive.has(boot), `O2: after ${TAKEOVER_MS_MAX} ms nobody who is alive owns shard ${shard}`)
    }
  }

  #epochs(): readonly number[] {
    return Array.from({ length: SHARD_COUNT }, (_, shard) => this.#database.disk.owners.get(shard)?.epoch ?? 0)
  }

  /** Everything is set right, nobody does anything, and in the end everybody has the same (S1, S6, A4, A5). */
  async #quiet(): Promise<void> {
    this.#peace = true
    this.#population.settleDown()
    this.#fleet.settleDown()
    for (let waitedMs = 0; this.#fleet.nodes.some((node) => node.state !== 'up'); waitedMs += 1_000) {
      assert.ok(waitedMs < 60_000, 'every node comes up')
      // One that was on its way out ends first.
      this.#fleet.startAll()
      await this.#advance(1_000)
    }
    await this.#advance(this.#profile.silent ? 50_000 : 20_000)
    await this.#checkEqual()
  }

  #checkEqual(): Promise<void> {
    const { clients } = this.#population
    const { documentIds } = this.#profile
    return checkEqual({ time: this.#time, disk: this.#database.disk, ledger: this.#ledger, clients, documentIds })
  }

  /** A2: a client that speaks for all others is not heard, on no node. */
  async #checkSpoofing(): Promise<void> {
    if (this.#random.below(3) > 0) return
    const spoofed = [spoof(this.#population.clients), this.#population.speakForOthers()]
    if (!spoofed.includes(true)) return
    await this.#advance(9_000)
    await this.#checkEqual()
  }

  /** What moves ownership in the end, when nothing else is wrong: a death, mostly; else the database is lost, or the process ends, at the worst moment. */
  async #checkTakeover(): Promise<void> {
    const choice = this.#profile.kind === 'any' ? this.#random.below(4) : 0
    if (choice === 1) await this.#checkCutInRelease()
    else if (choice === 2) await this.#checkDrainInClaim()
    else await this.#checkDeath()
  }

  /** O2: a node loses the database while it hands shards over. Its clients, which it still has, get what they type to whoever owns the documents then. */
  async #checkCutInRelease(): Promise<void> {
    const { nodes } = this.#fleet
    const node = nodes[this.#random.below(nodes.length)] as SimulatedNode
    if (await this.#fleet.cutInRelease(node, 6_000)) {
      for (const client of this.#population.clients) this.#population.act('edit', client)
      await this.#advance(HANDED_OVER_MS_MAX)
      this.#checkServed()
      this.#checkSaved(`${node.name} lost the database while it handed shards over`)
    }
    this.#fleet.mend()
    await this.#advance(RETURN_MS_MAX)
    await this.#checkEqual()
  }

  /** O2, G4: a node is stopped in order while it claims shards. Until it is gone it serves what it got. */
  async #checkDrainInClaim(): Promise<void> {
    const { nodes } = this.#fleet
    const index = this.#random.below(nodes.length)
    const node = nodes[index] as SimulatedNode
    const dying = nodes[(index + 1) % nodes.length] as SimulatedNode
    if (await this.#fleet.drainInClaim(node, dying, 2 * HANDED_OVER_MS_MAX, 10_000)) {
      for (const client of this.#population.clients) this.#population.act('edit', client)
      await this.#advance(TAKEOVER_MS_MAX)
      this.#checkServed()
      await this.#advance(HANDED_OVER_MS_MAX - TAKEOVER_MS_MAX)
      if (nodes.length > 2) this.#checkSaved(`${node.name} was stopped while it claimed shards`)
      await this.#advance(2 * HANDED_OVER_MS_MAX)
    }
    this.#fleet.startAll()
    await this.#advance(2 * RETURN_MS_MAX)
    await this.#checkEqual()
  }

  /** O2: whoever has a shard as far as the database knows, and is alive, serves it: else nobody would take it. */
  #checkServed(): void {
    const owners = [...this.#database.disk.owners.values()].map(({ owner }) => owner?.boot ?? null)
    for (const node of this.#fleet.nodes) {
      if (node.boot === null) continue
      const recorded = owners.filter((boot) => boot === node.boot).length
      assert.equal(
        node.ownedShards,
        recorded,
        `O2: ${node.name} serves ${node.ownedShards} of the ${recorded} shards that the database says it owns`,
      )
    }
  }

  /** O2: a client of a node that was cut off in the middle of a hand-over is not left waiting until the way is open again. */
  #checkSaved(what: string): void {
    // Those who only know the address of a node that is down are not served, and know it.
    const connected = this.#population.clients.filter(({ clock }) => this.#network.connections(clock).length > 0)
    const unsaved = connected.filter((client) => client instanceof WeftClient && !client.isSaved())
    assert.deepEqual(
      unsaved.map(({ clock }) => clock.name),
      [],
      `O2: ${HANDED_OVER_MS_MAX} ms after ${what}, not everybody's edits are saved`,
    )
  }

  /** O2, A4: a node dies, and some of its clients with it; then the others have taken over, and see the living and nobody else. */
  async #checkDeath(): Promise<void> {
    const { nodes } = this.#fleet
    const node = nodes[this.#random.below(nodes.length)] as SimulatedNode
    const host = node.host
    if (host === null) return
    const guests = this.#population.clients.filter(({ clock }) =>
      this.#network.connections(clock).some(({ server }) => server.host === host),
    )
    for (const client of guests.slice(0, this.#random.below(guests.length + 1))) this.#population.abandon(client, 'machine')
    this.#fleet.kill(node, 'process')
    await this.#advance(TAKEOVER_MS_MAX)
    const client = this.#population.clients[0]
    if (client !== undefined) this.#population.act('edit', client)
    await this.#advance(NODE_STATES_MS_MAX - TAKEOVER_MS_MAX)
    checkNobodyGone({ clients: this.#population.clients, documentIds: this.#profile.documentIds })
    if (this.#population.clients.some(({ clock }) => this.#network.connections(clock).length === 0)) this.#fleet.startAll()
    await this.#advance(RETURN_MS_MAX)
    await this.#checkEqual()
  }

  async #end(): Promise<void> {
    this.#ended = true
    this.#population.leaveAll()
    // Long enough for documents to be compacted and then evicted.
    await this.#time.advance(20_000)
    for (const node of this.#fleet.nodes) {
      assert.equal(node.openDocuments, 0, 'idle documents are evicted')
      this.#fleet.stop(node)
      if (this.#random.below(2) === 0) await this.#time.advance(this.#random.below(1_000))
    }
    await this.#time.advance(3_000)
    for (const node of this.#fleet.nodes) assert.equal(node.state, 'down', `${node.name} has stopped`)
    if (this.#profile.kind === 'only-redis') assert.equal(this.#fleet.total('updates_refused'), 0, 'O4: Redis refuses no edit')
  }

  #outcome(): ClusterOutcome {
    const states = this.#ledger.documentIds.map((documentId) => canonicalState(this.#ledger.replica(documentId)))
    const counters = new Map(counterNames.map((name) => [name, this.#fleet.total(name)]))
    const { nowMs: virtualMs, eventCount: events } = this.#time
    return { counters, actions: this.#actions, virtualMs, states, events }
  }
}
