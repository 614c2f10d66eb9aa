// The one table of settings. From it follow the flags, the variables and the help of the command line, the settings file and its schema, the tables in the
// documentation, the types, and what `createServer` refuses.
import { WeftError } from '../../core/errors.js'
import { type LimitName, limitTable } from '../../core/limits.js'
import { defaultTuning } from '../document/tuning.js'
import { webhookEventNames } from '../webhooks/webhook-events.js'
import * as kinds from './kinds.js'

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]
export const logFormats = ['auto', 'pretty', 'json'] as const
export type LogFormat = (typeof logFormats)[number]
export const broadcasts = ['after-commit', 'before-commit'] as const

export const groups = {
  server: 'Where and how',
  access: 'Who may do what; without any of it the server listens on loopback and serves its own machine only',
  documents: 'Documents',
  history: 'History: what is kept',
  webhooks: 'Webhooks: who is told of changes',
  cluster: 'With a database the server is a node of a cluster, and the data folder is not used',
  limits: 'Limits: what happens past each stands in docs/settings.md',
} as const
export type Group = keyof typeof groups

export interface Setting<Value> {
  readonly kind: kinds.Kind<Value>
  readonly fallback: Value
  readonly group: Group
  /** Such as `--port`. A switch that is on by default has the flag that turns it off, such as `--no-demo`. */
  readonly flag: string
  readonly variable: string
  /** A secret, or holds one: it can also be given in a file, by `FLAG-file` or `VARIABLE_FILE`. */
  readonly secret: boolean
  /** What it is, as a part of a sentence. */
  readonly help: string
  /** What the default is, where its value does not say it. */
  readonly otherwise: string | null
  /** Whether it may change while the server runs. */
  readonly reloads: boolean
}

interface Details {
  readonly group: Group
  readonly flag: string
  readonly variable: string
  readonly help: string
  readonly secret?: boolean
  readonly otherwise?: string
  readonly reloads?: boolean
}

function setting<Value>(kind: kinds.Kind<Value>, fallback: Value, details: Details): Setting<Value> {
  return { kind, fallback, secret: false, otherwise: null, reloads: false, ...details }
}

/** What is made for the process at its start goes by these. All other limits may change while it runs. */
const limitsOfTheStart: ReadonlySet<string> = new Set<LimitName>([
  'messageBytesMax',
  'idleSocketsMax',
  'pendingBytesPerDocumentMax',
  'pendingBytesMax',
  'memoryBytesMax',
  'compactionBytesMax',
])

/** `limits.connectionsMax` has the flag `--connections-max` and the variable `WEFT_CONNECTIONS_MAX`. */
function limitSettings(): { readonly [Name in LimitName as `limits.${Name}`]: Setting<number> } {
  const entries = Object.entries(limitTable).map(([name, { value, bounds }]) => {
    const words = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    const kind = /Bytes/.test(name) ? kinds.bytes(1) : /Ms/.test(name) ? kinds.duration(1) : kinds.count(0)
    const variable = `WEFT_${words.replaceAll('-', '_').toUpperCase()}`
    const reloads = !limitsOfTheStart.has(name)
    return [`limits.${name}`, setting(kind, value, { group: 'limits', flag: `--${words}`, variable, help: bounds, reloads })]
  })
  return Object.fromEntries(entries)
}

export const settings = {
  host: setting(kinds.text('<address>'), '127.0.0.1', { group: 'server', flag: '--host', variable: 'HOST', help: 'where to listen' }),
  port: setting(kinds.port, 1234, { group: 'server', flag: '--port', variable: 'PORT', help: 'the port, 0 for any free one' }),
  metricsPort: setting(kinds.optional(kinds.port), null, {
    group: 'server',
    flag: '--metrics-port',
    variable: 'WEFT_METRICS_PORT',
    help: 'a port of its own for /metrics and the probes, 0 for any free one; the other one then has no /metrics',
    otherwise: 'they are on the other port',
  }),
  metricsHost: setting(kinds.text('<address>'), '127.0.0.1', {
    group: 'server',
    flag: '--metrics-host',
    variable: 'WEFT_METRICS_HOST',
    help: 'where that port listens',
  }),
  adminPage: setting(kinds.flag, true, {
    group: 'server',
    flag: '--no-admin-page',
    variable: 'WEFT_ADMIN_PAGE',
    help: 'serve the admin page at /admin, for whoever has the right admin on everything; while nobody configured who may do what, for this machine only',
  }),
  adminPort: setting(kinds.optional(kinds.port), null, {
    group: 'server',
    flag: '--admin-port',
    variable: 'WEFT_ADMIN_PORT',
    help: 'a port of its own for the admin page and the API that it uses, 0 for any free one; the other one then has neither /admin nor /api/v1/admin',
    otherwise: 'they are on the other port',
  }),
  adminHost: setting(kinds.text('<address>'), '127.0.0.1', {
    group: 'server',
    flag: '--admin-host',
    variable: 'WEFT_ADMIN_HOST',
    help: 'where that port listens',
  }),
  dataDir: setting(kinds.text('<folder>'), './data', {
    group: 'server',
    flag: '--data',
    variable: 'WEFT_DATA',
    help: 'the folder of the embedded store, where documents are kept',
  }),
  basePath: setting(kinds.basePath, '', {
    group: 'server',
    flag: '--base-path',
    variable: 'BASE_PATH',
    help: 'what everything is under, such as /collab, behind a proxy that passes paths through unchanged',
  }),
  trustedProxies: setting(kinds.proxies, [], {
    group: 'server',
    reloads: true,
    flag: '--trusted-proxies',
    variable: 'TRUSTED_PROXIES',
    help:
      'proxies that say in X-Forwarded-For whom they speak for: addresses, networks as 10.0.0.0/8, loopback, linklocal, uniquelocal, with commas between; ' +
      'limits for each client address follow it',
  }),
  transports: setting(kinds.transports, ['websocket', 'sse', 'poll'], {
    group: 'server',
    flag: '--transports',
    variable: 'WEFT_TRANSPORTS',
    help:
      'how clients may connect, with commas between: websocket; sse and poll, which are for our client behind a proxy that lets no WebSocket through ' +
      '(server-sent events or long polls, and POSTs)',
  }),
  demo: setting(kinds.flag, true, { group: 'server', flag: '--no-demo', variable: 'WEFT_DEMO', help: 'serve the demo at /' }),
  drainWindowMs: setting(kinds.duration(), 20_000, {
    group: 'server',
    reloads: true,
    flag: '--drain-window',
    variable: 'WEFT_DRAIN_WINDOW',
    help: 'the longest time over which a drain spreads the closes; with few connections it takes much less',
  }),
  logLevel: setting(kinds.choice('<level>', logLevels), 'info', {
    group: 'server',
    reloads: true,
    flag: '--log-level',
    variable: 'LOG_LEVEL',
    help: logLevels.join(', '),
  }),
  logFormat: setting(kinds.choice('<format>', logFormats), 'auto', {
    group: 'server',
    flag: '--log-format',
    variable: 'LOG_FORMAT',
    help: 'pretty: lines for people; json: one object a line; auto: pretty on a terminal, json elsewhere',
  }),

  traceOneIn: setting(kinds.count(0), 1_000, {
    group: 'server',
    flag: '--trace-one-in',
    variable: 'WEFT_TRACE_ONE_IN',
    help: 'of so many edits one is followed with OpenTelemetry, where a provider of it is registered when the server starts; 0: none',
  }),

  auditLog: setting(kinds.optional(kinds.text('<file>')), null, {
    group: 'access',
    flag: '--audit-log',
    variable: 'WEFT_AUDIT_LOG',
    help:
      'a file to which a line of JSON is added for each change over the API, each export, each session that begins or ends, and each refusal: ' +
      'who, what, when',
    otherwise: 'none',
  }),

  'access.jwtSecret': setting(kinds.optional(kinds.tokenSecret), null, {
    group: 'access',
    flag: '--jwt-secret',
    variable: 'WEFT_JWT_SECRET',
    secret: true,
    help: 'takes JSON Web Tokens that are signed with this secret (HS256, HS384, HS512), at least 32 characters',
    otherwise: 'none are taken',
  }),
  'access.jwtPublicKey': setting(kinds.optional(kinds.text('<file>')), null, {
    group: 'access',
    flag: '--jwt-public-key',
    variable: 'WEFT_JWT_PUBLIC_KEY',
    help: 'takes those signed with the private key to this public one (RSA, EC or Ed25519): a file with it as PEM, or the PEM itself',
    otherwise: 'none are taken',
  }),
  'access.jwksUrl': setting(kinds.optional(kinds.webUrl), null, {
    group: 'access',
    flag: '--jwks-url',
    variable: 'WEFT_JWKS_URL',
    help: 'takes those signed with a key of this key set, which is fetched, and fetched again as keys change',
    otherwise: 'none are taken',
  }),
  'access.jwtIssuer': setting(kinds.optional(kinds.text('<text>')), null, {
    group: 'access',
    flag: '--jwt-issuer',
    variable: 'WEFT_JWT_ISSUER',
    help: 'the claim iss that tokens must have',
    otherwise: 'any',
  }),
  'access.jwtAudience': setting(kinds.texts, [], {
    group: 'access',
    flag: '--jwt-audience',
    variable: 'WEFT_JWT_AUDIENCE',
    help: 'claims aud of which tokens must have one, with commas between',
    otherwise: 'any',
  }),
  'access.jwtClockToleranceMs': setting(kinds.duration(), 5_000, {
    group: 'access',
    flag: '--jwt-clock-tolerance',
    variable: 'WEFT_JWT_CLOCK_TOLERANCE',
    help: 'how far the clock of whoever issues tokens may be from ours',
  }),
  'access.adminKey': setting(kinds.optional(kinds.adminKey), null, {
    group: 'access',
    flag: '--admin-key',
    variable: 'WEFT_ADMIN_KEY',
    secret: true,
    help: 'a token that may do everything, for operators and to make API keys with; at least 16 characters',
    otherwise: 'none',
  }),
  'access.tokenCookie': setting(kinds.optional(kinds.cookieName), null, {
    group: 'access',
    flag: '--token-cookie',
    variable: 'WEFT_TOKEN_COOKIE',
    help: 'a cookie that may hold the token; it counts for pages of this host, and of allowed origins',
    otherwise: 'none',
  }),
  'access.allowedOrigins': setting(kinds.origins, [], {
    group: 'access',
    reloads: true,
    flag: '--allowed-origins',
    variable: 'WEFT_ALLOWED_ORIGINS',
    help: 'pages of these origins may connect, and no others: https://app.example.com, https://*.example.com, with commas between',
    otherwise: 'pages from anywhere may, if they show a good token',
  }),
  'access.stampUser': setting(kinds.optional(kinds.fieldName), null, {
    group: 'access',
    flag: '--stamp-user',
    variable: 'WEFT_STAMP_USER',
    help: 'a field of awareness states, such as user, into which the server writes the id and name of the authenticated user, whatever the client says there',
    otherwise: 'clients say who they are',
  }),
  'access.bindClientIds': setting(kinds.flag, false, {
    group: 'access',
    flag: '--bind-client-ids',
    variable: 'WEFT_BIND_CLIENT_IDS',
    help: 'refuse edits under a Yjs client id that another user was the first to write under in the document; set it on all nodes',
  }),
  'access.insecureOpen': setting(kinds.flag, false, {
    group: 'access',
    flag: '--insecure-open',
    variable: 'WEFT_INSECURE_OPEN',
    help: 'let everybody who can reach the server read and write everything',
  }),
  'access.publishedAt': setting(kinds.optional(kinds.text('<address>')), null, {
    group: 'access',
    flag: '--published-at',
    variable: 'WEFT_PUBLISHED_AT',
    help: 'where others reach a server that listens in a container, such as 127.0.0.1; example secrets are taken on loopback only',
    otherwise: 'the listening address',
  }),

  broadcast: setting(kinds.choice('<when>', broadcasts), 'after-commit', {
    group: 'documents',
    flag: '--broadcast',
    variable: 'WEFT_BROADCAST',
    help:
      'after-commit: nobody sees an edit that a crash can take back; before-commit: others see edits a little sooner, acknowledgements still mean ' +
      'committed; not in a cluster',
  }),
  keepDeleted: setting(kinds.patterns, [], {
    group: 'documents',
    flag: '--keep-deleted',
    variable: 'WEFT_KEEP_DELETED',
    help:
      "keep what is deleted in documents of these names, for Yjs's own snapshots; may be given several times; " +
      '* stands for anything within a segment of the path, ** for anything at all',
  }),
  quotas: setting(kinds.quotas, [], {
    group: 'documents',
    flag: '--quota',
    variable: 'WEFT_QUOTA',
    help:
      'what documents of these names may have: a pattern, and documents=NUMBER, document-bytes=BYTES, log-bytes-per-day=BYTES or some of these; may be given several ' +
      'times; past it edits are refused and reading goes on',
    otherwise: 'none',
  }),
  'tuning.idleMs': setting(kinds.duration(), defaultTuning.idleMs, {
    group: 'documents',
    reloads: true,
    flag: '--idle',
    variable: 'WEFT_IDLE',
    help: 'how long a document without sessions stays in memory',
  }),
  'tuning.paceMsMin': setting(kinds.duration(), defaultTuning.paceMsMin, {
    group: 'documents',
    reloads: true,
    flag: '--pace-min',
    variable: 'WEFT_PACE_MIN',
    help: 'the longest that edits wait for the next broadcast of a document on which eight people are, once it or the process is busy',
  }),
  'tuning.paceMsMax': setting(kinds.duration(), defaultTuning.paceMsMax, {
    group: 'documents',
    reloads: true,
    flag: '--pace-max',
    variable: 'WEFT_PACE_MAX',
    help: 'the same with 250 people and more; between the two it rises with their number',
  }),

  'tuning.retention.logWindowMs': setting(kinds.duration(), defaultTuning.retention.logWindowMs, {
    group: 'history',
    reloads: true,
    flag: '--retention-log',
    variable: 'WEFT_RETENTION_LOG',
    help: 'how far back every single edit can be read',
  }),
  'tuning.retention.hourlySnapshots': setting(kinds.count(), defaultTuning.retention.hourlySnapshots, {
    group: 'history',
    reloads: true,
    flag: '--retention-hourly',
    variable: 'WEFT_RETENTION_HOURLY',
    help: 'snapshots that stay, one for each of the last hours that have one',
  }),
  'tuning.retention.dailySnapshots': setting(kinds.count(), defaultTuning.retention.dailySnapshots, {
    group: 'history',
    reloads: true,
    flag: '--retention-daily',
    variable: 'WEFT_RETENTION_DAILY',
    help: 'snapshots that stay, one for each of the last days that have one; kept versions stay for good',
  }),

  'webhooks.urls': setting(kinds.webUrls, [], {
    group: 'webhooks',
    reloads: true,
    flag: '--webhook-urls',
    variable: 'WEFT_WEBHOOK_URLS',
    secret: true,
    help: 'addresses that get a signed POST when documents have changed, with commas between; in a cluster the same on all nodes',
  }),
  'webhooks.secret': setting(kinds.optional(kinds.webhookSecret), null, {
    group: 'webhooks',
    reloads: true,
    flag: '--webhook-secret',
    variable: 'WEFT_WEBHOOK_SECRET',
    secret: true,
    help: 'what they are signed with, as Standard Webhooks has it: whsec_ and base64, or any text of at least 24 characters',
    otherwise: 'required',
  }),
  'webhooks.quietMs': setting(kinds.duration(), 2_000, {
    group: 'webhooks',
    reloads: true,
    flag: '--webhook-quiet',
    variable: 'WEFT_WEBHOOK_QUIET',
    help: 'how long a document has to be quiet before it is told',
  }),
  'webhooks.waitMsMax': setting(kinds.duration(), 10_000, {
    group: 'webhooks',
    reloads: true,
    flag: '--webhook-wait',
    variable: 'WEFT_WEBHOOK_WAIT',
    help: 'after this long it is told though it is not quiet',
  }),
  'webhooks.events': setting(kinds.webhookEvents, ['document.changed'], {
    group: 'webhooks',
    flag: '--webhook-events',
    variable: 'WEFT_WEBHOOK_EVENTS',
    help: `what these addresses are told of, with commas between: ${webhookEventNames.join(', ')}`,
  }),
  'webhooks.attemptsMax': setting(kinds.count(1), 15, {
    group: 'webhooks',
    flag: '--webhook-attempts',
    variable: 'WEFT_WEBHOOK_ATTEMPTS',
    help: 'how often an event that no log tells of is tried, with longer and longer waits up to an hour, before it is put aside as a dead letter',
  }),

  'cluster.databaseUrl': setting(kinds.optional(kinds.databaseUrl), null, {
    group: 'cluster',
    flag: '--database-url',
    variable: 'DATABASE_URL',
    secret: true,
    help: 'postgres://user:password@host:port/database',
    otherwise: 'this machine alone',
  }),
  'cluster.redisUrl': setting(kinds.optional(kinds.redisUrl), null, {
    group: 'cluster',
    flag: '--redis-url',
    variable: 'REDIS_URL',
    secret: true,
    help: 'redis://, rediss://, redis-sentinel://host:port,host:port/name, redis-cluster://host:port,…; cursors and presence cross nodes over it',
    otherwise: 'they do not cross nodes',
  }),
  'cluster.secret': setting(kinds.optional(kinds.secret), null, {
    group: 'cluster',
    flag: '--cluster-secret',
    variable: 'CLUSTER_SECRET',
    secret: true,
    help: 'what the nodes of a cluster know and nobody else does, at least 16 characters; openssl rand -hex 32 makes one',
    otherwise: 'required',
  }),
  'cluster.nodeId': setting(kinds.optional(kinds.nodeName), null, {
    group: 'cluster',
    flag: '--node-id',
    variable: 'NODE_ID',
    help: 'names this node, the same at each of its starts; two nodes with one id replace each other',
    otherwise: 'random',
  }),
  'cluster.advertise': setting(kinds.optional(kinds.hostAndPort), null, {
    group: 'cluster',
    flag: '--advertise',
    variable: 'ADVERTISE',
    help: 'where other nodes reach this one',
    otherwise: 'the listening address',
  }),
  'cluster.checkAdvertise': setting(kinds.flag, true, {
    group: 'cluster',
    flag: '--no-advertise-check',
    variable: 'WEFT_ADVERTISE_CHECK',
    help: 'look at the start whether that address leads to this node; not for networks in which only others can reach it there',
  }),
  'cluster.migrate': setting(kinds.flag, true, {
    group: 'cluster',
    flag: '--no-migrate',
    variable: 'WEFT_MIGRATE',
    help: "bring the database's schema up to date; else refuse to start if it is not",
  }),

  ...limitSettings(),
} as const

export type SettingName = keyof typeof settings
type ValueOf<Entry> = Entry extends Setting<infer Value> ? Value : never
/** The value of each setting. */
export type Settings = { readonly [Name in SettingName]: ValueOf<(typeof settings)[Name]> }

export const settingNames = Object.keys(settings) as SettingName[]

/** A setting by its name, whatever its value is. */
export function settingOf(name: SettingName): Setting<unknown> {
  return settings[name] as Setting<unknown>
}

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(settings, name)
}

export const defaultSettings: Settings = Object.freeze(
  Object.fromEntries(settingNames.map((name) => [name, settingOf(name).fallback])),
) as unknown as Settings

/**
 * What settings may not be together. `nameOf` says what each is called where it came from. Throws `invalid-configuration`.
 */
export function checkTogether(values: Settings, nameOf: (name: SettingName) => string): void {
  const refuse = (problem: string): never => {
    throw new WeftError('invalid-configuration', problem)
  }
  if (values['limits.outboxBytesLow'] > values['limits.outboxBytesHigh'])
    refuse(`${nameOf('limits.outboxBytesLow')} is above ${nameOf('limits.outboxBytesHigh')}; the low mark lies below the high one.`)
  if (values['tuning.paceMsMin'] > values['tuning.paceMsMax'])
    refuse(`${nameOf('tuning.paceMsMin')} is above ${nameOf('tuning.paceMsMax')}; a crowded document is not faster than a quiet one.`)
  const keys = (['access.jwtSecret', 'access.jwtPublicKey', 'access.jwksUrl'] as const).filter((name) => values[name] !== null)
  if (keys.length > 1) refuse(`${keys.map(nameOf).join(' and ')} are both set; tokens are checked with one of them.`)
  if (keys.length === 0)
    for (const name of ['access.jwtIssuer', 'access.jwtAudience'] as const)
      if (values[name] !== null && values[name].length > 0)
        refuse(`${nameOf(name)} is set, and no key to check tokens with: set a secret, a public key or the address of a key set.`)
  if (values['access.insecureOpen'] && (keys.length > 0 || values['access.adminKey'] !== null))
    refuse(`${nameOf('access.insecureOpen')} is set, and who may do what is configured as well; leave one of them out.`)
  if (values['webhooks.urls'].length > 0 && values['webhooks.secret'] === null)
    refuse(
      `${nameOf('webhooks.urls')} is set, and not ${nameOf('webhooks.secret')}: a receiver cannot tell our messages from anybody else's.`,
    )
  if (values['cluster.databaseUrl'] === null) {
    if (values['cluster.redisUrl'] !== null)
      refuse(
        `${nameOf('cluster.redisUrl')} is set, but not ${nameOf('cluster.databaseUrl')}: one machine needs no Redis. Set both, or neither.`,
      )
    return
  }
  if (values['cluster.secret'] === null) refuse(kinds.secretMissing(nameOf('cluster.secret'), 'is empty'))
  if (values.broadcast === 'before-commit')
    refuse(
      `${nameOf('broadcast')} is "before-commit", which a cluster does not offer: a move could take back what others have seen. Leave it out.`,
    )
}
