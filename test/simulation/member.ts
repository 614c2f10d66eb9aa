// What makes a simulated node a member of a cluster: the database, Redis, and the way to the other nodes.
import { Counters } from '../../core/counters.js'
import { silentLogger } from '../../core/log.js'
import { type Random, randomId } from '../../core/random.js'
import type { MembershipStore } from '../../persistence/membership.js'
import { weftNodeSubprotocol } from '../../protocol/dialects/weft.js'
import type { AwarenessBus } from '../../server/awareness/bus.js'
import { ExchangeBus } from '../../server/awareness/exchange/exchange.js'
import type { ClusterMemberOptions } from '../../server/cluster/cluster-member.js'
import type { DialedNode, NodeAddress, NodeDialer } from '../../server/cluster/links/node-dialer.js'
import type { ClusterSettings } from '../../server/cluster/settings.js'
import type { SocketEvents } from '../../server/transport/socket.js'
import type { SimulatedDatabase } from './database.js'
import type { SimulatedNetwork } from './network.js'
import type { SimulatedRedis } from './redis.js'
import type { HostClock, SimulatedTime } from './time.js'

export interface SimulatedCluster {
  readonly database: SimulatedDatabase
  readonly redis: SimulatedRedis
  readonly settings: ClusterSettings
}

export interface MemberOptions {
  readonly cluster: SimulatedCluster
  readonly time: SimulatedTime
  readonly clock: HostClock
  readonly random: Random
  readonly network: SimulatedNetwork
  readonly nodeId: string
  readonly address: string
  readonly membership: MembershipStore
  /** Another process has taken this one's place. */
  readonly onReplaced: () => void
}

export interface Member {
  readonly boot: string
  readonly counters: Counters
  readonly cluster: ClusterMemberOptions
  readonly bus: AwarenessBus & { close(): Promise<void> }
}

export function createMember(options: MemberOptions): Member {
  const { cluster, time, clock, random, network, nodeId, address, membership, onReplaced } = options
  const boot = randomId(random, 16)
  const counters = new Counters()
  const transport = cluster.redis.connect(clock)
  return {
    boot,
    counters,
    bus: new ExchangeBus({ transport, self: { nodeId, boot }, clock, counters, logger: silentLogger }),
    cluster: {
      self: { nodeId, boot, advertise: address, version: 'simulated' },
      membership,
      dialer: new SimulatedDialer(network, clock, time),
      settings: cluster.settings,
      onReplaced,
    },
  }
}

const DIAL_MS_MAX = 3_000

class SimulatedDialer implements NodeDialer {
  readonly #network: SimulatedNetwork
  readonly #host: HostClock
  readonly #time: SimulatedTime

  constructor(network: SimulatedNetwork, host: HostClock, time: SimulatedTime) {
    this.#time = time
    this.#network = network
    this.#host = host
  }

  dial({ advertise }: NodeAddress, events: SocketEvents, subprotocols: readonly string[] = [weftNodeSubprotocol]): Promise<DialedNode> {
    return new Promise((resolve, reject) => {
      let over = false
      // Of the system, not of the process: a dial that nobody needs any more keeps nothing alive.
      const timer = this.#time.after(DIAL_MS_MAX, () => {
        over = true
        this.#host.run(() => reject(new Error(`no answer within ${DIAL_MS_MAX} ms`)))
      })
      this.#network.dial(
        this.#host,
        `ws://${advertise}/`,
        subprotocols,
        (end) => {
          timer.cancel()
          if (over) this.#host.soon(() => end.terminate())
          else this.#host.soon(() => resolve({ socket: end, subprotocol: subprotocols[0] ?? '' }))
          return over ? { received: () => {}, message: () => {}, pong: () => {}, closed: () => {} } : events
        },
        () => {
          timer.cancel()
          reject(new Error('the connection was refused'))
        },
      )
    })
  }
}
