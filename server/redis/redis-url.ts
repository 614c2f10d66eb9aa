// Where Redis is: one server, a master found through Sentinels, or a Redis Cluster. Parsed from one URL, with every fault named.
//
//   redis://[user:password@]host[:port][/database]            rediss:// for TLS
//   redis-sentinel://[user:password@]host:port,…/master-name   rediss-sentinel:// for TLS
//   redis-cluster://[user:password@]host:port,…                rediss-cluster:// for TLS
//
// Parameters: prefix=… (of all channels and keys, default weft), and for Sentinel sentinelUser=… and sentinelPassword=….
// User, password and parameters are percent-encoded.
import { WeftError } from '../../core/errors.js'

export interface RedisHost {
  readonly host: string
  readonly port: number
}

interface RedisAccess {
  readonly tls: boolean
  readonly username: string | null
  readonly password: string | null
  /** What the names of all channels and keys start with. */
  readonly prefix: string
}

export type RedisTarget =
  | (RedisAccess & RedisHost & { readonly kind: 'server'; readonly database: number })
  | (RedisAccess & {
      readonly kind: 'sentinel'
      readonly sentinels: readonly RedisHost[]
      readonly name: string
      readonly sentinelUsername: string | null
      readonly sentinelPassword: string | null
    })
  | (RedisAccess & { readonly kind: 'cluster'; readonly hosts: readonly RedisHost[] })

const schemes: Readonly<Record<string, { readonly kind: RedisTarget['kind']; readonly tls: boolean; readonly port: number }>> = {
  redis: { kind: 'server', tls: false, port: 6379 },
  rediss: { kind: 'server', tls: true, port: 6379 },
  'redis-sentinel': { kind: 'sentinel', tls: false, port: 26379 },
  'rediss-sentinel': { kind: 'sentinel', tls: true, port: 26379 },
  'redis-cluster': { kind: 'cluster', tls: false, port: 6379 },
  'rediss-cluster': { kind: 'cluster', tls: true, port: 6379 },
}

const defaultPrefix = 'weft'
const prefixPattern = /^[A-Za-z0-9_.:-]{1,64}$/
const urlPattern = /^([a-z-]+):\/\/(?:([^@/?]*)@)?([^@/?]*)(?:\/([^?]*))?(?:\?(.*))?$/

/** Throws `invalid-configuration`, in words that name the setting, which is called `name`, and never repeat the password. */
export function parseRedisUrl(url: string, name = 'cluster.redisUrl'): RedisTarget {
  try {
    return targetOf(url)
  } catch (thrown) {
    if (thrown instanceof Problem) throw new WeftError('invalid-configuration', `${name} ${thrown.message}.`)
    throw thrown
  }
}

/** What is wrong with the address, as the rest of a sentence. */
class Problem extends Error {}

function targetOf(url: string): RedisTarget {
  const [matched, schemeName = '', userinfo = '', authority = '', path = '', query = ''] = urlPattern.exec(url.trim()) ?? []
  const scheme = schemes[schemeName]
  if (matched === undefined || scheme === undefined) {
    throw invalid(
      'is not a Redis URL: it has to start with redis://, rediss://, redis-sentinel:// or redis-cluster://, followed by host:port',
    )
  }
  const { kind, tls, port } = scheme
  const colon = userinfo.indexOf(':')
  const username = decoded(colon < 0 ? userinfo : userinfo.slice(0, colon)) || null
  const password = colon < 0 ? null : decoded(userinfo.slice(colon + 1)) || null
  const parameters = parametersOf(query, kind)
  const prefix = parameters.get('prefix') ?? defaultPrefix
  if (!prefixPattern.test(prefix))
    throw invalid('has a prefix with other characters than letters, digits and . _ : -, or more than 64 of them')
  const access: RedisAccess = { tls, username, password, prefix }
  const hosts = authority.split(',').map((host) => hostOf(host, port))
  const [first, ...others] = hosts
  if (first === undefined) throw invalid('names no host')
  switch (kind) {
    case 'server':
      if (others.length > 0) throw invalid('names several hosts; use redis-sentinel:// or redis-cluster:// for more than one')
      return { kind, ...access, ...first, database: databaseOf(path) }
    case 'sentinel': {
      const name = decoded(path)
      if (name === '')
        throw invalid('names no master: redis-sentinel://host:port,host:port/name ends with the name that the Sentinels know it by')
      const sentinelUsername = parameters.get('sentinelUser') ?? null
      const sentinelPassword = parameters.get('sentinelPassword') ?? null
      return { kind, ...access, sentinels: hosts, name, sentinelUsername, sentinelPassword }
    }
    case 'cluster':
      if (path !== '' && path !== '0') throw invalid('names a database, but a Redis Cluster has only database 0')
      return { kind, ...access, hosts }
  }
}

/** For logs and messages: never the password. */
export function describeTarget(target: RedisTarget): string {
  const addresses = (hosts: readonly RedisHost[]): string => hosts.map(({ host, port }) => `${host}:${port}`).join(', ')
  switch (target.kind) {
    case 'server':
      return addresses([target])
    case 'sentinel':
      return `${target.name} (Sentinels ${addresses(target.sentinels)})`
    case 'cluster':
      return `the cluster at ${addresses(target.hosts)}`
  }
}

function hostOf(text: string, defaultPort: number): RedisHost {
  // An IPv6 address stands in brackets.
  const [matched, bracketed, plain, portText] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (matched === undefined || host === undefined) throw invalid('has a host that is not host or host:port')
  const port = portText === undefined ? defaultPort : Number(portText)
  if (port < 1 || port > 65_535) throw invalid(`has the port ${port}, which is not from 1 to 65535`)
  return { host, port }
}

function databaseOf(path: string): number {
  if (path === '') return 0
  if (!/^\d{1,5}$/.test(path)) throw invalid('has a path that is not a database number, such as redis://host:6379/0')
  return Number(path)
}

function parametersOf(query: string, kind: RedisTarget['kind']): URLSearchParams {
  const parameters = new URLSearchParams(query)
  const known = kind === 'sentinel' ? ['prefix', 'sentinelUser', 'sentinelPassword'] : ['prefix']
  for (const name of parameters.keys()) {
    if (!known.includes(name)) throw invalid(`has the parameter ${JSON.stringify(name)}; here it may have: ${known.join(', ')}`)
  }
  return parameters
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('has a user, password or name that is not percent-encoded UTF-8')
  }
}

function invalid(problem: string): Problem {
  return new Problem(problem)
}
