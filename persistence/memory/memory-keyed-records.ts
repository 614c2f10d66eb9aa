// Access records in memory: what a store in memory keeps them in, and what a server uses whose store keeps none.
import type { Clock } from '../../core/clock.js'
import { expiryOf, hasExpired, type KeyedRecord, type KeyedRecordKind, type KeyedRecords, type KeyedRecordWrite } from '../keyed-records.js'

export class MemoryKeyedRecords implements KeyedRecords {
  readonly #clock: Clock
  readonly #records: Map<string, KeyedRecord>

  /** `records` is what several of them share, as processes share a database. */
  constructor(clock: Clock, records: Map<string, KeyedRecord> = new Map()) {
    this.#clock = clock
    this.#records = records
  }

  async insert(write: KeyedRecordWrite): Promise<boolean> {
    this.#clearExpired()
    if (this.#records.has(nameOf(write.kind, write.id))) return false
    await this.put(write)
    return true
  }

  async put({ kind, id, value, lifetimeMs }: KeyedRecordWrite): Promise<void> {
    const now = this.#clock.now()
    this.#records.set(nameOf(kind, id), { kind, id, value, createdAt: now, expiresAt: expiryOf(lifetimeMs, now) })
  }

  async remove(kind: KeyedRecordKind, id: string): Promise<boolean> {
    this.#clearExpired()
    return this.#records.delete(nameOf(kind, id))
  }

  async find(kind: KeyedRecordKind, id: string): Promise<KeyedRecord | null> {
    this.#clearExpired()
    return this.#records.get(nameOf(kind, id)) ?? null
  }

  async list(kind: KeyedRecordKind): Promise<readonly KeyedRecord[]> {
    this.#clearExpired()
    return [...this.#records.values()]
      .filter((record) => record.kind === kind)
      .sort((one, other) => Buffer.compare(Buffer.from(one.id), Buffer.from(other.id)))
  }

  #clearExpired(): void {
    const now = this.#clock.now()
    for (const [name, record] of this.#records) if (hasExpired(record, now)) this.#records.delete(name)
  }
}

function nameOf(kind: KeyedRecordKind, id: string): string {
  return `${kind} ${id}`
}
