// Connections to PostgreSQL, used so that a transaction pooler may sit in between: every call is one autocommit statement, without named
// statements, session settings or session locks. Timeouts are kept on this side, since a startup parameter would be refused by some
// poolers.
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

// An append that is given up is repeated, and the store tells what the first try came to; so one connection that went dead holds nobody up
// for long.
const lanes: { readonly [Name in Lane]: LaneOptions } = {
  control: { connectionsMax: 2, connectMsMax: 3_000, statementMsMax: 3_000 },
  append: { connectionsMax: 2, connectMsMax: 5_000, statementMsMax: 5_000 },
  bulk: { connectionsMax: 6, connectMsMax: 10_000, statementMsMax: 120_000 },
}

/** A read that takes longer is tried once more, with its lane's time, on another connection. */
const FIRST_READ_MS_MAX = 5_000

const IDLE_MS_MAX = 30_000
const KEEP_ALIVE_AFTER_MS = 10_000
const INT8_TYPE_ID = 20

/** `bigint` columns hold safe integers only. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((typeId: number, format?: 'text' | 'binary') =>
    typeId === INT8_TYPE_ID ? Number : pg.types.getTypeParser(typeId, format)) as typeof pg.types.getTypeParser,
}

/** The driver takes a time limit with each query; its types say so only for the whole connection. */
type QueryWithin = pg.QueryConfig & { readonly query_timeout: number }

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
  /** Connections with a statement under way. */
  readonly #busy = new Set<pg.PoolClient>()
  /** Counts the times that all connections were given up. */
  #generation = 0
  #closing: Promise<void> | null = null

  /** Connects lazily. Throws `invalid-configuration` for a URL that is none. */
  constructor(options: DatabaseOptions) {
    this.where = describe(options.url)
    const pool = (lane: Lane): pg.Pool => {
      const { connectionsMax, connectMsMax } = lanes[lane]
      const made = new pg.Pool({
        connectionString: options.url,
        application_name: options.applicationName ?? 'weft',
        max: connectionsMax,
        maxUses: options.usesPerConnectionMax ?? Number.POSITIVE_INFINITY,
        connectionTimeoutMillis: connectMsMax,
        idleTimeoutMillis: IDLE_MS_MAX,
        keepAlive: true,
        keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
        types,
      })
      // An idle connection that breaks is dropped by the pool; the next query reports it if the database is really gone.
      made.on('error', (error) => options.logger.debug({ error: error.message }, 'an idle PostgreSQL connection ended'))
      // A connection may be ended in the same breath as it is made, before anybody who asked for it can listen; an error that nobody hears
      // ends the process.
      made.on('connect', (client) => client.on('error', ignore))
      made.on('acquire', (client) => void this.#busy.add(client))
      made.on('release', (_error, client) => void this.#busy.delete(client))
      return made
    }
    this.#pools = { control: pool('control'), append: pool('append'), bulk: pool('bulk') }
  }

  /** Runs one statement as one transaction, within `msMax`. Throws the driver's own error; `run` and `read` map it. */
  async raw(
    lane: Lane,
    text: string,
    values: readonly unknown[] = [],
    msMax: number = lanes[lane].statementMsMax,
  ): Promise<readonly Row[]> {
    if (this.#closing !== null) throw storeClosed()
    const running = runOn(this.#pools[lane], { text, values: [...values], query_timeout: msMax })
    this.#running.add(running)
    try {
      return await running
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

  /** One statement that only reads: repeated once on another connection if the first one had died meanwhile, or does not answer. */
  async read(lane: Lane, text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    const generation = this.#generation
    try {
      return await this.raw(lane, text, values, Math.min(FIRST_READ_MS_MAX, lanes[lane].statementMsMax))
    } catch (thrown) {
      const error = asStoreError(thrown, this.where)
      if (error.code !== 'store-unavailable' || generation !== this.#generation) throw error
      return this.run(lane, text, values)
    }
  }

  /** Every statement under way fails, and no connection that there is now is used again. See `MembershipStore.reconnect`. */
  reconnect(): void {
    if (this.#closing !== null) return
    this.#generation += 1
    // A connection with a statement under way is cut, not said goodbye to.
    for (const client of this.#busy) void client.end()
    for (const pool of Object.values(this.#pools))
      for (let idle = pool.idleCount; idle > 0; idle--)
        pool.connect().then(
          (client) => client.release(true),
          () => {},
        )
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

/** As `pool.query`, but keeps the connection when it was only the statement that failed: an append that raises is part of the day. */
async function runOn(pool: pg.Pool, query: QueryWithin): Promise<readonly Row[]> {
  const client = await pool.connect()
  let broken = false
  try {
    return (await client.query<Row>(query)).rows
  } catch (thrown) {
    broken = !(thrown instanceof pg.DatabaseError) || thrown.severity === 'FATAL' || thrown.severity === 'PANIC'
    throw thrown
  } finally {
    client.release(broken)
  }
}

function ignore(): void {
  // Whoever uses the connection is told by what fails.
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
