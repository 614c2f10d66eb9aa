// Named counters of what happened: one object per server, read by metrics and by tests.

export const counterNames = [
  'connections_accepted',
  'connections_refused',
  'connections_timed_out',
  'messages_received',
  'messages_malformed',
  'messages_ignored',
  'messages_too_large',
  'reads_held',
  'updates_received',
  'updates_already_known',
  'updates_refused',
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
] as const

export type CounterName = (typeof counterNames)[number]

export class Counters {
  readonly #values = new Map<CounterName, number>(counterNames.map((name) => [name, 0]))

  add(name: CounterName, amount = 1): void {
    this.#values.set(name, this.get(name) + amount)
  }

  get(name: CounterName): number {
    return this.#values.get(name) ?? 0
  }

  entries(): IterableIterator<[CounterName, number]> {
    return this.#values.entries()
  }
}
