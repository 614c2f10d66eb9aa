// Connections to PostgreSQL, used so that a transaction pooler may sit in between: every call is one autocommit statement, without named
// statements, session settings or session locks. Timeouts are kept on this side, since a startup parameter would be refused by some poolers.
import pg from 'pg'
import { WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import { storeClosed } from '../failures.js'
import { asStoreError } from './errors.js'

/** Work of one kind waits only for work of its kind: a heartbeat must not queue behind somebody's export. */
export type Lane = 'control' | 'append' | 'bulk'

interface LaneOptions {
  readonly connectionsMax: number
  /** Until a connection is there, waiting for a free one included. */
  readonly connectMsMax: number
  readonly statementMsMax: number
}

const lanes: { readonly [Name in Lane]: LaneOptions } = {
  control: { connectionsMax: 2, connectMsMax: 3_000, statementMsMax: 3_000 },
  append: { connectionsMax: 2, connectMsMax: 5_000, statementMsMax: 15_000 },
  bulk: { connectionsMax: 6, connectMsMax: 30_000, statementMsMax: 120_000 },
}

const IDLE_MS_MAX = 30_000
const KEEP_ALIVE_AFTER_MS = 10_000
const INT8_TYPE_ID = 20

/** `bigint` columns hold safe integers only. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((typeId: number, format?: 'text' | 'binary') =>
    typeId === INT8_TYPE_ID ? Number : pg.types.getTypeParser(typeId, format)) as typeof pg.types.getTypeParser,
}

export type Row = Readonly<Record<string, unknown>>

export interface DatabaseOptions {
  readonly url: string
  readonly logger: Logger
  readonly applicationName?: string
  /** Statements after which a connection is replaced by a new one; by default none. */
  readonly usesPerConnectionMax?: number
}

export class Database {
  /** Host, port and database, for messages: never the password. */
  readonly where: string
  readonly #pools: { readonly [Name in Lane]: pg.Pool }
  readonly #running = new Set<Promise<unknown>>()
  #closing: Promise<void> | null = null

  /** Connects lazily. Throws `invalid-configuration` for a URL that is none. */
  constructor(options: DatabaseOptions) {
    this.where = describe(options.url)
    const pool = (lane: Lane): pg.Pool => {
      const { connectionsMax, connectMsMax, statementMsMax } = lanes[lane]
      const made = new pg.Pool({
        connectionString: options.url,
        application_name: options.applicationName ?? 'weft',
        max: connectionsMax,
        maxUses: options.usesPerConnectionMax ?? Number.POSITIVE_INFINITY,
        connectionTimeoutMillis: connectMsMax,
        query_timeout: statementMsMax,
        idleTimeoutMillis: IDLE_MS_MAX,
        keepAlive: true,
        keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
        types,
      })
      // An idle connection that breaks is dropped by the pool; the next query reports it if the database is really gone.
      made.on('error', (error) => options.logger.debug({ error: error.message }, 'an idle PostgreSQL connection ended'))
      return made
    }
    this.#pools = { control: pool('control'), append: pool('append'), bulk: pool('bulk') }
  }

  /** Runs one statement as one transaction. Throws the driver's own error; `run` and `read` map it. */
  async raw(lane: Lane, text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    if (this.#closing !== null) throw storeClosed()
    const running = this.#pools[lane].query<Row>(text, [...values])
    this.#running.add(running)
    try {
      return (await running).rows
    } finally {
      this.#running.delete(running)
    }
  }

  /** One statement that may write. It is never repeated: whether it ran is unknown after most failures. */
  async run(lane: Lane, text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    try {
      return await this.raw(lane, text, values)
    } catch (thrown) {
      throw asStoreError(thrown, this.where)
    }
  }

  /** One statement that only reads: repeated once on a connection of its own if the first one had died meanwhile. */
  async read(lane: Lane, text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    try {
      return await this.run(lane, text, values)
    } catch (thrown) {
      if (!(thrown instanceof WeftError) || thrown.code !== 'store-unavailable') throw thrown
      return this.run(lane, text, values)
    }
  }

  /** Waits for what runs, then lets all connections go. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#running)
    await Promise.allSettled(Object.values(this.#pools).map((pool) => pool.end()))
  }
}

function describe(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null
  const named = parsed !== null && (parsed.hostname !== '' || parsed.searchParams.has('host'))
  if (parsed === null || !named || !['postgres:', 'postgresql:'].includes(parsed.protocol))
    throw new WeftError(
      'invalid-configuration',
      'DATABASE_URL is not a PostgreSQL URL; it looks like postgres://user:password@host:5432/database.',
    )
  return `${parsed.host}${parsed.pathname}`
}
