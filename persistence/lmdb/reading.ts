// Reads of the LMDB file. Each function runs in one turn of the event loop, and so in one read transaction (lmdb-js renews it between turns only),
// or inside the write transaction that calls it.
import { crc32 } from 'node:zlib'
import { WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import { documentCorrupt, noSuchDocument, prunedAway } from '../failures.js'
import { quarantineOfRead } from '../quarantine.js'
import type {
  DocumentInfo,
  DocumentQuery,
  HistoryPoint,
  LogRow,
  Page,
  Quarantine,
  StoredDocument,
  StoredSnapshot,
  Version,
  VersionQuery,
} from '../store.js'
import { isOfLife, isUnfinished, markUnfinished } from '../unfinished.js'
import type { Environment, Table } from './environment.js'
import { documentKey, ownerKey, rowKey, rowPrefix, seqOfKey, stateKey } from './keys.js'
import {
  DamagedValue,
  type DocumentRecord,
  type OwnerRecord,
  type SnapshotRecord,
  STATE_PIECE_BYTES,
  unsealDocument,
  unsealOwner,
  unsealQuarantine,
  unsealRow,
  unsealRowUsers,
  unsealSnapshot,
} from './layout.js'

const nobody: OwnerRecord = { epoch: 0, owner: null }
const SEQ_MAX = 2 ** 48 - 1

export interface StoredSnapshotRecord {
  readonly seq: number
  /** Null when it is damaged. */
  readonly record: SnapshotRecord | null
}

/** The document's record, or null if it was never written (or was deleted). A missing record beside rows is damage, not absence (D4). */
export function readDocument(environment: Environment, documentId: string): DocumentRecord | null {
  const newest = environment.pending.newest(documentId)
  const stored = readStoredDocument(environment, documentId)
  if (newest === null) return stored
  const { incarnation, seq } = newest.entry
  return { incarnation, head: seq, logStart: stored?.logStart ?? 1, updatedAt: newest.committedAt }
}

/** The end of a document's log, or null if it was never written: as `readDocument`, and from memory where rows were appended a moment ago. */
export function readHead(
  environment: Environment,
  documentId: string,
): { readonly incarnation: string; readonly head: number; readonly updatedAt: number } | null {
  const newest = environment.pending.newest(documentId)
  if (newest === null) return readStoredDocument(environment, documentId)
  return { incarnation: newest.entry.incarnation, head: newest.entry.seq, updatedAt: newest.committedAt }
}

/** As `readDocument`, without the rows that only the journal has. */
export function readStoredDocument(environment: Environment, documentId: string): DocumentRecord | null {
  const key = documentKey(documentId)
  const value = environment.documents.get(key)
  if (value !== undefined) return checked(documentId, 'its record', () => unsealDocument(key, value))
  for (const table of [environment.log, environment.snapshots])
    if (rowKeys(table, rowPrefix(documentId), 0, SEQ_MAX, 1).length > 0) throw documentCorrupt(documentId, 'its record is missing')
  return null
}

/** See `DocumentStore.listDocuments`. */
export function readDocuments(
  environment: Environment,
  { prefix = '', after, limit, which = 'finished' }: DocumentQuery,
): Page<DocumentInfo, string> {
  const items: DocumentInfo[] = []
  for (let last = after ?? null; ; ) {
    const keys = listedKeys(environment, prefix, last, limit + 1)
    for (const key of keys) {
      if (items.length === limit) return { items, next: items.at(-1)?.documentId ?? null }
      const documentId = key.toString('utf8')
      const document = readDocument(environment, documentId)
      if (document === null) throw noSuchDocument(documentId)
      last = documentId
      if (which === 'all' || !isUnfinished(document.incarnation))
        items.push({ documentId, head: document.head, updatedAt: document.updatedAt, ...markUnfinished(document.incarnation) })
    }
    if (keys.length <= limit) return { items, next: null }
  }
}

/** The keys of documents whose ids start with `prefix` and come after `after`, in their order, those among them of which only the journal knows. */
function listedKeys(environment: Environment, prefix: string, after: string | null, limit: number): readonly Buffer[] {
  const start = Buffer.from(prefix, 'utf8')
  // No UTF-8 text has a byte 0xff.
  const end = Buffer.concat([start, Buffer.of(0xff)])
  const afterKey = after === null ? null : documentKey(after)
  const startsAfter = afterKey !== null && Buffer.compare(afterKey, start) >= 0
  const range = { ...(startsAfter ? { start: afterKey, exclusiveStart: true } : start.length > 0 ? { start } : {}), end, limit }
  const stored = Array.from(environment.documents.getKeys(range), (key) => Buffer.from(key))
  const fresh = environment.pending
    .documentIds()
    .filter((documentId) => documentId.startsWith(prefix) && !environment.documents.doesExist(documentKey(documentId)))
    .map(documentKey)
    .filter((key) => !startsAfter || Buffer.compare(key, afterKey) > 0)
  if (fresh.length === 0) return stored
  return [...stored, ...fresh].sort(Buffer.compare).slice(0, limit)
}

/** What was found to be unusable in the document, or null. */
export function readQuarantine(environment: Environment, documentId: string, document: DocumentRecord): Quarantine | null {
  const key = documentKey(documentId)
  const value = environment.quarantines.get(key)
  if (value === undefined) return null
  const record = checked(documentId, 'the record of its quarantine', () => unsealQuarantine(key, value))
  return isOfLife(document, record.incarnation) ? record : null
}

export function readOwner(environment: Environment, shard: number): OwnerRecord {
  const { knownOwners } = environment
  const known = knownOwners.get(shard)
  if (known !== undefined) return known
  const key = ownerKey(shard)
  const value = environment.owners.get(key)
  try {
    const owner = value === undefined ? nobody : unsealOwner(key, value)
    knownOwners.set(shard, owner)
    return owner
  } catch (cause) {
    throw new WeftError('store-refused', `The record of who owns shard ${shard} is damaged; nothing can be written there.`, { cause })
  }
}

/** One row of the log. Throws `document-corrupt` when it is missing or damaged (D5). */
export function readRow(environment: Environment, documentId: string, prefix: Buffer, seq: number): LogRow {
  const pending = environment.pending.row(documentId, seq)
  if (pending !== null) return { seq, epoch: pending.entry.fence.epoch, update: pending.entry.update, committedAt: pending.committedAt }
  const key = rowKey(prefix, seq)
  return rowValue(environment, documentId, key, seq, (value) => unsealRow(key, value))
}

/** When a row was committed, and the numbers of the users who wrote it. Throws `document-corrupt`. */
export function readRowUsers(
  environment: Environment,
  documentId: string,
  prefix: Buffer,
  seq: number,
): { readonly committedAt: number; readonly users: readonly number[] } {
  const key = rowKey(prefix, seq)
  return rowValue(environment, documentId, key, seq, (value) => unsealRowUsers(key, value))
}

function rowValue<Value>(environment: Environment, documentId: string, key: Buffer, seq: number, read: (value: Buffer) => Value): Value {
  const value = environment.log.get(key)
  if (value === undefined) throw documentCorrupt(documentId, `row ${seq} of its log is missing`)
  return checked(documentId, `row ${seq} of its log`, () => read(value))
}

/** The keys of a document's rows with `fromSeq ≤ seq ≤ throughSeq`, oldest first. */
export function rowKeys(table: Table, prefix: Buffer, fromSeq: number, throughSeq: number, limit?: number): Buffer[] {
  const range = {
    start: rowKey(prefix, fromSeq),
    end: rowKey(prefix, throughSeq),
    inclusiveEnd: true,
    ...(limit === undefined ? {} : { limit }),
  }
  return Array.from(table.getKeys(range), (key) => Buffer.from(key))
}

/** The records of the snapshots with `seq ≤ throughSeq`, newest first. */
export function readSnapshots(environment: Environment, prefix: Buffer, throughSeq = SEQ_MAX): StoredSnapshotRecord[] {
  return rowKeys(environment.snapshots, prefix, 0, throughSeq)
    .reverse()
    .map((key) => ({ seq: seqOfKey(key), record: readSnapshotRecord(environment, key) }))
}

/** Newest first. */
export function readVersions(environment: Environment, documentId: string, query: VersionQuery): Page<Version, number> {
  const throughSeq = query.before === undefined ? undefined : query.before - 1
  const versions = readSnapshots(environment, rowPrefix(documentId), throughSeq).flatMap(({ seq, record }): Version[] =>
    record === null || (record.label === null && query.which !== 'all') ? [] : [versionOf(seq, record)],
  )
  const items = versions.slice(0, query.limit)
  return { items, next: versions.length > items.length ? (items.at(-1)?.seq ?? null) : null }
}

function versionOf(seq: number, { label, savedAt, stateBytes }: SnapshotRecord): Version {
  const { name = null, description = null, author = null, createdAt = savedAt } = label ?? {}
  return { seq, name, description, author, createdAt, stateBytes }
}

export function readSnapshotRecord(environment: Environment, key: Buffer): SnapshotRecord | null {
  const value = environment.snapshots.get(key)
  if (value === undefined) return null
  try {
    return unsealSnapshot(key, value)
  } catch (thrown) {
    if (thrown instanceof DamagedValue) return null
    throw thrown
  }
}

/** A snapshot's state put together from its pieces, or null when it is damaged. */
export function readState(
  environment: Environment,
  prefix: Buffer,
  seq: number,
  { stateBytes, stateCrc }: SnapshotRecord,
): Uint8Array | null {
  const state = new Uint8Array(stateBytes)
  for (let offset = 0, piece = 0; offset < stateBytes; piece++) {
    const bytes = environment.states.get(stateKey(prefix, seq, piece))
    if (bytes === undefined || bytes.length !== Math.min(STATE_PIECE_BYTES, stateBytes - offset)) return null
    state.set(bytes, offset)
    offset += bytes.length
  }
  return crc32(state) === stateCrc ? state : null
}

/**
 * The document through `seq`: the newest readable snapshot and the rows after it. A snapshot that cannot be read is logged and passed over, as long as the log
 * reaches back to the one before it, or to the beginning. Throws `document-corrupt`.
 */
export function readThrough(
  environment: Environment,
  logger: Logger,
  documentId: string,
  document: DocumentRecord,
  seq: number,
): StoredDocument {
  const prefix = rowPrefix(documentId)
  const quarantine = readQuarantine(environment, documentId, document)
  let damaged = 0
  const withBase = (snapshot: StoredSnapshot | null): StoredDocument => {
    const base = snapshot?.seq ?? 0
    if (base < seq && base + 1 < document.logStart) {
      if (damaged > 0) throw documentCorrupt(documentId, `snapshot ${damaged} is damaged and its log begins at row ${document.logStart}`)
      throw prunedAway(documentId)
    }
    const tail = Array.from({ length: seq - base }, (_, index) => readRow(environment, documentId, prefix, base + 1 + index))
    return { incarnation: document.incarnation, snapshot, tail, head: seq, quarantine: quarantineOfRead(quarantine, base, seq) }
  }
  for (const { seq: snapshotSeq, record } of readSnapshots(environment, prefix, seq)) {
    const state = record === null ? null : readState(environment, prefix, snapshotSeq, record)
    if (record !== null && state !== null) return withBase({ seq: snapshotSeq, state, savedAt: record.savedAt })
    damaged = snapshotSeq
    logger.warn({ documentId, seq: snapshotSeq }, 'a snapshot is damaged; reading the one before it')
  }
  return withBase(null)
}

/** The seq of a point of a document's history. Throws `no-such-document` and `document-corrupt` as `readAt` does. */
export function seqOfPoint(environment: Environment, documentId: string, document: DocumentRecord, point: HistoryPoint): number {
  const seq = 'seq' in point ? point.seq : seqAtTime(environment, documentId, document, point.time)
  if (seq < 1 || seq > document.head) throw noSuchDocument(documentId)
  return seq
}

function seqAtTime(environment: Environment, documentId: string, document: DocumentRecord, time: number): number {
  const seq = lastSeqCommittedBy(environment, documentId, document, time)
  if (seq >= document.logStart) return seq
  if (document.logStart === 1) throw noSuchDocument(documentId)
  const snapshots = readSnapshots(environment, rowPrefix(documentId))
  const snapshot = snapshots.find(({ record }) => record !== null && record.savedAt <= time)
  if (snapshot === undefined) throw prunedAway(documentId)
  return snapshot.seq
}

/** The last row of the log that was committed at or before `time`; `logStart - 1` if none was. Commit times do not fall, so this is a binary search. */
export function lastSeqCommittedBy(environment: Environment, documentId: string, { logStart, head }: DocumentRecord, time: number): number {
  const prefix = rowPrefix(documentId)
  let low = logStart - 1
  let high = head
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (readRow(environment, documentId, prefix, middle).committedAt <= time) low = middle
    else high = middle - 1
  }
  return low
}

/** What `read` answers; what is damaged is named as the document's. Throws `document-corrupt`. */
export function checked<Value>(documentId: string, what: string, read: () => Value): Value {
  try {
    return read()
  } catch (thrown) {
    if (thrown instanceof DamagedValue) throw documentCorrupt(documentId, `${what} is damaged: ${thrown.message}`, thrown)
    throw thrown
  }
}
