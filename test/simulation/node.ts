// One simulated node: boots the real server's parts on a disk, or as a member of a cluster, under an address; it can be drained, be stopped for a while,
// or crash. Each boot is a process of its own.
import type { Clock } from '../../core/clock.js'
import { sleep } from '../../core/clock.js'
import { type CounterName, type Counters, counterNames } from '../../core/counters.js'
import type { Limits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import { type Random, seededRandom } from '../../core/random.js'
import type { MemoryDisk } from '../../persistence/memory/memory-store.js'
import type { DocumentStore } from '../../persistence/store.js'
import { allowEverybody } from '../../server/access/authorize.js'
import { LifeCycle } from '../../server/composition/life-cycle.js'
import { ServerNode } from '../../server/composition/node.js'
import { type CompactionInput, type CompactionResult, InProcessCompactor } from '../../server/document/compaction.js'
import type { DocumentTuning } from '../../server/document/tuning.js'
import type { Busyness } from '../../server/document/view/pace.js'
import { Door } from './door.js'
import type { Ledger } from './ledger.js'
import { createMember, type Member, type SimulatedCluster } from './member.js'
import type { SimulatedNetwork } from './network.js'
import { localCaller, type StoreTrouble, simulatedStore } from './store.js'
import { HostClock, type SimulatedTime, type Skew } from './time.js'
import type { Expectations } from './witness.js'

/** What a node stands on: a disk of its own, or what it shares with others. */
export type Ground =
  | { readonly kind: 'disk'; readonly disk: MemoryDisk; readonly trouble: () => StoreTrouble; readonly acknowledgesEarly: boolean }
  | { readonly kind: 'cluster'; readonly cluster: SimulatedCluster }

export interface SimulatedNodeOptions {
  readonly name: string
  readonly address: string
  readonly time: SimulatedTime
  readonly network: SimulatedNetwork
  readonly random: Random
  readonly skew: Skew
  readonly ground: Ground
  readonly ledger: Ledger
  readonly limits: Limits
  readonly tuning: DocumentTuning
  readonly broadcast: 'after-commit' | 'before-commit'
  readonly expectations: Expectations
  readonly compactionMsMax: number
  /** For negative controls. */
  readonly losesMessages: boolean
  readonly punishesOthers: boolean
  readonly skipsRecords?: boolean
  /** The node, which is not on its way out, closes a client's connection. */
  readonly closesClient?: (reason: string) => void
}

interface Process {
  readonly clock: HostClock
  /** Of the disk and the compactor, which may still be busy when the rest has stopped. */
  readonly devices: HostClock
  readonly counters: Counters
  readonly boot: string
  readonly node: ServerNode
  readonly door: Door
  readonly stop: (windowMs: number) => Promise<void>
  readonly unlisten: () => void
}

type NodeState =
  | { readonly kind: 'down' }
  | {
      readonly kind: 'starting'
      readonly clock: HostClock
      readonly devices: HostClock
      readonly stop: (windowMs: number) => Promise<void>
    }
  | { readonly kind: 'stopping'; readonly clock: HostClock; readonly devices: HostClock }
  | { readonly kind: 'up'; readonly process: Process }
  | { readonly kind: 'draining'; readonly process: Process }

/** Takes its time, so that edits are committed between the start of a compaction and the use of its result. */
class SlowCompactor extends InProcessCompactor {
  readonly #clock: HostClock
  readonly #random: Random
  readonly #msMax: number

  constructor(clock: HostClock, random: Random, msMax: number) {
    super()
    this.#clock = clock
    this.#random = random
    this.#msMax = msMax
  }

  override async compact(input: CompactionInput): Promise<CompactionResult> {
    await sleep(this.#clock, this.#random.fraction() * this.#msMax)
    return super.compact(input)
  }
}

export class SimulatedNode {
  readonly name: string
  readonly address: string
  readonly #options: SimulatedNodeOptions
  #state: NodeState = { kind: 'down' }
  #boots = 0
  /** Of all boots. */
  readonly totals = new Map<CounterName, number>()

  constructor(options: SimulatedNodeOptions) {
    this.#options = options
    this.name = options.name
    this.address = options.address
  }

  get state(): NodeState['kind'] {
    return this.#state.kind
  }

  get openDocuments(): number {
    return this.#state.kind === 'up' ? this.#state.process.node.documents.openDocuments : 0
  }

  /** How many shards the process that runs takes for its own. */
  get ownedShards(): number {
    return this.#process?.node.ownership.ownedShards ?? 0
  }

  /** The process that runs, if one does. */
  get host(): HostClock | null {
    return this.#process?.clock ?? null
  }

  /** Id of the process that runs, if one does. */
  get boot(): string | null {
    return this.#process?.boot ?? null
  }

  get isStopped(): boolean {
    return this.host?.stopped === true
  }

  get #process(): Process | null {
    return this.#state.kind === 'up' || this.#state.kind === 'draining' ? this.#state.process : null
  }

  /** Boots a new process, unless one runs. */
  async start(): Promise<void> {
    if (this.#state.kind !== 'down') return
    const { time, name, skew, ledger, limits, tuning, broadcast, network, address, expectations } = this.#options
    const { losesMessages, punishesOthers, skipsRecords = false } = this.#options
    this.#boots += 1
    const clock = new HostClock(time, `${name}#${this.#boots}`, skew)
    const devices = new HostClock(time, `${name}#${this.#boots} devices`, skew)
    const random = seededRandom(this.#options.random.below(2 ** 31))
    const { store, member } = this.#stand(clock, devices, random)
    const onFatal = (): void => this.#startAnew()
    const compactor = new SlowCompactor(devices, random, this.#options.compactionMsMax)
    const basics = { clock, random, limits, tuning, busyness: busynessBy(clock), logger: silentLogger }
    const closeSessions = async (): Promise<void> => {}
    const common = { ...basics, broadcast, store, compactor, authorize: allowEverybody, closeSessions, onFatal }
    const node = new ServerNode(
      member === null ? common : { ...common, bus: member.bus, cluster: member.cluster, counters: member.counters },
    )
    const lifeCycle = new LifeCycle(common)
    const stop = async (windowMs: number): Promise<void> => {
      await lifeCycle.end(windowMs)
      await member?.bus.close()
    }
    const starting: NodeState = { kind: 'starting', clock, devices, stop }
    this.#state = starting
    try {
      await lifeCycle.start(node.components)
    } catch (error) {
      // Given up meanwhile.
      if (this.#state !== starting) return
      throw error
    }
    if (this.#state !== starting) return
    const closes = (code: number, reason: string): void => {
      if (this.#state.kind === 'up') this.#options.closesClient?.(`${name} closed a client: ${code} ${reason}`)
    }
    const door = new Door({ node, time, clock, random, ledger, expectations, losesMessages, punishesOthers, skipsRecords, closes })
    const unlisten = network.listen(address, { host: clock, accept: (end, request) => door.accept(end, request) })
    const { boot } = node.ownership
    this.#state = { kind: 'up', process: { clock, devices, counters: node.counters, boot, node, door, stop, unlisten } }
  }

  /** The process is gone. Or its whole machine is, and nobody is told. */
  crash(how: 'process' | 'machine'): void {
    const state = this.#state
    if (state.kind === 'down') return
    const { network } = this.#options
    this.#state = { kind: 'down' }
    const { clock, devices } = 'clock' in state ? state : state.process
    clock.kill()
    devices.kill()
    network.ended(clock, how)
    if ('clock' in state) return
    state.process.unlisten()
    this.#count(state.process.counters)
  }

  /** Ends a process that has not come up yet, if there is one. Throws if something is left behind. */
  async cancelStart(): Promise<void> {
    const state = this.#state
    if (state.kind !== 'starting') return
    const { clock, devices, stop } = state
    this.#state = { kind: 'stopping', clock, devices }
    await stop(0)
    if (!clock.alive) return
    this.#state = { kind: 'down' }
    if (clock.timerCount > 0) throw new Error(`${clock.timerCount} timers are left after the start of ${clock.name} was cancelled`)
    clock.kill()
    devices.kill()
    this.#options.network.ended(clock, 'process')
  }

  /** Stops the process, as SIGSTOP does, until `goOn`. */
  pause(): void {
    this.host?.stop()
  }

  goOn(): void {
    const { host } = this
    if (host?.stopped === true) this.#options.network.goOn(host)
  }

  /**
   * Stops in order, or crashes in the attempt if it `mayFail`. Throws if something is left behind, or if something was lost that had been received (G4).
   */
  async drain(windowMs: number, losesNothing: boolean, mayFail = false): Promise<void> {
    const state = this.#state
    if (state.kind !== 'up') return
    const { process } = state
    const { clock, devices, counters, door, stop, unlisten } = process
    const received = losesNothing ? door.unsettled() : []
    this.#state = { kind: 'draining', process }
    try {
      await stop(windowMs)
    } catch (error) {
      if (!mayFail) throw error
      if (clock.alive) this.crash('process')
      return
    }
    unlisten()
    if (!clock.alive) return
    this.#state = { kind: 'down' }
    for (const { documentId, update } of received)
      if (!this.#options.ledger.holds(documentId, update))
        throw new Error(`G4: a drain lost an edit of ${documentId} that had been received`)
    if (clock.timerCount > 0) throw new Error(`${clock.timerCount} timers are left after ${clock.name} was stopped`)
    clock.kill()
    devices.kill()
    // Its system answers for it who still waits for it to accept a connection.
    this.#options.network.ended(clock, 'process')
    this.#count(counters)
  }

  #stand(clock: HostClock, devices: HostClock, random: Random): { readonly store: DocumentStore; readonly member: Member | null } {
    const { ground, ledger, time, network, name, address } = this.#options
    switch (ground.kind) {
      case 'disk': {
        const { disk, trouble, acknowledgesEarly } = ground
        const call = localCaller({ clock: devices, random, trouble })
        const lie = acknowledgesEarly ? 'acknowledges-early' : 'none'
        return {
          store: simulatedStore({ clock: devices, asker: clock, disk, ledger, call, fail: (error) => time.fail(error), lie }),
          member: null,
        }
      }
      case 'cluster': {
        const { cluster } = ground
        const { store, membership } = cluster.database.connect(clock, random)
        const onReplaced = (): void => this.#startAnew()
        const member = createMember({ cluster, time, clock, random, network, nodeId: name, address, membership, onReplaced })
        return { store, member }
      }
    }
  }

  /** As the server does it: this process ends, and whatever watches over it starts another. */
  #startAnew(): void {
    this.crash('process')
    this.start().catch((error: unknown) => this.#options.time.fail(error))
  }

  #count(counters: Counters): void {
    for (const name of counterNames) this.totals.set(name, (this.totals.get(name) ?? 0) + counters.get(name))
  }
}

/** A process that has time to spare, then some, then none, a second each. */
function busynessBy(clock: Clock): Busyness {
  return () => (Math.floor(clock.monotonic() / 1000) % 3) / 2
}
