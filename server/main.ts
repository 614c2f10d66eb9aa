#!/usr/bin/env node
// The command line: `weft serve`. Exit codes: 0 stopped cleanly, 1 failed, 2 wrong usage.
import { readFile } from 'node:fs/promises'
import { WeftError } from '../core/errors.js'
import { type Config, helpText, parseCommand } from './config.js'

const FAILED = 1
const WRONG_USAGE = 2

async function main(): Promise<void> {
  const command = parseCommand(process.argv.slice(2), process.env)
  switch (command.kind) {
    case 'help':
      process.stdout.write(helpText)
      return
    case 'version':
      process.stdout.write(`${await packageVersion()}\n`)
      return
    case 'serve':
      await serve(command.config)
  }
}

async function serve(config: Config): Promise<void> {
  // Loaded only now, so that wrong usage and --help are answered without the engine.
  const [{ createLogger }, { createServer }] = await Promise.all([import('./log.js'), import('./server.js')])
  const logger = createLogger(config.logLevel)
  const server = await createServer({
    dataDir: config.dataFolder,
    broadcast: config.broadcast,
    logger,
    ...(config.demo ? {} : { demo: false }),
    onFatal: (error) => {
      logger.error({ code: error.code, err: error }, error.message)
      process.exit(FAILED)
    },
  })
  try {
    await server.listen(config.port, config.host)
  } catch (thrown) {
    await server.close()
    throw thrown
  }
  process.stdout.write(`Weft listens on ${server.url}\n`)

  const stop = (signal: NodeJS.Signals): void => {
    process.off('SIGTERM', stop).off('SIGINT', stop)
    // Whoever asks twice does not want to wait.
    const exitAtOnce = (): never => process.exit(FAILED)
    process.on('SIGTERM', exitAtOnce).on('SIGINT', exitAtOnce)
    logger.info({ signal }, 'stopping')
    server.drain().then(() => process.exit(0), fail)
  }
  process.on('SIGTERM', stop).on('SIGINT', stop)
}

/** The version in the nearest package.json above this file. */
async function packageVersion(): Promise<string> {
  for (const folder of ['../', '../../', '../../../']) {
    const text = await readFile(new URL(`${folder}package.json`, import.meta.url), 'utf8').catch(() => null)
    const manifest: unknown = text === null ? null : JSON.parse(text)
    if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version)
  }
  return 'unknown'
}

function fail(thrown: unknown): never {
  if (thrown instanceof WeftError) {
    process.stderr.write(`weft: ${thrown.message}\n`)
    process.exit(thrown.code === 'invalid-configuration' ? WRONG_USAGE : FAILED)
  }
  process.stderr.write(`weft: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}\n`)
  process.exit(FAILED)
}

process.on('unhandledRejection', fail)
main().catch(fail)
