// One simulated node: boots the real server's parts on a disk, under an address, and can be drained or crash. Each boot is a process of its own.

import { sleep } from '../../core/clock.js'
import { type CounterName, counterNames } from '../../core/counters.js'
import type { Limits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import { type Random, seededRandom } from '../../core/random.js'
import type { MemoryDisk } from '../../persistence/memory/memory-store.js'
import { weftSubprotocol } from '../../protocol/dialects/weft.js'
import { type CompactionInput, type CompactionResult, InProcessCompactor } from '../../server/document/compaction.js'
import type { DocumentTuning } from '../../server/document/tuning.js'
import { allowEverybody } from '../../server/gateway/authorize.js'
import { documentIdFromTarget } from '../../server/gateway/document-path.js'
import type { Socket } from '../../server/gateway/socket.js'
import { ServerNode } from '../../server/node.js'
import type { Ledger } from './ledger.js'
import { type End, type EndEvents, LOST, type SimulatedNetwork } from './network.js'
import { type StoreTrouble, simulatedStore } from './store.js'
import { HostClock, type SimulatedTime, type Skew } from './time.js'
import { type Expectations, WeftWitness, type Witness, YWebsocketWitness } from './witness.js'

export interface SimulatedNodeOptions {
  readonly name: string
  readonly address: string
  readonly time: SimulatedTime
  readonly network: SimulatedNetwork
  readonly random: Random
  readonly skew: Skew
  readonly disk: MemoryDisk
  readonly ledger: Ledger
  readonly limits: Limits
  readonly tuning: DocumentTuning
  readonly broadcast: 'after-commit' | 'before-commit'
  readonly expectations: Expectations
  readonly trouble: () => StoreTrouble
  readonly compactionMsMax: number
  /** For negative controls. */
  readonly acknowledgesEarly: boolean
  readonly losesMessages: boolean
}

interface Process {
  readonly clock: HostClock
  /** Of the disk and the compactor, which may still be busy when the rest has stopped. */
  readonly devices: HostClock
  readonly node: ServerNode
  readonly witnesses: Map<End, Witness>
  readonly unlisten: () => void
}

type NodeState =
  | { readonly kind: 'down' }
  | { readonly kind: 'starting'; readonly devices: HostClock }
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
  readonly #options: SimulatedNodeOptions
  #state: NodeState = { kind: 'down' }
  #boots = 0
  /** Of all boots. */
  readonly totals = new Map<CounterName, number>()

  constructor(options: SimulatedNodeOptions) {
    this.#options = options
  }

  get state(): NodeState['kind'] {
    return this.#state.kind
  }

  get openDocuments(): number {
    return this.#state.kind === 'up' ? this.#state.process.node.documents.openDocuments : 0
  }

  /** The process that runs, if one does. */
  get host(): HostClock | null {
    return this.#state.kind === 'up' || this.#state.kind === 'draining' ? this.#state.process.clock : null
  }

  /** Boots a new process on the disk, unless one runs. */
  async start(): Promise<void> {
    if (this.#state.kind !== 'down') return
    const { time, name, skew, disk, ledger, limits, tuning, broadcast, trouble, acknowledgesEarly, network, address } = this.#options
    this.#boots += 1
    const clock = new HostClock(time, `${name}#${this.#boots}`, skew)
    const devices = new HostClock(time, `${name}#${this.#boots} devices`, skew)
    this.#state = { kind: 'starting', devices }
    const random = seededRandom(this.#options.random.below(2 ** 31))
    const fail = (error: unknown): void => time.fail(error)
    const store = simulatedStore({ clock: devices, disk, random, ledger, trouble, fail, acknowledgesEarly })
    const compactor = new SlowCompactor(devices, random, this.#options.compactionMsMax)
    const common = { clock, random, limits, tuning, broadcast, store, compactor }
    const node = await ServerNode.start({ ...common, logger: silentLogger, authorize: allowEverybody })
    const witnesses = new Map<End, Witness>()
    const unlisten = network.listen(address, { host: clock, accept: (end, request) => this.#accept(node, witnesses, end, request) })
    this.#state = { kind: 'up', process: { clock, devices, node, witnesses, unlisten } }
  }

  /** The process is gone: only the disk is left. Or its whole machine is, and nobody is told. */
  crash(how: 'process' | 'machine'): void {
    const state = this.#state
    if (state.kind === 'down') return
    const { network } = this.#options
    this.#state = { kind: 'down' }
    if (state.kind === 'starting') {
      state.devices.kill()
      return
    }
    const { clock, devices, node, unlisten } = state.process
    clock.kill()
    devices.kill()
    unlisten()
    network.ended(clock, how)
    this.#count(node)
  }

  /** Stops in order. Throws if something is left behind, or if something was lost that had been received (G4). */
  async drain(windowMs: number, losesNothing: boolean): Promise<void> {
    const state = this.#state
    if (state.kind !== 'up') return
    const { process } = state
    const { clock, devices, node, witnesses, unlisten } = process
    const received = losesNothing ? [...witnesses.values()].flatMap((witness) => witness.unsettled()) : []
    this.#state = { kind: 'draining', process }
    await node.stop(windowMs)
    unlisten()
    if (!clock.alive) return
    this.#state = { kind: 'down' }
    for (const { documentId, update } of received)
      if (!this.#options.ledger.holds(documentId, update))
        throw new Error(`G4: a drain lost an edit of ${documentId} that had been received`)
    if (clock.timerCount > 0) throw new Error(`${clock.timerCount} timers are left after ${clock.name} was stopped`)
    clock.kill()
    devices.kill()
    this.#count(node)
  }

  #accept(
    node: ServerNode,
    witnesses: Map<End, Witness>,
    end: End,
    request: { readonly url: string; readonly protocols: readonly string[] },
  ): EndEvents | null {
    if (node.gateway.admission() !== 'admitted') return null
    const { ledger, expectations, time, random, losesMessages } = this.#options
    const { pathname, search } = new URL(request.url)
    const target = pathname + search
    const dialect = request.protocols.includes(weftSubprotocol) ? 'weft' : 'y-websocket'
    const witness =
      dialect === 'weft' ? new WeftWitness(ledger, expectations) : new YWebsocketWitness(ledger, expectations, documentIdFromTarget(target))
    witnesses.set(end, witness)
    const guard = (look: () => void): void => {
      try {
        look()
      } catch (error) {
        time.fail(error)
      }
    }
    const socket: Socket = {
      get bufferedBytes() {
        return end.bufferedBytes
      },
      send: (parts, onSent) => {
        const waitingBytes = end.bufferedBytes
        if (end.isOpen) guard(() => witness.sending(Buffer.concat(parts), waitingBytes))
        if (losesMessages && random.below(10) === 0) time.soon(onSent)
        else end.send(parts, onSent)
        guard(() => witness.checkBuffered(end.bufferedBytes))
      },
      ping: () => end.ping(),
      pause: () => end.pause(),
      resume: () => end.resume(),
      close: (code, reason) => end.close(code, reason),
      terminate: () => end.terminate(),
    }
    const events = node.gateway.accept(socket, { dialect, target, origin: null })
    return {
      message: (bytes) => {
        guard(() => witness.received(bytes))
        events.message(bytes)
      },
      pong: () => events.pong(),
      closed: (code) => {
        witnesses.delete(end)
        events.closed(code === 0 ? LOST : code)
      },
    }
  }

  #count(node: ServerNode): void {
    for (const name of counterNames) this.totals.set(name, (this.totals.get(name) ?? 0) + node.counters.get(name))
  }
}
