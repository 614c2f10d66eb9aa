// Access records in the embedded store: one table, written in the same commits as everything else.
import type { Clock } from '../../core/clock.js'
import {
  EXPIRED_CLEARED_PER_WRITE,
  expiryOf,
  hasExpired,
  type KeyedRecord,
  type KeyedRecordKind,
  type KeyedRecords,
  type KeyedRecordWrite,
} from '../keyed-records.js'
import type { CommitQueue } from './commit-queue.js'
import type { Table } from './environment.js'
import { recordKey, recordKindKey } from './keys.js'
import { DamagedValue, sealKeyedRecord, unsealKeyedRecord } from './layout.js'

/** What a record costs beside its value. */
const RECORD_OVERHEAD_BYTES = 1024

interface LmdbKeyedRecordsOptions {
  readonly table: Table
  readonly queue: CommitQueue
  readonly clock: Clock
  /** What is cleared away does not come back when a wrong clock is set right: a revocation would end with it. */
  readonly time: { credible(): number }
}

export class LmdbKeyedRecords implements KeyedRecords {
  readonly #table: Table
  readonly #queue: CommitQueue
  readonly #clock: Clock
  readonly #time: LmdbKeyedRecordsOptions['time']

  constructor({ table, queue, clock, time }: LmdbKeyedRecordsOptions) {
    this.#table = table
    this.#queue = queue
    this.#clock = clock
    this.#time = time
  }

  insert(write: KeyedRecordWrite): Promise<boolean> {
    return this.#queue.run(write.value.length + RECORD_OVERHEAD_BYTES, () => {
      const now = this.#clock.now()
      const there = this.#read(recordKey(write.kind, write.id))
      if (there !== null && !hasExpired(there, now)) return () => false
      const expired = this.#expired(write.kind, this.#time.credible())
      return () => {
        for (const key of expired) void this.#table.remove(key)
        this.#write(write, now)
        return true
      }
    })
  }

  put(write: KeyedRecordWrite): Promise<void> {
    return this.#queue.run(write.value.length + RECORD_OVERHEAD_BYTES, () => () => this.#write(write, this.#clock.now()))
  }

  remove(kind: KeyedRecordKind, id: string): Promise<boolean> {
    return this.#queue.run(0, () => {
      const key = recordKey(kind, id)
      const there = this.#read(key)
      return () => {
        if (there !== null) void this.#table.remove(key)
        return there !== null && !hasExpired(there, this.#clock.now())
      }
    })
  }

  async find(kind: KeyedRecordKind, id: string): Promise<KeyedRecord | null> {
    this.#queue.check()
    const record = this.#read(recordKey(kind, id))
    return record === null || hasExpired(record, this.#clock.now()) ? null : record
  }

  async list(kind: KeyedRecordKind): Promise<readonly KeyedRecord[]> {
    this.#queue.check()
    const now = this.#clock.now()
    return this.#keys(kind).flatMap((key): KeyedRecord[] => {
      const record = this.#read(key)
      return record === null || hasExpired(record, now) ? [] : [record]
    })
  }

  #write({ kind, id, value, lifetimeMs }: KeyedRecordWrite, now: number): void {
    const key = recordKey(kind, id)
    void this.#table.put(key, sealKeyedRecord(key, { kind, id, value, createdAt: now, expiresAt: expiryOf(lifetimeMs, now) }))
  }

  /** Some keys of expired records. */
  #expired(kind: KeyedRecordKind, now: number): readonly Buffer[] {
    const expired: Buffer[] = []
    for (const key of this.#keys(kind, EXPIRED_CLEARED_PER_WRITE)) {
      const record = this.#read(key)
      if (record !== null && hasExpired(record, now)) expired.push(key)
    }
    return expired
  }

  #keys(kind: KeyedRecordKind, limit?: number): readonly Buffer[] {
    const start = recordKindKey(kind)
    const end = Buffer.concat([start, Buffer.of(0xff)])
    return Array.from(this.#table.getKeys({ start, end, ...(limit === undefined ? {} : { limit }) }), (key) => Buffer.from(key))
  }

  /** Throws for a record that is not what was written: nobody is let in, or kept out, by what cannot be read. */
  #read(key: Buffer): KeyedRecord | null {
    const value = this.#table.get(key)
    if (value === undefined) return null
    try {
      return unsealKeyedRecord(key, value)
    } catch (thrown) {
      if (!(thrown instanceof DamagedValue)) throw thrown
      throw new Error(`a keyed record is damaged: ${thrown.message}`, { cause: thrown })
    }
  }
}
