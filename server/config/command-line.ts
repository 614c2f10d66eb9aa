// Flags and environment → one frozen, validated Config. Flags beat the environment. Whatever is unknown or malformed is refused by name.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { basePathOf } from '../../core/document-path.js'
import { WeftError } from '../../core/errors.js'
import { trustedProxiesOf } from '../access/addresses.js'
import { type ClusterConfig, checkCluster, checkDatabaseUrl } from './cluster-config.js'

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]
export const logFormats = ['auto', 'pretty', 'json'] as const
export type LogFormat = (typeof logFormats)[number]

export interface Config {
  readonly host: string
  /** 0 = any free port. */
  readonly port: number
  readonly dataFolder: string
  readonly logLevel: LogLevel
  /** `auto`: `pretty` on a terminal, `json` elsewhere. */
  readonly logFormat: LogFormat
  readonly demo: boolean
  /** Patterns of documents of which deleted content is kept. */
  readonly keepDeleted: readonly string[]
  /** `/collab`, or empty for none. */
  readonly basePath: string
  /** Proxies that are believed about whom they speak for. */
  readonly trustedProxies: readonly string[]
  readonly broadcast: 'after-commit' | 'before-commit'
  /** Null: this machine alone, on the embedded store. */
  readonly cluster: ClusterConfig | null
}

export type Command =
  | { readonly kind: 'serve'; readonly config: Config }
  | { readonly kind: 'migrate'; readonly databaseUrl: string; readonly logLevel: LogLevel; readonly logFormat: LogFormat }
  | {
      readonly kind: 'lift-quarantine'
      readonly documentId: string
      /** Null: the embedded store in the folder. */
      readonly databaseUrl: string | null
      readonly dataFolder: string
      readonly logLevel: LogLevel
      readonly logFormat: LogFormat
    }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }

export const helpText = `Usage: weft serve [options]
       weft migrate --database-url <url>
       weft lift-quarantine <document> [--data <folder> | --database-url <url>]

serve starts the sync server, with the demo at its address; migrate brings a database's schema up to date and ends;
lift-quarantine forgets what was found to be unusable in a document, so that all of it is tried again.

  --host <address>        where to listen (HOST; 127.0.0.1)
  --port <number>         the port, 0 for any free one (PORT; 1234)
  --data <folder>         where documents are kept (WEFT_DATA; ./data)
  --log-level <level>     ${logLevels.join(', ')} (LOG_LEVEL; info)
  --log-format <format>   pretty: lines for people; json: one object a line; auto: pretty on a terminal, json elsewhere
                          (LOG_FORMAT; auto)
  --broadcast <when>      after-commit: nobody sees an edit that a crash can take back (the default);
                          before-commit: others see edits a little sooner, acknowledgements still mean committed;
                          not in a cluster
  --keep-deleted <pattern> keep what is deleted in documents of these names, for Yjs's own snapshots; may be given several times;
                          * stands for anything within a segment of the path, ** for anything at all
  --no-demo               do not serve the demo
  --trusted-proxies <list> proxies in front that say in X-Forwarded-For whom they speak for: addresses, networks as 10.0.0.0/8, loopback,
                          linklocal, uniquelocal, with commas between (TRUSTED_PROXIES; none)
  --base-path <path>      what everything is under, such as /collab, behind a proxy that passes paths through (BASE_PATH; none)

With a database the server is a node of a cluster, and --data is not used:
  --database-url <url>    postgres://user:password@host:port/database (DATABASE_URL)
  --redis-url <url>       redis://host:port; cursors and presence cross nodes over it (REDIS_URL)
  --cluster-secret <text> what the nodes of a cluster know and nobody else does, at least 16 characters (CLUSTER_SECRET;
                          required). Make one with: openssl rand -hex 32
  --cluster-secret-file, --database-url-file, --redis-url-file <file>
                          the same out of a file, since everybody on a machine can read its command lines
                          (CLUSTER_SECRET_FILE, DATABASE_URL_FILE, REDIS_URL_FILE)
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
  'cluster-secret-file': { type: 'string' },
  'database-url-file': { type: 'string' },
  'redis-url-file': { type: 'string' },
  'node-id': { type: 'string' },
  advertise: { type: 'string' },
  'no-migrate': { type: 'boolean' },
  'no-advertise-check': { type: 'boolean' },
  'log-level': { type: 'string' },
  'log-format': { type: 'string' },
  broadcast: { type: 'string' },
  'keep-deleted': { type: 'string', multiple: true },
  'no-demo': { type: 'boolean' },
  'base-path': { type: 'string' },
  'trusted-proxies': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

const commands = ['serve', 'migrate', 'lift-quarantine'] as const

function isOneOf<Value extends string>(values: readonly Value[], value: string): value is Value {
  return values.some((one) => one === value)
}

/** Reads a command line (without node and the script). Throws `invalid-configuration`, naming the flag or variable and what it takes. */
export function parseCommand(args: readonly string[], environment: Readonly<Record<string, string | undefined>>): Command {
  const { values, positionals } = parseFlags(args)
  if (values.help === true) return { kind: 'help' }
  if (values.version === true) return { kind: 'version' }
  const [command, ...rest] = positionals
  if (command === undefined) throw invalid('A command is missing: weft serve. See weft --help.')
  if (!isOneOf(commands, command)) throw invalid(`There is no command "${command}"; there are: ${commands.join(', ')}.`)
  const documentId = command === 'lift-quarantine' ? rest.shift() : undefined
  if (rest.length > 0) throw invalid(`weft ${command} takes no argument "${rest.join(' ')}"; its options begin with --.`)

  const read: Read = (flag, variable) => {
    const fileFlag = fileFlagOf(flag)
    const fromFlags = oneOrTheOther(
      { name: `--${flag}`, value: values[flag] },
      fileFlag === null ? null : { name: `--${fileFlag}`, value: values[fileFlag] },
    )
    if (fromFlags !== null) return fromFlags
    // An empty variable is how shells and container files say "not set".
    const variableOf = (name: string) => ({ name, value: environment[name] === '' ? undefined : environment[name] })
    return oneOrTheOther(variableOf(variable), fileFlag === null ? null : variableOf(`${variable}_FILE`))
  }
  const logLevel = oneOf(read('log-level', 'LOG_LEVEL') ?? { name: '--log-level', value: 'info' }, logLevels)
  const logFormat = oneOf(read('log-format', 'LOG_FORMAT') ?? { name: '--log-format', value: 'auto' }, logFormats)
  const dataFolder = nonEmpty(read('data', 'WEFT_DATA') ?? { name: '--data', value: './data' })
  if (command === 'lift-quarantine') {
    if (documentId === undefined || documentId === '') throw invalid('weft lift-quarantine needs the id of the document.')
    const databaseUrl = read('database-url', 'DATABASE_URL')
    if (databaseUrl !== null) checkDatabaseUrl(databaseUrl.value, databaseUrl.name)
    return { kind: 'lift-quarantine', documentId, databaseUrl: databaseUrl?.value ?? null, dataFolder, logLevel, logFormat }
  }
  if (command === 'migrate') {
    const databaseUrl = read('database-url', 'DATABASE_URL')
    if (databaseUrl === null) throw invalid('weft migrate needs --database-url (or DATABASE_URL): the database to bring up to date.')
    checkDatabaseUrl(databaseUrl.value, databaseUrl.name)
    return { kind: 'migrate', databaseUrl: databaseUrl.value, logLevel, logFormat }
  }
  const broadcast = oneOf({ name: '--broadcast', value: values.broadcast ?? 'after-commit' }, ['after-commit', 'before-commit'] as const)
  const switches = { migrate: values['no-migrate'] !== true, checkAdvertise: values['no-advertise-check'] !== true }
  const cluster = clusterOf(read, broadcast, switches)
  return {
    kind: 'serve',
    config: Object.freeze({
      host: nonEmpty(read('host', 'HOST') ?? { name: '--host', value: '127.0.0.1' }),
      port: portOf(read('port', 'PORT') ?? { name: '--port', value: '1234' }),
      dataFolder,
      logLevel,
      logFormat,
      broadcast,
      keepDeleted: Object.freeze((values['keep-deleted'] ?? []).map((value) => nonEmpty({ name: '--keep-deleted', value }))),
      demo: values['no-demo'] !== true,
      basePath: basePathSetting(read('base-path', 'BASE_PATH')),
      trustedProxies: Object.freeze(proxiesSetting(read('trusted-proxies', 'TRUSTED_PROXIES'))),
      cluster,
    }),
  }
}

type ValueFlag =
  | 'base-path'
  | 'trusted-proxies'
  | 'host'
  | 'port'
  | 'data'
  | 'log-level'
  | 'log-format'
  | 'database-url'
  | 'redis-url'
  | 'cluster-secret'
  | 'node-id'
  | 'advertise'

type Read = (flag: ValueFlag, variable: string) => Setting | null

function clusterOf(
  read: Read,
  broadcast: Config['broadcast'],
  switches: Pick<ClusterConfig, 'migrate' | 'checkAdvertise'>,
): ClusterConfig | null {
  const databaseUrl = read('database-url', 'DATABASE_URL')
  const redisUrl = read('redis-url', 'REDIS_URL')
  if (databaseUrl === null) {
    if (redisUrl !== null)
      throw invalid(`${redisUrl.name} is set, but not --database-url: one machine needs no Redis. Set both, or neither.`)
    return null
  }
  const secret = read('cluster-secret', 'CLUSTER_SECRET')
  const nodeId = read('node-id', 'NODE_ID')
  const advertise = read('advertise', 'ADVERTISE')
  const config = Object.freeze({
    databaseUrl: databaseUrl.value,
    redisUrl: redisUrl?.value ?? null,
    nodeId: nodeId?.value ?? null,
    advertise: advertise?.value ?? null,
    secret: secret?.value ?? '',
    ...switches,
  })
  checkCluster(config, broadcast, {
    databaseUrl: databaseUrl.name,
    redisUrl: redisUrl?.name ?? '',
    secret: secret?.name ?? '--cluster-secret (or CLUSTER_SECRET, or --cluster-secret-file)',
    nodeId: nodeId?.name ?? '',
    advertise: advertise?.name ?? '',
    broadcast: '--broadcast',
  })
  return config
}

/** Settings that are secrets, or hold one, and can be given as a file: what stands on a command line, everybody on the machine can read. */
const files = { 'cluster-secret': 'cluster-secret-file', 'database-url': 'database-url-file', 'redis-url': 'redis-url-file' } as const

function fileFlagOf(flag: ValueFlag): (typeof files)[keyof typeof files] | null {
  return flag === 'cluster-secret' || flag === 'database-url' || flag === 'redis-url' ? files[flag] : null
}

interface Given {
  readonly name: string
  readonly value: string | undefined
}

/** The setting as it was given, or out of the file that was named; null if neither is there. */
function oneOrTheOther(plain: Given, file: Given | null): Setting | null {
  if (file?.value === undefined) return plain.value === undefined ? null : { name: plain.name, value: plain.value }
  if (plain.value !== undefined) throw invalid(`${plain.name} and ${file.name} are both set; set one of them.`)
  return { name: file.name, value: contentOf(file.name, file.value) }
}

/** Without the white space around it: editors and `echo` end a file with a new line. */
function contentOf(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (thrown) {
    throw invalid(`${name} is "${file}", a file that cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}.`)
  }
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

function basePathSetting(setting: Setting | null): string {
  return setting === null ? '' : basePathOf(setting.value, setting.name)
}

function proxiesSetting(setting: Setting | null): readonly string[] {
  if (setting === null) return []
  const proxies = setting.value.split(',').map((proxy) => proxy.trim())
  trustedProxiesOf(proxies, setting.name)
  return proxies
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
