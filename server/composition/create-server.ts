// Makes a server from the options of a program: what it is to be, checked, and what all of it stands on.
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../core/clock.js'
import { Counters } from '../../core/counters.js'
import { WeftError } from '../../core/errors.js'
import { MemoryBudget } from '../../core/memory-budget.js'
import { openingStore } from '../../core/public-words.js'
import { systemRandom } from '../../core/random.js'
import { auditedSessions } from '../access/audit-trail.js'
import { NodeGatekeeper } from '../access/node-credentials.js'
import { Resumptions } from '../access/resumptions.js'
import type { RegisteredSession, SessionEvents } from '../access/session-registry.js'
import { readStaticFiles } from '../api/routes/static-files.js'
import { settingsFromOptions, settingsUnder } from '../config/program-options.js'
import type { Settings } from '../config/settings.js'
import { quotaRule } from '../document/quota-rule.js'
import { defaultTuning } from '../document/tuning.js'
import { AuditLog } from '../logging/audit-log.js'
import { LimitedLogger } from '../logging/limited-logger.js'
import { createLogger } from '../logging/logger.js'
import { editTracesOf } from '../tracing/edit-traces-of.js'
import { accessControlOf } from './access.js'
import { LiveSettings } from './live-settings.js'
import type { ServerNode } from './node.js'
import { OperatorNotes } from './operator-desk.js'
import { checkOptionNames } from './option-names.js'
import { ProgramHooks } from './program-hooks.js'
import { Server } from './server.js'
import type { ServerOptions } from './server-options.js'
import type { StartNode } from './server-parts.js'
import { startAlone } from './start-alone.js'
import type { ClusterConfig } from './start-member.js'
import type { NodeBase } from './started-node.js'
import { packageVersion } from './version.js'
import type { WeftServer } from './weft-server.js'

const demoFolder = fileURLToPath(new URL('../../demo', import.meta.url))
const adminFolder = fileURLToPath(new URL('../../admin', import.meta.url))

/**
 * Opens the embedded store and takes ownership; a node of a cluster does that once it listens. Rejects with `data-folder-in-use`,
 * `data-folder-unwritable`, `data-folder-newer`, `data-folder-damaged` or a store error, and with `invalid-configuration` for settings that cannot be, or contradict
 * each other.
 */
export async function createServer(options: ServerOptions = {}): Promise<WeftServer> {
  checkOptionNames(options)
  const settings = settingsFromOptions({ ...options })
  const cluster = clusterOf(settings, options)
  const files = options.demo === false ? new Map() : await readStaticFiles(options.demo ?? demoFolder)
  const adminFiles = settings.adminPage ? await readStaticFiles(adminFolder) : new Map()
  const clock = options.clock ?? systemClock
  const live = new LiveSettings(settings, { ...defaultTuning, ...options.tuning }, clock)
  const { limits, tuning } = live
  const random = options.random ?? systemRandom
  const logger = new LimitedLogger({ logger: options.logger ?? createLogger('warn'), clock, limits })
  const counters = new Counters()
  const version = await packageVersion()
  const hooks = new ProgramHooks(options.hooks ?? {}, { clock, random, logger, limits }, () => server.node?.history ?? null)
  const audit = settings.auditLog === null ? null : new AuditLog(settings.auditLog, logger, clock)
  const notes = new OperatorNotes(clock)
  const sessionEvents = [
    hooks.sessionEvents,
    webhookSessions(() => server.node),
    audit === null ? null : auditedSessions(audit, clock),
  ].filter((events) => events !== null)
  const base: NodeBase = {
    clock,
    random,
    logger,
    limits,
    counters,
    budget: new MemoryBudget(limits.memoryBytesMax),
    audit,
    access: await accessControlOf(live, options, { clock, random, logger, counters, limits }, sessionEvents),
    resumptions: new Resumptions(clock, random),
    editGuard: hooks.editGuard,
    connectGuard: hooks.connectGuard,
    observer: notes.observing(hooks.observer),
    refused: (refusal) => notes.refused(refusal),
    mayPass: hooks.mayPass,
    heard: hooks.heard,
    beforeClose: () => hooks.close(),
    // Whenever the node comes up.
    get webhooks() {
      return live.webhooks
    },
    desk: (question) => server.answerDesk(question),
    traces: await editTracesOf({ oneIn: settings.traceOneIn, version, clock, random, logger }),
    broadcast: settings.broadcast,
    stampUser: settings['access.stampUser'],
    bindClientIds: settings['access.bindClientIds'],
    keepDeleted: options.keepDeleted ?? (() => false),
    quotas: settings.quotas.map((quota) => quotaRule(quota, 'quotas')),
    tuning,
    onFatal: (error) => server.fail(error),
  }
  const gatekeeper = cluster === null ? null : new NodeGatekeeper({ secret: cluster.secret, clock, random })
  const startNode: StartNode =
    cluster === null || gatekeeper === null
      ? (_, __, cancelled) => startAlone(base, { dataDir: settings.dataDir, store: options.store ?? null, cancelled })
      : async (url, waiting, cancelled) => {
          // A server that is alone loads neither the clients of PostgreSQL and Redis nor what uses them.
          const { startMember } = await import('./start-member.js')
          return startMember(base, { config: cluster, url, version, gatekeeper, waiting, cancelled })
        }
  const onFatal = options.onFatal ?? (() => process.exit(1))
  const server = new Server({ live, base, audit, files, adminFiles, notes, gatekeeper, version, startNode, onFatal })
  await server.open()
  if (cluster !== null) return server
  server.begin('', openingStore)
  try {
    await server.ready
  } catch (thrown) {
    await server.close()
    throw thrown
  }
  return server
}

/** Tells webhooks who comes and goes. */
function webhookSessions(node: () => ServerNode | null): SessionEvents {
  const tell = (type: 'session.opened' | 'session.closed', { sessionId, documentId, user, name, permission }: RegisteredSession): void =>
    void node()?.webhooks.happened({ type, data: { documentId, sessionId, user, name, permission } })
  return { opened: (session) => tell('session.opened', session), closed: (session) => tell('session.closed', session) }
}

/** Null: a server that is alone. Throws `invalid-configuration`. */
function clusterOf(settings: Settings, { store, cluster }: ServerOptions): ClusterConfig | null {
  if (cluster === undefined) return null
  if (store !== undefined)
    throw new WeftError(
      'invalid-configuration',
      'cluster and store are both set: the documents of a cluster are in its database. Leave one of them out.',
    )
  const { databaseUrl, secret, ...rest } = settingsUnder(settings, 'cluster')
  if (databaseUrl === null || secret === null)
    throw new WeftError('invalid-configuration', 'cluster is without databaseUrl or secret; it needs both.')
  return { databaseUrl, secret, ...rest }
}
