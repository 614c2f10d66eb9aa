// Named counters and distributions of what happened: one object per server, read by metrics and by tests.
import type { WeftErrorCode } from './errors.js'

export const counterNames = [
  'connections_accepted',
  'connections_refused',
  'connections_timed_out',
  'connections_over_http',
  'http_requests_relayed',
  'messages_received',
  'bytes_received',
  'bytes_sent',
  'messages_malformed',
  'messages_ignored',
  'app_messages_received',
  'app_messages_delivered',
  'app_messages_dropped',
  'messages_too_large',
  'reads_held',
  'rates_exceeded_messages',
  'rates_exceeded_bytes',
  'rates_exceeded_syncs',
  'rates_exceeded_awareness',
  'rates_exceeded_opens',
  'rates_exceeded_requests',
  'connections_too_fast',
  'updates_received',
  'updates_already_known',
  'updates_refused',
  'updates_over_quota',
  'updates_of_others_ids',
  'commits',
  'commit_failures',
  'log_rows_committed',
  'log_bytes_committed',
  'documents_opened',
  'documents_deleted',
  'documents_evicted',
  'documents_refused',
  'documents_quarantined',
  'compactions',
  'compactions_failed',
  'compactions_refused',
  'restores',
  'sessions_lagging',
  'sessions_too_slow',
  'transfers_begun',
  'transfer_bytes_sent',
  'awareness_entries_received',
  'awareness_entries_known',
  'awareness_entries_foreign',
  'awareness_entries_oversized',
  'awareness_entries_refused',
  'awareness_messages_oversized',
  'awareness_frames_dropped',
  'awareness_bus_frames_published',
  'awareness_bus_frames_received',
  'awareness_bus_frames_dropped',
  'awareness_bus_frames_malformed',
  'awareness_bus_frames_forged',
  'awareness_bus_interruptions',
  'presence_writes',
  'presence_writes_failed',
  'presence_fields_forged',
  'heartbeats_failed',
  'membership_transitions',
  'sessions_moved',
  'shards_claimed',
  'shards_released',
  'shards_lost',
  'authorizations_granted',
  'authorizations_refused',
  'origins_refused',
  'strangers_refused',
  'sessions_revoked',
  'sessions_expired',
  'webhooks_delivered',
  'webhooks_failed',
  'webhook_events_dead',
  'webhook_events_lost',
] as const

export type CounterName = (typeof counterNames)[number]

/** Upper bounds of the buckets, each in the unit of the name. */
const seconds = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const

export const histogramTable = {
  commit_seconds: { buckets: seconds, help: 'How long a commit took, its sync included.' },
  commit_bytes: { buckets: [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000], help: 'Bytes of updates in a commit.' },
  commit_documents: { buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000], help: 'Documents in a commit.' },
  acknowledgement_seconds: {
    buckets: seconds,
    help: 'From the first edit of a commit, as its document received it, to its acknowledgement.',
  },
  delivery_seconds: {
    buckets: seconds,
    help: "From the first edit of a beat, as its document received it, to handing the beat to the last session of the owner's node.",
  },
  compaction_seconds: {
    buckets: [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60],
    help: 'How long a compaction took, waiting for its turn included.',
  },
} as const satisfies Record<string, { readonly buckets: readonly number[]; readonly help: string }>

export type HistogramName = keyof typeof histogramTable

export interface Distribution {
  readonly buckets: readonly number[]
  /** How many values lie in each bucket, and above the last one. */
  readonly counts: readonly number[]
  readonly sum: number
}

interface GrowingDistribution {
  readonly buckets: readonly number[]
  readonly counts: number[]
  sum: number
}

export const histogramNames = Object.keys(histogramTable) as HistogramName[]

export function emptyDistribution(name: HistogramName): GrowingDistribution {
  const { buckets } = histogramTable[name]
  return { buckets, counts: Array<number>(buckets.length + 1).fill(0), sum: 0 }
}

export class Counters {
  readonly #distributions = new Map<HistogramName, GrowingDistribution>(histogramNames.map((name) => [name, emptyDistribution(name)]))
  readonly #refusals = new Map<WeftErrorCode, number>()
  readonly #values = new Map<CounterName, number>(counterNames.map((name) => [name, 0]))

  add(name: CounterName, amount = 1): void {
    this.#values.set(name, this.get(name) + amount)
  }

  get(name: CounterName): number {
    return this.#values.get(name) ?? 0
  }

  /** Adds a value to a distribution. */
  observe(name: HistogramName, value: number): void {
    const distribution = this.#distributions.get(name)
    if (distribution === undefined) return
    const { buckets, counts } = distribution
    let bucket = 0
    while (bucket < buckets.length && value > (buckets[bucket] ?? 0)) bucket += 1
    counts[bucket] = (counts[bucket] ?? 0) + 1
    distribution.sum += value
  }

  distribution(name: HistogramName): Distribution {
    return this.#distributions.get(name) ?? emptyDistribution(name)
  }

  /** A session was refused, or ended against its client's wish, with this code. */
  refused(code: WeftErrorCode): void {
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1)
  }

  /** By code. */
  refusals(): IterableIterator<[WeftErrorCode, number]> {
    return this.#refusals.entries()
  }

  entries(): IterableIterator<[CounterName, number]> {
    return this.#values.entries()
  }
}
