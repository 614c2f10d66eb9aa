// What kind of run of a cluster a seed is: which faults there are, how large the bounds. Drawn first, so that single seeds concentrate on few things.
import { defaultLimits, type Limits } from '../../core/limits.js'
import type { Random } from '../../core/random.js'
import { type DocumentTuning, defaultTuning } from '../../server/document/tuning.js'
import type { ClientAction } from './population.js'
import { calm } from './profile.js'
import type { RedisTrouble } from './redis.js'
import type { StoreTrouble } from './store.js'

export type NodeAction =
  | 'kill'
  | 'stop-node'
  | 'drain-node'
  | 'add-node'
  | 'remove-node'
  | 'part-nodes'
  | 'cut-database'
  | 'database-away'
  | 'redis-away'
  | 'redis-wiped'
  | 'cut-redis'
  | 'set-clock'
  | 'drain-in-claim'
  | 'cut-in-release'
  | 'cancel-start'

export type ClusterAction = ClientAction | NodeAction | 'join' | 'misdeed' | 'lose-author' | 'wait'

export interface ClusterProfile {
  /** Some kinds of faults leave no trace at all: a Redis that fails moves nothing (O4), planned moves close nothing (O5). */
  readonly kind: 'any' | 'only-redis' | 'only-planned'
  readonly heartbeatPeriodMs: number
  readonly nodeCount: number
  readonly clientCount: number
  /** Clients that send what a decent one never would. */
  readonly adversaryCount: number
  readonly documentIds: readonly string[]
  readonly steps: number
  readonly broadcast: 'after-commit' | 'before-commit'
  readonly limits: Limits
  readonly tuning: DocumentTuning
  readonly trouble: StoreTrouble
  readonly redisTrouble: RedisTrouble
  readonly compactionMsMax: number
  /** Whether something may get lost without anybody being told, so that only timeouts find it. */
  readonly silent: boolean
  readonly weights: Readonly<Record<ClusterAction, number>>
}

/** A profile in which anything may happen, and one action happens often. */
export function withFavoured(profile: ClusterProfile, action: ClusterAction): ClusterProfile {
  return { ...profile, kind: 'any', silent: true, weights: { ...profile.weights, [action]: 40 } }
}

export const calmRedis: RedisTrouble = { lost: 0, repeated: 0, delayMsMax: 3, reorders: false }

export function drawClusterProfile(random: Random): ClusterProfile {
  const chance = (oneIn: number): boolean => random.below(oneIn) === 0
  const dice = random.below(8)
  const kind = dice === 0 ? 'only-redis' : dice === 1 ? 'only-planned' : 'any'
  const any = kind === 'any'
  const badNodes = any && chance(2)
  const pauses = any && chance(2)
  const badLinks = any && chance(2)
  const badDatabase = any && chance(2)
  const badStore = any && chance(4)
  const badClients = any && chance(3)
  const badRedis = kind === 'only-redis' || (any && chance(3))
  const moves = kind === 'only-planned' || (any && chance(2))
  const narrow = any && chance(3)
  const adversaryCount = any && chance(3) ? 1 + random.below(2) : 0
  const redisTrouble: RedisTrouble =
    badRedis && chance(2)
      ? { lost: random.below(100), repeated: random.below(100), delayMsMax: 1 + random.below(500), reorders: chance(2) }
      : calmRedis
  const outboxBytesHigh = narrow ? 1024 : 64 * 1024
  return {
    kind,
    heartbeatPeriodMs: chance(6) ? 500 : 1_000,
    nodeCount: 2 + random.below(2),
    clientCount: 3 + random.below(3),
    adversaryCount,
    documentIds: ['first', 'second/of two', 'third'].slice(0, 1 + random.below(3)),
    steps: 25 + random.below(20),
    // A cluster that shows edits before they are committed may forget them with their owner; a stock client on another node is not asked for them again.
    broadcast: 'after-commit',
    limits: {
      ...defaultLimits,
      pingPeriodMs: 5_000,
      pongMsMax: 2_000,
      outboxBytesHigh,
      outboxBytesLow: outboxBytesHigh / 8,
      laggingMsMax: narrow ? 3_000 : 30_000,
      pendingBytesPerDocumentMax: any && chance(3) ? 4 * 1024 : 32 * 1024,
      attachingBytesMax: 16 * 1024,
    },
    tuning: {
      ...defaultTuning,
      idleMs: chance(2) ? 300 : 3_000,
      tailRowsMax: chance(2) ? 8 : 40,
      tailBytesMin: 600,
      idleTailRowsMin: 3,
      compactionRetryMs: 50,
      retention: { logWindowMs: chance(2) ? 1_000 : 3_600_000, hourlySnapshots: 1, dailySnapshots: 0 },
    },
    trouble: badStore
      ? {
          failBefore: random.below(60),
          failAfter: random.below(60),
          stall: random.below(30),
          odd: random.below(25),
          latencyMsMax: 20,
          stallMsMax: 6_000,
        }
      : { ...calm, latencyMsMax: 1 + random.below(20) },
    redisTrouble,
    compactionMsMax: random.below(300),
    silent: badNodes || badClients || redisTrouble.lost > 0,
    weights: {
      edit: 40,
      burst: 5,
      move: 10,
      cut: badClients ? 6 : 1,
      silence: badClients ? 3 : 0,
      'slow-reader': badClients ? 4 : 0,
      offline: badClients ? 4 : 0,
      join: 2,
      leave: 1,
      abandon: badClients ? 2 : 0,
      wait: 8,
      kill: badNodes ? 5 : 0,
      'stop-node': pauses ? 5 : 0,
      'drain-node': moves ? 4 : 0,
      'add-node': moves ? 3 : 0,
      'remove-node': moves ? 3 : 0,
      'part-nodes': badLinks ? 5 : 0,
      'cut-database': badDatabase ? 5 : 0,
      'lose-author': badNodes ? 6 : 0,
      'database-away': badDatabase ? 3 : 0,
      'redis-away': badRedis ? 4 : 0,
      'redis-wiped': badRedis ? 2 : 0,
      'cut-redis': badRedis ? 3 : 0,
      'set-clock': 1,
      'drain-in-claim': badNodes && moves ? 4 : 0,
      'cut-in-release': badDatabase && moves ? 4 : 0,
      'cancel-start': badNodes ? 4 : 0,
      misdeed: adversaryCount > 0 ? 25 : 0,
    },
  }
}
