// The checker: looks into PostgreSQL itself, not through a node, and holds the log against what clients were told.
import pg from 'pg'
import * as Y from 'yjs'
import { shardOf } from '../../core/document-id.js'
import { canonicalState } from '../helpers/states.js'
import { type ClusterLoad, tokensOf } from './cluster-load.js'

export interface ShardState {
  readonly epoch: number
  /** Null: released. */
  readonly nodeId: string | null
}

interface Replayed {
  readonly doc: Y.Doc
  seq: number
}

const ROWS = `
  SELECT convert_from(document.id, 'UTF8') AS id, log.seq, log.epoch, log.bytes
  FROM weft.log JOIN weft.document ON document.key = log.key
  LEFT JOIN unnest($1::text[], $2::bigint[]) AS known (id, seq) ON convert_to(known.id, 'UTF8') = document.id
  WHERE log.seq > coalesce(known.seq, 0)
  ORDER BY document.id, log.seq`

/** Over the whole log each time, so that a row that was changed or taken away later is found too. The tests prune nothing. */
const BROKEN = `
  SELECT convert_from(document.id, 'UTF8') AS id, log.seq, log.epoch, log.before_seq, log.before_epoch, shard_owner.epoch AS current
  FROM (
    SELECT key, seq, epoch, coalesce(lag(seq) OVER rows, 0) AS before_seq, coalesce(lag(epoch) OVER rows, 0) AS before_epoch
    FROM weft.log WINDOW rows AS (PARTITION BY key ORDER BY seq)
  ) AS log
  JOIN weft.document ON document.key = log.key
  JOIN unnest($1::text[], $2::int[]) AS place (id, shard) ON convert_to(place.id, 'UTF8') = document.id
  JOIN weft.shard_owner ON shard_owner.shard = place.shard
  WHERE log.seq <> log.before_seq + 1 OR log.epoch < log.before_epoch OR log.epoch > shard_owner.epoch`

const SNAPSHOTS = `
  SELECT convert_from(document.id, 'UTF8') AS id, snapshot.seq, snapshot.bytes
  FROM weft.snapshot JOIN weft.document ON document.key = snapshot.key ORDER BY snapshot.seq`

export class ClusterLedger {
  readonly #url: string
  readonly #documents = new Map<string, Replayed>()

  constructor(databaseUrl: string) {
    this.#url = databaseUrl
  }

  /** Rows that the log holds, as of the last check. */
  get rows(): number {
    return [...this.#documents.values()].reduce((sum, { seq }) => sum + seq, 0)
  }

  /** What is wrong with the log, given what the clients were told up to now. Empty if the cluster keeps its word. */
  async check(load: ClusterLoad): Promise<string[]> {
    // What they know is taken before the log is read: the log may hold more, never less.
    const told = load.everybody.map((writer) => ({
      writer,
      acknowledged: writer.edits.filter(({ acknowledgedAt }) => acknowledgedAt !== null).map(({ token }) => token),
      seen: writer.seen(),
    }))
    const wrong = await this.#read(load.documentIds)
    const stored = new Map(load.documentIds.map((documentId) => [documentId, new Set(tokensOf(this.#replayed(documentId).doc))]))
    for (const { writer, acknowledged, seen } of told) {
      const tokens = stored.get(writer.documentId)
      for (const token of acknowledged)
        if (tokens?.has(token) !== true) wrong.push(`D1 D3: ${writer.documentId} lacks ${token}, which was acknowledged`)
      for (const token of seen)
        if (tokens?.has(token) !== true) wrong.push(`D2: ${writer.documentId} lacks ${token}, which ${writer.name} was shown`)
    }
    return [...load.problems, ...wrong]
  }

  /** The document as the log replays, in the encoding of `canonicalState`, as of the last check. */
  state(documentId: string): string {
    return canonicalState(this.#replayed(documentId).doc)
  }

  /** Documents whose snapshot with the log after it differs from the whole log replayed (D6). */
  async checkSnapshots(): Promise<string[]> {
    const wrong: string[] = []
    const rows = await this.#query(ROWS, [[], []])
    for (const { id, seq, bytes } of await this.#query(SNAPSHOTS, [])) {
      const doc = new Y.Doc()
      Y.applyUpdate(doc, bytes as Buffer)
      let last = 0
      for (const row of rows) {
        if (row['id'] !== id) continue
        last = Number(row['seq'])
        if (last > Number(seq)) Y.applyUpdate(doc, row['bytes'] as Buffer)
      }
      // Rows may have come since the last check; then this snapshot is looked at another time.
      const replayed = this.#replayed(String(id))
      if (last === replayed.seq && canonicalState(doc) !== canonicalState(replayed.doc))
        wrong.push(`D6: the snapshot of ${id} at ${seq} with the rows after it is not what the log replays to`)
      doc.destroy()
    }
    return wrong
  }

  /** Who owns each shard that was ever claimed. */
  async ownership(): Promise<Map<number, ShardState>> {
    const rows = await this.#query('SELECT shard, epoch, node_id FROM weft.shard_owner WHERE epoch > 0', [])
    return new Map(
      rows.map((row) => [
        Number(row['shard']),
        { epoch: Number(row['epoch']), nodeId: row['node_id'] === null ? null : String(row['node_id']) },
      ]),
    )
  }

  async ownerOf(documentId: string): Promise<ShardState> {
    return (await this.ownership()).get(shardOf(documentId)) ?? { epoch: 0, nodeId: null }
  }

  async #read(documentIds: readonly string[]): Promise<string[]> {
    const known = [...this.#documents]
    const rows = await this.#query(ROWS, [known.map(([id]) => id), known.map(([, { seq }]) => seq)])
    const wrong: string[] = []
    for (const row of rows) {
      const replayed = this.#replayed(String(row['id']))
      if (Number(row['seq']) !== replayed.seq + 1) wrong.push(`D5: ${row['id']} has seq ${row['seq']} where ${replayed.seq + 1} belongs`)
      replayed.seq = Number(row['seq'])
      Y.applyUpdate(replayed.doc, row['bytes'] as Buffer)
    }
    const broken = await this.#query(BROKEN, [documentIds, documentIds.map(shardOf)])
    for (const { id, seq, epoch, before_seq: beforeSeq, before_epoch: beforeEpoch, current } of broken)
      wrong.push(
        `O1 O3 D5: ${id} has seq ${seq} of epoch ${epoch} after seq ${beforeSeq} of epoch ${beforeEpoch}, and its shard is at ${current}`,
      )
    return wrong
  }

  #replayed(documentId: string): Replayed {
    let replayed = this.#documents.get(documentId)
    if (replayed === undefined) {
      replayed = { doc: new Y.Doc(), seq: 0 }
      this.#documents.set(documentId, replayed)
    }
    return replayed
  }

  async #query(sql: string, values: readonly unknown[]): Promise<readonly Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.#url, connectionTimeoutMillis: 5_000, query_timeout: 20_000 })
    // A database that goes away ends the query, which says so.
    client.on('error', () => {})
    await client.connect()
    try {
      return (await client.query<Record<string, unknown>>(sql, [...values])).rows
    } finally {
      await client.end().catch(() => {})
    }
  }
}
