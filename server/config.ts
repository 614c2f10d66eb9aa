// Flags and environment → one frozen, validated Config. Flags beat the environment. Whatever is unknown or malformed is refused by name.
import { parseArgs } from 'node:util'
import { basePathOf } from '../core/document-path.js'
import { WeftError } from '../core/errors.js'

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export interface Config {
  readonly host: string
  /** 0 = any free port. */
  readonly port: number
  readonly dataFolder: string
  readonly logLevel: LogLevel
  readonly demo: boolean
  /** Patterns of documents of which deleted content is kept. */
  readonly keepDeleted: readonly string[]
  /** `/collab`, or empty for none. */
  readonly basePath: string
  readonly broadcast: 'after-commit' | 'before-commit'
  /** Null: this machine alone, on the embedded store. */
  readonly cluster: ClusterConfig | null
}

/** What makes a server a node of a cluster. */
export interface ClusterConfig {
  readonly databaseUrl: string
  /** Null: cursors do not cross nodes. */
  readonly redisUrl: string | null
  /** Null: a random one for each start. */
  readonly nodeId: string | null
  /** host:port that other nodes can reach; null: the listening address. */
  readonly advertise: string | null
  readonly secret: string
  /** Whether to bring the database's schema up to date at the start. */
  readonly migrate: boolean
  /** Whether to refuse to start under an advertised address that does not lead to this node, as seen from itself. */
  readonly checkAdvertise: boolean
}

/** What holds where nothing is said. */
export const clusterDefaults = { redisUrl: null, nodeId: null, advertise: null, migrate: true, checkAdvertise: true } as const

export type Command =
  | { readonly kind: 'serve'; readonly config: Config }
  | { readonly kind: 'migrate'; readonly databaseUrl: string; readonly logLevel: LogLevel }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }

export const helpText = `Usage: weft serve [options]
       weft migrate --database-url <url>

serve starts the sync server, with the demo at its address; migrate brings a database's schema up to date and ends.

  --host <address>        where to listen (HOST; 127.0.0.1)
  --port <number>         the port, 0 for any free one (PORT; 1234)
  --data <folder>         where documents are kept (WEFT_DATA; ./data)
  --log-level <level>     ${logLevels.join(', ')} (LOG_LEVEL; info)
  --broadcast <when>      after-commit: nobody sees an edit that a crash can take back (the default);
                          before-commit: others see edits a little sooner, acknowledgements still mean committed;
                          not in a cluster
  --keep-deleted <pattern> keep what is deleted in documents of these names, for Yjs's own snapshots; may be given several times;
                          * stands for anything within a segment of the path, ** for anything at all
  --no-demo               do not serve the demo
  --base-path <path>      what everything is under, such as /collab, behind a proxy that passes paths through (BASE_PATH; none)

With a database the server is a node of a cluster, and --data is not used:
  --database-url <url>    postgres://user:password@host:port/database (DATABASE_URL)
  --redis-url <url>       redis://host:port; cursors and presence cross nodes over it (REDIS_URL)
  --cluster-secret <text> what the nodes of a cluster know and nobody else does (CLUSTER_SECRET; required)
  --node-id <name>        names this node, the same at each of its starts (NODE_ID; random)
  --advertise <host:port> where other nodes reach this one (ADVERTISE; the listening address)
  --no-advertise-check    do not look at the start whether that address leads to this node; for networks in which it can
                          be reached there by others, but not by itself
  --no-migrate            do not change the database's schema; refuse to start if it is not up to date

  --help, --version
`

const options = {
  host: { type: 'string' },
  port: { type: 'string' },
  data: { type: 'string' },
  'database-url': { type: 'string' },
  'redis-url': { type: 'string' },
  'cluster-secret': { type: 'string' },
  'node-id': { type: 'string' },
  advertise: { type: 'string' },
  'no-migrate': { type: 'boolean' },
  'no-advertise-check': { type: 'boolean' },
  'log-level': { type: 'string' },
  broadcast: { type: 'string' },
  'keep-deleted': { type: 'string', multiple: true },
  'no-demo': { type: 'boolean' },
  'base-path': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

/** Reads a command line (without node and the script). Throws `invalid-configuration`, naming the flag or variable and what it takes. */
export function parseCommand(args: readonly string[], environment: Readonly<Record<string, string | undefined>>): Command {
  const { values, positionals } = parseFlags(args)
  if (values.help === true) return { kind: 'help' }
  if (values.version === true) return { kind: 'version' }
  const [command, ...rest] = positionals
  if (command === undefined) throw invalid('A command is missing: weft serve. See weft --help.')
  if (command !== 'serve' && command !== 'migrate') throw invalid(`There is no command "${command}"; there are: serve, migrate.`)
  if (rest.length > 0) throw invalid(`weft ${command} takes no argument "${rest.join(' ')}"; its options begin with --.`)

  const read: Read = (flag, variable) => {
    const fromFlag = values[flag]
    if (fromFlag !== undefined) return { name: `--${flag}`, value: fromFlag }
    const fromEnvironment = environment[variable]
    // An empty variable is how shells and container files say "not set".
    return fromEnvironment === undefined || fromEnvironment === '' ? null : { name: variable, value: fromEnvironment }
  }
  const logLevel = oneOf(read('log-level', 'LOG_LEVEL') ?? { name: '--log-level', value: 'info' }, logLevels)
  if (command === 'migrate') {
    const databaseUrl = read('database-url', 'DATABASE_URL')
    if (databaseUrl === null) throw invalid('weft migrate needs --database-url (or DATABASE_URL): the database to bring up to date.')
    return { kind: 'migrate', databaseUrl: databaseUrlOf(databaseUrl), logLevel }
  }
  const broadcast = oneOf({ name: '--broadcast', value: values.broadcast ?? 'after-commit' }, ['after-commit', 'before-commit'] as const)
  const cluster = clusterOf(read, { migrate: values['no-migrate'] !== true, checkAdvertise: values['no-advertise-check'] !== true })
  if (cluster !== null && broadcast === 'before-commit')
    throw invalid(
      '--broadcast is "before-commit", which a cluster does not offer: a move could take back what others have seen. Leave it out.',
    )
  return {
    kind: 'serve',
    config: Object.freeze({
      host: nonEmpty(read('host', 'HOST') ?? { name: '--host', value: '127.0.0.1' }),
      port: portOf(read('port', 'PORT') ?? { name: '--port', value: '1234' }),
      dataFolder: nonEmpty(read('data', 'WEFT_DATA') ?? { name: '--data', value: './data' }),
      logLevel,
      broadcast,
      keepDeleted: Object.freeze((values['keep-deleted'] ?? []).map((value) => nonEmpty({ name: '--keep-deleted', value }))),
      demo: values['no-demo'] !== true,
      basePath: basePathSetting(read('base-path', 'BASE_PATH')),
      cluster,
    }),
  }
}

type ValueFlag =
  | 'base-path'
  | 'host'
  | 'port'
  | 'data'
  | 'log-level'
  | 'database-url'
  | 'redis-url'
  | 'cluster-secret'
  | 'node-id'
  | 'advertise'

type Read = (flag: ValueFlag, variable: string) => Setting | null

function clusterOf(read: Read, switches: Pick<ClusterConfig, 'migrate' | 'checkAdvertise'>): ClusterConfig | null {
  const databaseUrl = read('database-url', 'DATABASE_URL')
  const redisUrl = read('redis-url', 'REDIS_URL')
  if (databaseUrl === null) {
    if (redisUrl !== null)
      throw invalid(`${redisUrl.name} is set, but not --database-url: one machine needs no Redis. Set both, or neither.`)
    return null
  }
  const database = databaseUrlOf(databaseUrl)
  const secret = read('cluster-secret', 'CLUSTER_SECRET')
  if (secret === null || secret.value === '')
    throw invalid('A node of a cluster needs --cluster-secret (or CLUSTER_SECRET): the same text on every node, and nowhere else.')
  const nodeId = read('node-id', 'NODE_ID')
  const advertise = read('advertise', 'ADVERTISE')
  return Object.freeze({
    databaseUrl: database,
    redisUrl: redisUrl === null ? null : nonEmpty(redisUrl),
    nodeId: nodeId === null ? null : nodeIdOf(nodeId),
    advertise: advertise === null ? null : hostAndPortOf(advertise),
    secret: secret.value,
    ...switches,
  })
}

interface Setting {
  /** The flag or the variable that it came from. */
  readonly name: string
  readonly value: string
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch (thrown) {
    // parseArgs names the flag in its message; its advice after the first sentence is for positionals that Weft does not take.
    const message = thrown instanceof Error ? (thrown.message.split('. ')[0] ?? '') : String(thrown)
    throw invalid(`${message}. See weft --help.`)
  }
}

function invalid(message: string): WeftError {
  return new WeftError('invalid-configuration', message)
}

// The value is not repeated in the message: it may hold a password.
function databaseUrlOf({ name, value }: Setting): string {
  if (!/^postgres(ql)?:\/\/./.test(value) || !URL.canParse(value))
    throw invalid(`${name} is not a PostgreSQL address; it takes postgres://user:password@host:port/database.`)
  return value
}

function nodeIdOf({ name, value }: Setting): string {
  if (!/^[\w.:-]{1,64}$/.test(value)) throw invalid(`${name} is "${value}"; it takes 1 to 64 letters, digits, and . _ : -`)
  return value
}

function hostAndPortOf({ name, value }: Setting): string {
  const port = Number(/^(?:[^\s:/]+|\[[\da-fA-F:]+\]):(\d{1,5})$/.exec(value)?.[1] ?? Number.NaN)
  if (!(port >= 1 && port <= 65_535)) throw invalid(`${name} is "${value}"; it takes host:port, such as node-1.internal:1234.`)
  return value
}

function basePathSetting(setting: Setting | null): string {
  return setting === null ? '' : basePathOf(setting.value, setting.name)
}

function nonEmpty({ name, value }: Setting): string {
  if (value === '') throw invalid(`${name} is empty.`)
  return value
}

function portOf({ name, value }: Setting): number {
  const port = /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN
  if (!(port <= 65_535)) throw invalid(`${name} is "${value}"; it takes a port number from 0 to 65535.`)
  return port
}

function oneOf<Value extends string>({ name, value }: Setting, allowed: readonly Value[]): Value {
  const found = allowed.find((one) => one === value)
  if (found === undefined) throw invalid(`${name} is "${value}"; it takes one of: ${allowed.join(', ')}.`)
  return found
}
