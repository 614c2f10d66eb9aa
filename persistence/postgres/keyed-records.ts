// Access records in PostgreSQL: one table, whose primary key decides who comes first (X4), and whose clock is the database's.
import {
  EXPIRED_CLEARED_PER_WRITE,
  type KeyedRecord,
  type KeyedRecordKind,
  type KeyedRecords,
  type KeyedRecordWrite,
} from '../keyed-records.js'
import { numberIn, utf8In } from './columns.js'
import type { Database, Row } from './database.js'

const VALUES = `
  VALUES ($1, $2, $3, clock_timestamp(), clock_timestamp() + $4::float8 * interval '1 millisecond')
  ON CONFLICT (kind, id) DO UPDATE
    SET value = excluded.value, created_at = excluded.created_at, expires_at = excluded.expires_at`

const PUT = `INSERT INTO weft.access_record (kind, id, value, created_at, expires_at) ${VALUES}`

const INSERT = `${PUT} WHERE access_record.expires_at <= clock_timestamp() RETURNING true AS written`

/** What others clear away at the same time is left to them. */
const CLEAR = `
  DELETE FROM weft.access_record WHERE (kind, id) IN (
    SELECT kind, id FROM weft.access_record WHERE expires_at <= clock_timestamp() ORDER BY expires_at LIMIT ${EXPIRED_CLEARED_PER_WRITE} FOR UPDATE SKIP LOCKED)`

const REMOVE = `
  DELETE FROM weft.access_record WHERE kind = $1 AND id = $2 RETURNING coalesce(expires_at > clock_timestamp(), true) AS counted`

const SELECT = `
  SELECT id, value, extract(epoch FROM created_at)::float8 * 1000 AS created_ms, extract(epoch FROM expires_at)::float8 * 1000 AS expires_ms
  FROM weft.access_record WHERE kind = $1 AND (expires_at IS NULL OR expires_at > clock_timestamp())`

export class PostgresKeyedRecords implements KeyedRecords {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async insert(write: KeyedRecordWrite): Promise<boolean> {
    const written = (await this.#database.run('control', INSERT, parametersOf(write))).length > 0
    if (write.lifetimeMs !== null) await this.#database.run('control', CLEAR, [])
    return written
  }

  async put(write: KeyedRecordWrite): Promise<void> {
    await this.#database.run('control', PUT, parametersOf(write))
  }

  async remove(kind: KeyedRecordKind, id: string): Promise<boolean> {
    const [row] = await this.#database.run('control', REMOVE, [kind, Buffer.from(id, 'utf8')])
    return row?.['counted'] === true
  }

  async find(kind: KeyedRecordKind, id: string): Promise<KeyedRecord | null> {
    const [row] = await this.#database.read('control', `${SELECT} AND id = $2`, [kind, Buffer.from(id, 'utf8')])
    return row === undefined ? null : recordIn(row, kind)
  }

  async list(kind: KeyedRecordKind): Promise<readonly KeyedRecord[]> {
    return (await this.#database.read('control', `${SELECT} ORDER BY id`, [kind])).map((row) => recordIn(row, kind))
  }
}

function recordIn(row: Row, kind: KeyedRecordKind): KeyedRecord {
  return {
    kind,
    id: utf8In(row, 'id'),
    value: utf8In(row, 'value'),
    createdAt: Math.floor(numberIn(row, 'created_ms')),
    expiresAt: row['expires_ms'] === null ? null : Math.floor(numberIn(row, 'expires_ms')),
  }
}

function parametersOf({ kind, id, value, lifetimeMs }: KeyedRecordWrite): readonly unknown[] {
  return [kind, Buffer.from(id, 'utf8'), Buffer.from(value, 'utf8'), lifetimeMs]
}
