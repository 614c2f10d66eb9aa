// `weft serve`: a server as its settings say, until a signal ends it. SIGHUP has it read its settings again.
import { systemClock } from '../../core/clock.js'
import { anyPattern } from '../../core/document-pattern.js'
import { asWeftError, WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import { createServer } from '../composition/create-server.js'
import { returnLoadingMemory } from '../composition/memory-return.js'
import { fitEngineToCores } from '../composition/one-core.js'
import type { ReloadOptions, WeftServer } from '../composition/weft-server.js'
import { settingsUnder, tuningIn } from '../config/program-options.js'
import type { misspelledVariables } from '../config/read-settings.js'
import { settingChanges } from '../config/reload.js'
import type { Settings } from '../config/settings.js'
import { createLogger, isForPeople, type LeveledLogger } from '../logging/logger.js'
import { greeting } from './greeting.js'

export interface ServeOptions {
  readonly settings: Settings
  /** Reads the settings anew from where they came from. Throws `invalid-configuration`. */
  readonly readAgain: () => Settings
  /** Variables that are none of ours and look like one. */
  readonly misspelled: ReturnType<typeof misspelledVariables>
  /** Ends the process; says why. */
  readonly fail: (thrown: unknown) => never
}

/** Resolves when the server listens. */
export async function serve({ settings, readAgain, misspelled, fail }: ServeOptions): Promise<void> {
  fitEngineToCores()
  const logger = createLogger(settings.logLevel, settings.logFormat)
  for (const { name, meant } of misspelled)
    logger.warn({ name }, `${name} is no variable of Weft, and changes nothing. Did you mean ${meant}?`)
  const server = await createServer({
    ...optionsOf(settings),
    keepDeleted: anyPattern(settings.keepDeleted),
    logger,
    ...(settings.demo ? {} : { demo: false }),
    onFatal: (error) => {
      logger.error({ code: error.code, err: error }, error.message)
      process.exit(1)
    },
  })
  returnLoadingMemory()
  try {
    await server.listen(settings.port, settings.host)
  } catch (thrown) {
    await server.close()
    throw thrown
  }
  server.ready.catch((thrown) => {
    // A start that was cancelled by a signal is no failure: the signal ends the process by itself.
    if (!(thrown instanceof WeftError && thrown.code === 'draining')) fail(thrown)
  })

  // Whoever is told to drain over the API ends as well: after the one who waits for the drain has heard whether it failed.
  void server.closed.then(() => systemClock.soon(() => process.exit(0)))

  const stop = (signal: NodeJS.Signals): void => {
    process.off('SIGTERM', stop).off('SIGINT', stop)
    // Whoever asks twice does not want to wait.
    const exitAtOnce = (): never => process.exit(1)
    process.on('SIGTERM', exitAtOnce).on('SIGINT', exitAtOnce)
    logger.info({ signal }, 'stopping')
    server.drain().then(() => process.exit(0), fail)
  }
  process.on('SIGTERM', stop).on('SIGINT', stop)
  // A terminal that is closed says it with the same signal, and ends what was started from it.
  if (process.stdin.isTTY !== true) reloadOnHangup(server, logger, settings, readAgain)
  // Only now: whoever reads it may stop the server at once, and expects a drain.
  process.stdout.write(`Weft listens on ${server.url}\n`)
  if (isForPeople(settings.logFormat, process.stdout)) process.stdout.write(greeting(settings, server.url))
}

function optionsOf(settings: Settings): ReloadOptions {
  const { databaseUrl, secret, ...cluster } = settingsUnder(settings, 'cluster')
  return {
    dataDir: settings.dataDir,
    broadcast: settings.broadcast,
    basePath: settings.basePath,
    trustedProxies: settings.trustedProxies,
    metricsPort: settings.metricsPort,
    metricsHost: settings.metricsHost,
    adminPage: settings.adminPage,
    adminPort: settings.adminPort,
    adminHost: settings.adminHost,
    traceOneIn: settings.traceOneIn,
    auditLog: settings.auditLog,
    access: settingsUnder(settings, 'access'),
    webhooks: settingsUnder(settings, 'webhooks'),
    drainWindowMs: settings.drainWindowMs,
    limits: settingsUnder(settings, 'limits'),
    tuning: tuningIn(settings),
    ...(databaseUrl === null || secret === null ? {} : { cluster: { ...cluster, databaseUrl, secret } }),
  }
}

/** One reload at a time, in the order of the signals. A settings file that is wrong changes nothing. */
function reloadOnHangup(server: WeftServer, logger: LeveledLogger, settings: Settings, readAgain: () => Settings): void {
  let inForce = settings
  const reload = async (): Promise<void> => {
    try {
      const next = readAgain()
      const changes = settingChanges(inForce, next)
      await server.reload(optionsOf(changes.settings))
      logger.setLevel(changes.settings.logLevel)
      inForce = changes.settings
      tell(logger, changes)
    } catch (thrown) {
      const error = asWeftError(thrown)
      logger.error(
        { code: error.code, err: error },
        `The settings were not reloaded, and those from before stay in force: ${error.message}`,
      )
    }
  }
  let reloading = Promise.resolve()
  process.on('SIGHUP', () => {
    reloading = reloading.then(reload)
  })
}

function tell(logger: Logger, { reloaded, needRestart }: ReturnType<typeof settingChanges>): void {
  if (reloaded.length > 0) logger.info({ reloaded }, 'settings were reloaded')
  else if (needRestart.length === 0) logger.info({ reloaded }, 'settings were read again; nothing changed')
  if (needRestart.length > 0)
    logger.warn(
      { needRestart },
      `These settings have changed and need a restart, until which they stay as they were: ${needRestart.join(', ')}`,
    )
}
