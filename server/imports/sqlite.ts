// A table in an SQLite file, one row a document, as Hocuspocus' extension SQLite writes it. Node reads such files by itself from version 22.13 on; older ones
// with the package better-sqlite3.
import { existsSync } from 'node:fs'
import { WeftError } from '../../core/errors.js'
import { optionalPackage } from './optional-package.js'
import type { Source, SourceKind, SourceOptions } from './source.js'

type Row = Readonly<Record<string, unknown>>

/** What the two have in common. */
interface Database {
  prepare(sql: string): { all(...parameters: unknown[]): unknown[] }
  close(): void
}

interface NodeSqlite {
  readonly DatabaseSync: new (path: string, options: { readonly readOnly: boolean }) => Database
}

type BetterSqlite3 = new (path: string, options: { readonly readonly: boolean }) => Database

const NAMES_AT_ONCE = 500

export const hocuspocusSqlite: SourceKind = {
  name: 'hocuspocus-sqlite',
  takes: 'the file of its extension SQLite, or of a table like it',
  open: async (source, options) => {
    if (!existsSync(source)) throw new WeftError('invalid-configuration', `There is no file "${source}".`)
    const database = await openDatabase(source)
    try {
      return tableIn(database, source, options)
    } catch (thrown) {
      database.close()
      throw thrown
    }
  },
}

async function openDatabase(file: string): Promise<Database> {
  const nodes = await optionalPackage<NodeSqlite>('node:sqlite')
  if (nodes !== null) return new nodes.DatabaseSync(file, { readOnly: true })
  const Better = await optionalPackage<BetterSqlite3>('better-sqlite3')
  if (Better !== null) return new Better(file, { readonly: true })
  throw new WeftError(
    'invalid-configuration',
    `Node ${process.versions.node} cannot read SQLite files by itself. Run the import with Node 22.13 or newer, or install a parser beside weft-sync: npm install better-sqlite3@12`,
  )
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

function tableIn(database: Database, file: string, options: SourceOptions): Source {
  const [table, name, data] = [quoted(options.table), quoted(options.nameColumn), quoted(options.dataColumn)]
  const torn = (thrown: unknown): WeftError =>
    new WeftError('malformed', `SQLite cannot read ${file}: ${thrown instanceof Error ? thrown.message : String(thrown)}.`, {
      cause: thrown,
    })
  /** Statements are prepared by each query, since a file that is torn says so only then. */
  const query = (sql: string, ...parameters: unknown[]): readonly Row[] => {
    try {
      return database.prepare(sql).all(...parameters) as Row[]
    } catch (thrown) {
      throw torn(thrown)
    }
  }
  const columns = query(`PRAGMA table_info(${table})`).map((column) => column['name'])
  const missing = [options.nameColumn, options.dataColumn].filter((column) => !columns.includes(column))
  if (missing.length > 0)
    throw new WeftError(
      'invalid-configuration',
      columns.length === 0
        ? `${file} has no table ${options.table}; name it with --table.`
        : `The table ${options.table} has no column ${missing.join(' and no column ')}; name them with --name-column and --data-column.`,
    )
  return {
    encoding: options.encoding,
    async *documents() {
      for (let after: string | null = null; ; ) {
        const rows: readonly Row[] =
          after === null
            ? query(`SELECT DISTINCT CAST(${name} AS TEXT) AS n FROM ${table} WHERE ${name} IS NOT NULL ORDER BY n LIMIT ${NAMES_AT_ONCE}`)
            : query(`SELECT DISTINCT CAST(${name} AS TEXT) AS n FROM ${table} WHERE n > ? ORDER BY n LIMIT ${NAMES_AT_ONCE}`, after)
        for (const row of rows) {
          const documentId = String(row['n'])
          yield {
            documentId,
            read: async () => {
              const states = query(`SELECT ${data} AS d FROM ${table} WHERE CAST(${name} AS TEXT) = ?`, documentId).map(
                (found) => found['d'],
              )
              return states.filter((state) => state !== null).map((state) => bytesIn(state, options))
            },
          }
          after = documentId
        }
        if (rows.length < NAMES_AT_ONCE) return
      }
    },
    close: async () => database.close(),
  }
}

/** Throws `malformed` for what is no blob. */
export function bytesIn(value: unknown, { table, dataColumn }: SourceOptions): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw new WeftError('malformed', `The column ${dataColumn} of ${table} holds ${typeof value} there, and no bytes.`)
}
