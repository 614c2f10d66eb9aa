// The nodes of a simulated cluster, and what happens to them: crashes, pauses, drains, and everything between them and what they stand on.
import type { CounterName } from '../../core/counters.js'
import type { Random } from '../../core/random.js'
import type { NodeAction } from './cluster-profile.js'
import type { SimulatedDatabase } from './database.js'
import type { SimulatedNetwork } from './network.js'
import type { SimulatedNode } from './node.js'
import type { SimulatedRedis } from './redis.js'
import type { SimulatedTime } from './time.js'

export interface FleetOptions {
  readonly time: SimulatedTime
  readonly network: SimulatedNetwork
  readonly database: SimulatedDatabase
  readonly redis: SimulatedRedis
  readonly random: Random
  /** The first is node 1. */
  readonly createNode: (number: number) => SimulatedNode
  /** Nodes that are never taken away. */
  readonly staying: number
  /** Nothing else goes wrong while a node stops in order: it must succeed, and lose nothing. */
  readonly drainsInPeace: boolean
}

const NODES_MAX = 4
const HOUR_MS = 3_600_000
/** Farther than any window reaches. */
const MONTH_MS = 30 * 24 * HOUR_MS

export class Fleet {
  readonly #options: FleetOptions
  readonly #left: SimulatedNode[] = []
  #nodes: SimulatedNode[] = []
  #created = 0
  #disturbedAtMs = 0
  #peace = false

  constructor(options: FleetOptions) {
    this.#options = options
    for (let count = 0; count < options.staying; count++) this.#add()
  }

  /** Those that should be up, sooner or later. */
  get nodes(): readonly SimulatedNode[] {
    return this.#nodes
  }

  /** The processes that may own shards: a node that fails while it is taken away is started again, as by whatever watches over it, and is back. */
  get boots(): ReadonlySet<string> {
    return new Set([...this.#nodes, ...this.#left].flatMap(({ state, boot }) => (state === 'up' && boot !== null ? [boot] : [])))
  }

  /** How long nothing has happened that moves ownership. */
  get undisturbedMs(): number {
    const { time, database } = this.#options
    return database.isTroubled || this.#nodes.some((node) => node.isStopped) ? 0 : time.nowMs - this.#disturbedAtMs
  }

  total(name: CounterName): number {
    return [...this.#nodes, ...this.#left].reduce((sum, node) => sum + (node.totals.get(name) ?? 0), 0)
  }

  /** Where a load balancer sends the next connection. It has not always noticed that a node hangs. */
  pickAddress(): string | null {
    const { random } = this.#options
    const up = this.#nodes.filter((node) => node.state === 'up' && (!node.isStopped || random.below(3) === 0))
    return up[random.below(Math.max(1, up.length))]?.address ?? null
  }

  act(action: NodeAction): void {
    const { random, network, database, redis } = this.#options
    const node = this.#nodes[random.below(this.#nodes.length)] as SimulatedNode
    switch (action) {
      case 'kill':
        this.kill(node, random.below(3) === 0 ? 'machine' : 'process')
        this.#later(random.below(7_000), () => this.#start(node))
        return
      case 'stop-node':
        if (node.isStopped) return
        this.#disturbed()
        node.pause()
        this.#later(1_000 + random.below(14_000), () => this.#goOn(node))
        return
      case 'drain-node':
        if (this.#mayDrain) this.#drain(node, () => this.#start(node))
        return
      case 'add-node':
        if (this.#nodes.length < NODES_MAX) this.#start(this.#add())
        return
      case 'remove-node':
        if (this.#nodes.length > this.#options.staying && this.#mayDrain) this.#remove(this.#nodes.at(-1) as SimulatedNode)
        return
      case 'part-nodes': {
        const other = this.#nodes[random.below(this.#nodes.length)] as SimulatedNode
        if (other === node) return
        network.part(node.name, other.name, random.below(2) === 0 ? 'cut' : 'silence')
        this.#later(random.below(12_000), () => network.join(node.name, other.name))
        return
      }
      case 'cut-database':
        this.#cutFromDatabase(node)
        return
      case 'database-away':
        this.#disturbed()
        database.setReach(random.below(2) === 0 ? 'hangs' : 'refuses')
        this.#later(200 + random.below(8_000), () => {
          this.#disturbed()
          database.setReach('open')
        })
        return
      case 'redis-away':
        redis.setAway(true)
        this.#later(random.below(10_000), () => redis.setAway(false))
        return
      case 'redis-wiped':
        redis.wipe()
        return
      case 'cut-redis':
        redis.cut(node.name)
        this.#later(random.below(10_000), () => redis.mend(node.name))
        return
      case 'drain-in-claim': {
        // Somebody dies, so that there is something to claim.
        const other = this.#nodes[random.below(this.#nodes.length)] as SimulatedNode
        if (other === node) return
        database.during(node.name, 'claimShards', () => this.#drain(node, () => this.#start(node)))
        this.kill(other, 'process')
        this.#later(4_000 + random.below(4_000), () => this.#start(other))
        return
      }
      case 'cut-in-release':
        // Somebody joins, so that there is something to release.
        database.during(node.name, 'releaseShards', () => this.#cutFromDatabase(node))
        if (this.#nodes.length < NODES_MAX) this.#start(this.#add())
        return
      case 'cancel-start':
        this.kill(node, 'process')
        this.#start(node)
        this.#later(random.below(1_500), () => this.#cancelStart(node))
        this.#later(3_000 + random.below(3_000), () => this.#start(node))
        return
      case 'set-clock':
        node.host?.setWallClock((random.below(2) === 0 ? 1 : -1) * random.below((random.below(2) === 0 ? HOUR_MS : MONTH_MS) + 1))
        return
    }
  }

  /** A node's way to the database is held up, the node dies, and what it had sent arrives when others have taken its shards. */
  lose(node: SimulatedNode, afterMs: number): void {
    const { random, database } = this.#options
    this.#disturbed()
    database.cut(node.name, 'holds')
    this.#later(afterMs, () => this.kill(node, 'machine'))
    this.#later(4_000 + random.below(4_000), () => {
      this.#disturbed()
      database.cut(node.name, 'open')
      this.#start(node)
    })
  }

  /** A node is cut off from the database while it hands shards over, until `mend`. False if it handed nothing over in this time. */
  async cutInRelease(node: SimulatedNode, limitMs: number): Promise<boolean> {
    const { database, time } = this.#options
    let isCut = false
    database.during(node.name, 'releaseShards', () => {
      isCut = true
      this.#disturbed()
      database.cut(node.name, 'hangs')
    })
    this.#start(this.#add())
    for (let waitedMs = 0; !isCut && waitedMs < limitMs; waitedMs += 100) await time.advance(100)
    return isCut
  }

  /** A node is stopped in order, and takes its time, while it claims what another one that died has left. False if it claimed nothing in this time. */
  async drainInClaim(node: SimulatedNode, dying: SimulatedNode, windowMs: number, limitMs: number): Promise<boolean> {
    const { database, time } = this.#options
    let drains = false
    database.during(node.name, 'claimShards', () => {
      drains = true
      this.#disturbed()
      node.drain(windowMs, false).catch((error: unknown) => time.fail(error))
    })
    this.kill(dying, 'process')
    for (let waitedMs = 0; !drains && waitedMs < limitMs; waitedMs += 100) await time.advance(100)
    return drains
  }

  /** Everybody reaches the database. */
  mend(): void {
    this.#disturbed()
    this.#options.database.mend()
  }

  startAll(): void {
    for (const node of this.#nodes) this.#start(node)
  }

  kill(node: SimulatedNode, how: 'process' | 'machine'): void {
    this.#disturbed()
    node.crash(how)
  }

  /** Everything works from now on, and whoever should be up comes up. */
  settleDown(): void {
    const { database, redis, network } = this.#options
    this.#peace = true
    database.mend()
    redis.mendAll()
    network.joinAll()
    for (const node of this.#nodes) this.#goOn(node)
    this.startAll()
    this.#disturbed()
  }

  /** Stops a node in order, for good. */
  stop(node: SimulatedNode): void {
    this.#drain(node, () => {})
  }

  /** Where drains are to lose nothing, nodes are taken out one at a time: what the last one has received nobody is there to take. */
  get #mayDrain(): boolean {
    return !this.#options.drainsInPeace || [...this.#nodes, ...this.#left].every(({ state }) => state === 'up' || state === 'down')
  }

  #add(): SimulatedNode {
    this.#created += 1
    const node = this.#options.createNode(this.#created)
    this.#nodes.push(node)
    return node
  }

  #remove(node: SimulatedNode): void {
    if (node.state !== 'up' || node.isStopped) return
    this.#nodes = this.#nodes.filter((other) => other !== node)
    this.#left.push(node)
    this.#drain(node, () => {})
  }

  #goOn(node: SimulatedNode): void {
    if (!node.isStopped) return
    this.#disturbed()
    node.goOn()
  }

  #cutFromDatabase(node: SimulatedNode): void {
    const { random, database } = this.#options
    if (this.#peace) return
    this.#disturbed()
    database.cut(node.name, (['hangs', 'refuses', 'holds'] as const)[random.below(3)] ?? 'hangs')
    this.#later(500 + random.below(10_000), () => {
      this.#disturbed()
      database.cut(node.name, 'open')
    })
  }

  /** Whoever started it has thought better of it. */
  #cancelStart(node: SimulatedNode): void {
    this.#disturbed()
    node.cancelStart().catch((error: unknown) => this.#options.time.fail(error))
  }

  #start(node: SimulatedNode): void {
    // Killed, and taken away before it was to come back.
    if (!this.#nodes.includes(node)) return
    this.#disturbed()
    const { time } = this.#options
    node.start().then(
      () => this.#disturbed(),
      (error: unknown) => time.fail(error),
    )
  }

  #drain(node: SimulatedNode, then: () => void): void {
    const { random, time, drainsInPeace } = this.#options
    this.#disturbed()
    node
      .drain(random.below(500), drainsInPeace || this.#peace, !drainsInPeace && !this.#peace)
      .then(() => {
        this.#disturbed()
        then()
      })
      .catch((error: unknown) => time.fail(error))
  }

  #disturbed(): void {
    this.#disturbedAtMs = this.#options.time.nowMs
  }

  /** Until peace, when everything is set right at once. */
  #later(delayMs: number, run: () => void): void {
    this.#options.time.after(delayMs, () => {
      if (!this.#peace) run()
    })
  }
}
