// What kind of run a seed is: which faults there are, how large the bounds. Drawn first, so that single seeds concentrate on few things.
import { defaultLimits, type Limits } from '../../core/limits.js'
import type { Random } from '../../core/random.js'
import { type DocumentTuning, defaultTuning } from '../../server/document/tuning.js'
import type { StoreTrouble } from './store.js'

export interface Profile {
  readonly broadcast: 'after-commit' | 'before-commit'
  readonly limits: Limits
  readonly tuning: DocumentTuning
  readonly trouble: StoreTrouble
  readonly compactionMsMax: number
  readonly clientCount: number
  /** Clients that send what a decent one never would. */
  readonly adversaryCount: number
  readonly documentIds: readonly string[]
  readonly steps: number
  /** Relative weights of what may happen besides edits. */
  readonly weights: Readonly<Record<Action, number>>
}

export type Action =
  | 'edit'
  | 'burst'
  | 'move'
  | 'cut'
  | 'silence'
  | 'slow-reader'
  | 'offline'
  | 'join'
  | 'leave'
  | 'abandon'
  | 'crash'
  | 'drain'
  | 'misdeed'
  | 'pause'

export const calm: StoreTrouble = { failBefore: 0, failAfter: 0, stall: 0, odd: 0, latencyMsMax: 3, stallMsMax: 0 }

export function drawProfile(random: Random): Profile {
  const chance = (oneIn: number): boolean => random.below(oneIn) === 0
  const badStore = chance(2)
  const badNetwork = chance(2)
  const badServer = chance(2)
  const restless = chance(2)
  const narrow = chance(4)
  const adversaryCount = chance(2) ? 1 + random.below(2) : 0
  const outboxBytesHigh = chance(2) ? 512 : 4096
  return {
    broadcast: chance(5) ? 'before-commit' : 'after-commit',
    limits: {
      ...defaultLimits,
      pingPeriodMs: 5_000,
      pongMsMax: 2_000,
      outboxBytesHigh,
      outboxBytesLow: outboxBytesHigh / 8,
      laggingMsMax: chance(2) ? 1_500 : 6_000,
      messageBytesMax: narrow ? 400 : defaultLimits.messageBytesMax,
      pendingBytesPerDocumentMax: narrow ? 150 : 32 * 1024,
      attachingBytesMax: narrow ? 800 : 16 * 1024,
    },
    tuning: {
      ...defaultTuning,
      idleMs: restless ? 300 : 3_000,
      tailRowsMax: chance(2) ? 8 : 40,
      tailBytesMin: 600,
      idleTailRowsMin: 3,
      compactionRetryMs: 50,
      retention: { logWindowMs: chance(2) ? 1_000 : 3_600_000, hourlySnapshots: 1, dailySnapshots: 0 },
    },
    trouble: badStore
      ? {
          failBefore: random.below(80),
          failAfter: random.below(80),
          stall: random.below(40),
          odd: random.below(2) === 0 ? random.below(25) : 0,
          latencyMsMax: 1 + random.below(60),
          stallMsMax: 6_000,
        }
      : { ...calm, latencyMsMax: 1 + random.below(20) },
    compactionMsMax: random.below(300),
    clientCount: 3 + random.below(4),
    adversaryCount,
    documentIds: ['first', 'second/of two', 'third'].slice(0, 1 + random.below(3)),
    steps: 50 + random.below(40),
    weights: {
      edit: 40,
      burst: 6,
      move: 12,
      cut: badNetwork ? 6 : 1,
      silence: badNetwork ? 4 : 0,
      'slow-reader': badNetwork ? 5 : 1,
      offline: badNetwork ? 4 : 1,
      join: restless ? 6 : 2,
      leave: restless ? 4 : 1,
      abandon: restless ? 3 : 1,
      crash: badServer ? 5 : 0,
      drain: badServer ? 4 : 1,
      misdeed: adversaryCount > 0 ? 25 : 0,
      pause: 8,
    },
  }
}

export function drawWeighted<Name extends string>(random: Random, weights: Readonly<Record<Name, number>>): Name {
  const entries = Object.entries<number>(weights) as [Name, number][]
  let rest = random.below(entries.reduce((sum, [, weight]) => sum + weight, 0))
  for (const [name, weight] of entries) {
    if (rest < weight) return name
    rest -= weight
  }
  throw new Error('unreachable: the rest is below the sum')
}
