// Small records that a server keeps beside its documents, found by their kind and id, for good or for a time: API keys, tickets that were used, what
// was revoked, who is at what, what was answered. One insert of several at the same time succeeds, so they also decide who may do something.
// The contract suite (test/contract/keyed-records.ts) runs against every implementation.
//
// Rules that every implementation keeps:
//  X3  A record that was written is there for every process that uses the store, from the answer on.
//  X4  Of all that insert one record at the same time, on all nodes, one succeeds.
//  D1  Writing and removing resolve only when it would survive a power cut.

/**
 * `key`: an API key. `used`: a ticket that nobody may use again. `revocation`: who was let in before a moment is let in no more. `subscriber`: since when somebody wants
 * to be told of changes. `import-running`: somebody makes a document out of an archive; `imported-times`: when its edits were
 * made. `request`: what came of a request
 * that may be sent again; `request-running`: somebody is at it. `resumption-key`: what clients show that come back is signed with it. `webhook`: an address that was made over the API. `event`: something that it is to be told;
 * `event-claim`: somebody is at it. `usage`: how much was logged of a document today, for its quota.
 */
export type KeyedRecordKind =
  | 'key'
  | 'used'
  | 'revocation'
  | 'subscriber'
  | 'import-running'
  | 'imported-times'
  | 'request'
  | 'request-running'
  | 'usage'
  | 'resumption-key'
  | 'webhook'
  | 'event'
  | 'event-claim'

export interface KeyedRecord {
  readonly kind: KeyedRecordKind
  /** 1 to 512 bytes of UTF-8. */
  readonly id: string
  /** JSON, at most 64 KiB. */
  readonly value: string
  /** Milliseconds since the Unix epoch, by the store's clock. */
  readonly createdAt: number
  /** The same; null: it stays until it is removed. An expired record is as good as none. */
  readonly expiresAt: number | null
}

export interface KeyedRecordWrite {
  readonly kind: KeyedRecordKind
  readonly id: string
  readonly value: string
  /** How long it counts, from now on by the store's clock. Null: until it is removed. */
  readonly lifetimeMs: number | null
}

export interface KeyedRecords {
  /** Writes the record unless one of its kind and id is there. Whether it did. */
  insert(write: KeyedRecordWrite): Promise<boolean>
  /** Writes the record, in the place of one that is there. */
  put(write: KeyedRecordWrite): Promise<void>
  /** False when there was none. */
  remove(kind: KeyedRecordKind, id: string): Promise<boolean>
  /** Null when there is none. */
  find(kind: KeyedRecordKind, id: string): Promise<KeyedRecord | null>
  /** All of a kind, in byte order of their ids. */
  list(kind: KeyedRecordKind): Promise<readonly KeyedRecord[]>
}

/** Expired records that one write clears away, so that no write takes long. */
export const EXPIRED_CLEARED_PER_WRITE = 100

/** When a record that is written at `now` expires. */
export function expiryOf(lifetimeMs: number | null, now: number): number | null {
  return lifetimeMs === null ? null : now + lifetimeMs
}

export function hasExpired(record: Pick<KeyedRecord, 'expiresAt'>, now: number): boolean {
  return record.expiresAt !== null && record.expiresAt <= now
}
