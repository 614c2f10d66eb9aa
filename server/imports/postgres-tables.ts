// Tables in PostgreSQL: one row a document, as applications keep them with Hocuspocus' extension Database; and that of y-redis, with several rows for each.
import type pg from 'pg'
import { WeftError } from '../../core/errors.js'
import type { Source, SourceDocument, SourceKind } from './source.js'
import { bytesIn } from './sqlite.js'

const NAMES_AT_ONCE = 500
const CONNECT_MS_MAX = 10_000

type Row = Readonly<Record<string, unknown>>

export const hocuspocusPostgres: SourceKind = {
  name: 'hocuspocus-postgres',
  takes: 'the URL of the database of which a table has a row for each document (--table, --name-column, --data-column)',
  open: async (source, options) => {
    const pg = await loadPg()
    const table = options.table.split('.').map(pg.escapeIdentifier).join('.')
    const [name, data] = [pg.escapeIdentifier(options.nameColumn), pg.escapeIdentifier(options.dataColumn)]
    const client = await connect(source)
    return reading(client, options.encoding, `SELECT ${name}, ${data} FROM ${table} LIMIT 0`, {
      names: `SELECT DISTINCT ${name}::text COLLATE "C" AS n FROM ${table} WHERE ${name} IS NOT NULL AND ($1::text IS NULL OR ${name}::text COLLATE "C" > $1) ORDER BY n LIMIT ${NAMES_AT_ONCE}`,
      nameOf: (row) => ({
        after: [String(row['n'])],
        documentId: String(row['n']),
        read: async () =>
          (
            await client.query<Row>(`SELECT ${data} AS d FROM ${table} WHERE ${name}::text = $1 AND ${data} IS NOT NULL`, [row['n']])
          ).rows.map(({ d }) => bytesIn(d, options)),
      }),
      first: [null],
    })
  },
}

/** Documents that its worker has not yet moved out of Redis are not in it. */
export const yRedis: SourceKind = {
  name: 'y-redis',
  takes: 'the URL of its PostgreSQL database; the id is the room, with the document behind it unless that is "index"',
  open: async (source, options) => {
    const client = await connect(source)
    return reading(client, 'v2', 'SELECT room, doc, update FROM yredis_docs_v1 LIMIT 0', {
      names: `SELECT DISTINCT room COLLATE "C" AS room, doc COLLATE "C" AS doc FROM yredis_docs_v1 WHERE $1::text IS NULL OR (room COLLATE "C", doc COLLATE "C") > ($1, $2) ORDER BY room, doc LIMIT ${NAMES_AT_ONCE}`,
      nameOf: ({ room, doc }) => ({
        after: [String(room), String(doc)],
        documentId: doc === 'index' ? String(room) : `${String(room)}/${String(doc)}`,
        read: async () =>
          (await client.query<Row>('SELECT update FROM yredis_docs_v1 WHERE room = $1 AND doc = $2 ORDER BY r', [room, doc])).rows.map(
            ({ update }) => bytesIn(update, { ...options, table: 'yredis_docs_v1', dataColumn: 'update' }),
          ),
      }),
      first: [null, null],
    })
  },
}

/** Not with this module, which every command reads for the names of what can be imported. */
async function loadPg() {
  return (await import('pg')).default
}

async function connect(url: string): Promise<pg.Client> {
  try {
    const pg = await loadPg()
    const client = new pg.Client({ connectionString: url, application_name: 'weft import', connectionTimeoutMillis: CONNECT_MS_MAX })
    // A connection that breaks fails what is asked next.
    client.on('error', () => {})
    await client.connect()
    return client
  } catch (thrown) {
    throw new WeftError('invalid-configuration', `The database that is to be imported cannot be reached: ${messageOf(thrown)}.`, {
      cause: thrown,
    })
  }
}

interface Reading {
  /** Answers names behind the parameters, which are those of the last one. */
  readonly names: string
  readonly first: readonly (string | null)[]
  readonly nameOf: (row: Row) => SourceDocument & { readonly after: readonly string[] }
}

async function reading(client: pg.Client, encoding: Source['encoding'], probe: string, { names, first, nameOf }: Reading): Promise<Source> {
  try {
    await client.query(probe)
  } catch (thrown) {
    await client.end()
    throw new WeftError(
      'invalid-configuration',
      `The table cannot be read: ${messageOf(thrown)}. --table, --name-column and --data-column name others.`,
      { cause: thrown },
    )
  }
  return {
    encoding,
    async *documents() {
      for (let after = first; ; ) {
        const { rows } = await client.query<Row>(names, [...after])
        for (const row of rows) {
          const { after: behind, ...document } = nameOf(row)
          yield document
          after = behind
        }
        if (rows.length < NAMES_AT_ONCE) return
      }
    },
    close: () => client.end(),
  }
}

/** What the driver says names no password. */
function messageOf(thrown: unknown): string {
  return thrown instanceof Error && thrown.message !== '' ? thrown.message : String((thrown as { code?: unknown }).code ?? thrown)
}
