// What makes a server a node of a cluster, and what such settings have to be: one check for the command line and for programs, in the same words.
import { WeftError } from '../../core/errors.js'
import { parseRedisUrl } from '../redis/redis-url.js'

export interface ClusterConfig {
  readonly databaseUrl: string
  /** Null: cursors do not cross nodes. */
  readonly redisUrl: string | null
  /** Null: a random one for each start. */
  readonly nodeId: string | null
  /** host:port that other nodes can reach; null: the listening address. */
  readonly advertise: string | null
  /** The same on every node, and nowhere else; at least 16 characters. */
  readonly secret: string
  /** Whether to bring the database's schema up to date at the start. */
  readonly migrate: boolean
  /** Whether to refuse to start under an advertised address that does not lead to this node, as seen from itself. */
  readonly checkAdvertise: boolean
}

/** What holds where nothing is said. */
export const clusterDefaults = { redisUrl: null, nodeId: null, advertise: null, migrate: true, checkAdvertise: true } as const

/** A secret that can be guessed lets anybody in as a node, who then reads and writes every document. */
const SECRET_CHARACTERS_MIN = 16

type Named = 'databaseUrl' | 'redisUrl' | 'secret' | 'nodeId' | 'advertise' | 'broadcast'

/** Where each setting came from, as its owner knows it: a flag, a variable, or an option. */
export type SettingNames = { readonly [Setting in Named]: string }

export const optionNames: SettingNames = {
  databaseUrl: 'cluster.databaseUrl',
  redisUrl: 'cluster.redisUrl',
  secret: 'cluster.secret',
  nodeId: 'cluster.nodeId',
  advertise: 'cluster.advertise',
  broadcast: 'broadcast',
}

/** Throws `invalid-configuration`, naming the setting and what it takes. Values that may hold a password are not repeated. */
export function checkCluster(config: ClusterConfig, broadcast: 'after-commit' | 'before-commit', names: SettingNames): void {
  const { databaseUrl, redisUrl, secret, nodeId, advertise } = config
  checkDatabaseUrl(databaseUrl, names.databaseUrl)
  checkSecret(secret, names.secret)
  if (redisUrl !== null) {
    if (redisUrl === '') throw invalid(`${names.redisUrl} is empty.`)
    parseRedisUrl(redisUrl)
  }
  if (nodeId !== null && !/^[\w.:-]{1,64}$/.test(nodeId))
    throw invalid(`${names.nodeId} is "${nodeId}"; it takes 1 to 64 letters, digits, and . _ : -`)
  if (advertise !== null && !isHostAndPort(advertise))
    throw invalid(`${names.advertise} is "${advertise}"; it takes host:port, such as node-1.internal:1234.`)
  if (broadcast === 'before-commit')
    throw invalid(
      `${names.broadcast} is "before-commit", which a cluster does not offer: a move could take back what others have seen. Leave it out.`,
    )
}

export function checkDatabaseUrl(url: string, name: string): void {
  if (!/^postgres(ql)?:\/\/./.test(url) || !URL.canParse(url))
    throw invalid(`${name} is not a PostgreSQL address; it takes postgres://user:password@host:port/database.`)
}

function checkSecret(secret: string, name: string): void {
  if (typeof secret === 'string' && secret.length >= SECRET_CHARACTERS_MIN) return
  const has = typeof secret !== 'string' || secret === '' ? 'is empty' : 'is too short'
  throw invalid(
    `${name} ${has}; it takes at least ${SECRET_CHARACTERS_MIN} characters, the same on every node and nowhere else. ` +
      'Make one with: openssl rand -hex 32',
  )
}

function isHostAndPort(value: string): boolean {
  const port = Number(/^(?:[^\s:/]+|\[[\da-fA-F:]+\]):(\d{1,5})$/.exec(value)?.[1] ?? Number.NaN)
  return port >= 1 && port <= 65_535
}

function invalid(message: string): WeftError {
  return new WeftError('invalid-configuration', message)
}
