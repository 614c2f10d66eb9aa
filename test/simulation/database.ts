// The database that the nodes of a simulated cluster share: documents, ownership and heartbeats under one clock, and the ways to it, which fail.
import type { Clock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import type { Random } from '../../core/random.js'
import type { MembershipStore } from '../../persistence/membership.js'
import { MemoryMembership, MemoryMembershipTable } from '../../persistence/memory/memory-membership.js'
import { MemoryDisk } from '../../persistence/memory/memory-store.js'
import type { DocumentStore } from '../../persistence/store.js'
import type { Ledger } from './ledger.js'
import { machineOf } from './network.js'
import { type Caller, oddly, type SimulatedStoreOptions, type StoreTrouble, simulatedStore } from './store.js'
import { HostClock, type SimulatedTime } from './time.js'

/**
 * A call to a database that refuses fails at once; one on which it hangs, in its own time, and may have taken effect. One that is held up fails as well, but
 * is delivered once the way is open, when whoever asked has long given up and may have lost what it owned.
 */
export type Reach = 'open' | 'refuses' | 'hangs' | 'holds'

export interface DatabaseOptions {
  readonly time: SimulatedTime
  readonly ledger: Ledger
  /** Read at each call. */
  readonly trouble: () => StoreTrouble
  readonly lie: SimulatedStoreOptions['lie']
}

/** As the PostgreSQL store does it: questions about the cluster are given up soon, everything else a little later; a read is tried twice, unless all was given up. */
const CONTROL_MS_MAX = 3_000
const OTHER_MS_MAX = 5_000
const control: ReadonlySet<string> = new Set(['heartbeat', 'leave', 'readOwnership', 'claimShards', 'releaseShards'])
/** How soon what was held up is delivered when the way is open again. */
const HELD_MS = 20
/** How long a call may take during which something is to happen; half of those things come too late. */
const MEANWHILE_MS_MAX = 1_500
const reads: ReadonlySet<string> = new Set(['openDocument', 'readLog', 'readAt', 'listDocuments', 'listVersions'])

export class SimulatedDatabase {
  readonly disk = new MemoryDisk()
  readonly #clock: HostClock
  readonly #table = new MemoryMembershipTable()
  readonly #options: DatabaseOptions
  readonly #cuts = new Map<string, Reach>()
  #itself: Reach = 'open'
  /** What happens while the next call of this kind by a machine is under way. */
  readonly #meanwhile = new Map<string, () => void>()

  constructor(options: DatabaseOptions) {
    this.#options = options
    this.#clock = new HostClock(options.time, 'database')
  }

  /** What a process connects to. */
  connect(host: HostClock, random: Random): { readonly store: DocumentStore; readonly membership: MembershipStore } {
    const { ledger, lie, time } = this.#options
    /** How each call that is under way is given up. */
    const underWay = new Set<(error: WeftError) => void>()
    const once = this.#caller(host, random, underWay)
    let reconnected = 0
    const call: Caller = (method, run) => {
      const before = reconnected
      const first = once(method, run)
      return reads.has(method)
        ? first.catch((error: unknown) => (before === reconnected ? once(method, run) : Promise.reject(error)))
        : first
    }
    const store = simulatedStore({ clock: this.#clock, asker: host, disk: this.disk, ledger, lie, call, fail: (error) => time.fail(error) })
    const membership = new MemoryMembership({ clock: this.#clock, table: this.#table })
    return {
      store,
      membership: {
        heartbeat: (self) => call('heartbeat', () => membership.heartbeat(self)),
        leave: (self) => call('leave', () => membership.leave(self)),
        reconnect: () => {
          reconnected += 1
          for (const giveUp of underWay) giveUp(failed('the connections were given up'))
        },
      },
    }
  }

  /** For everybody. */
  setReach(reach: Reach): void {
    this.#itself = reach
  }

  /** For one machine. */
  cut(machine: string, reach: Reach): void {
    this.#cuts.set(machine, reach)
  }

  /** The next call of this kind by this machine takes its time, and something happens meanwhile. */
  during(machine: string, method: string, happening: () => void): void {
    this.#meanwhile.set(`${machine} ${method}`, happening)
  }

  /** Everybody reaches it from now on. */
  mend(): void {
    this.#itself = 'open'
    this.#cuts.clear()
    this.#meanwhile.clear()
  }

  get isTroubled(): boolean {
    return this.#itself !== 'open' || [...this.#cuts.values()].some((reach) => reach !== 'open')
  }

  #reachOf(host: HostClock): Reach {
    return this.#itself === 'open' ? (this.#cuts.get(machineOf(host)) ?? 'open') : this.#itself
  }

  #caller(host: HostClock, random: Random, underWay: Set<(error: WeftError) => void>): Caller {
    return <Result>(method: string, run: () => Promise<Result>): Promise<Result> =>
      new Promise<Result>((resolve, reject) => {
        const giveUp = (error: WeftError): void => {
          timer.cancel()
          underWay.delete(giveUp)
          reject(error)
        }
        // What it hears, it hears in its own time.
        const timer = this.#clock.after(control.has(method) ? CONTROL_MS_MAX : OTHER_MS_MAX, () =>
          host.run(() => giveUp(failed(`${method} took too long`))),
        )
        underWay.add(giveUp)
        const answer = (settle: () => void): void =>
          host.run(() => {
            timer.cancel()
            underWay.delete(giveUp)
            settle()
          })
        this.#begins(host, method, random)
          .then(() => this.#carry(host, random, this.#oddly(method, random, run)))
          .then(
            (outcome) => outcome !== 'lost' && answer(() => resolve(outcome.result)),
            (error: unknown) => answer(() => reject(error)),
          )
      })
  }

  #oddly<Result>(method: string, random: Random, run: () => Promise<Result>): () => Promise<Result> {
    const { odd } = this.#options.trouble()
    return method === 'append' && random.below(1_000) < odd ? () => oddly(random, run) : run
  }

  async #begins(host: HostClock, method: string, random: Random): Promise<void> {
    const key = `${machineOf(host)} ${method}`
    const happening = this.#meanwhile.get(key)
    if (happening === undefined) return
    this.#meanwhile.delete(key)
    this.#clock.after(random.fraction() * MEANWHILE_MS_MAX, happening)
    await pass(this.#clock, random.fraction() * MEANWHILE_MS_MAX)
  }

  /** Whatever became of the process that asked, what has left it may take effect. */
  async #carry<Result>(host: HostClock, random: Random, run: () => Promise<Result>): Promise<'lost' | { readonly result: Result }> {
    const { failBefore, failAfter, stall, latencyMsMax, stallMsMax } = this.#options.trouble()
    const dice = random.below(1_000)
    await pass(this.#clock, random.fraction() * latencyMsMax)
    if (this.#reachOf(host) === 'refuses' || dice < failBefore) throw failed('the database refuses connections')
    while (this.#reachOf(host) === 'holds') await pass(this.#clock, HELD_MS)
    if (this.#reachOf(host) === 'hangs') return 'lost'
    if (dice >= failBefore + failAfter && dice < failBefore + failAfter + stall) await pass(this.#clock, random.fraction() * stallMsMax)
    if (this.#itself !== 'open') throw failed('the database has stopped')
    const result = await run()
    await pass(this.#clock, random.fraction() * latencyMsMax)
    if (this.#reachOf(host) === 'hangs' || this.#reachOf(host) === 'holds') return 'lost'
    if (this.#reachOf(host) === 'refuses' || (dice >= failBefore && dice < failBefore + failAfter))
      throw failed('the connection was lost before the answer came')
    return { result }
  }
}

function pass(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve))
}

function failed(reason: string): WeftError {
  return new WeftError('store-unavailable', `Failed on demand: ${reason}.`)
}
