// The command line: `weft serve` and its companions. Exit codes: 0 stopped cleanly, 1 failed, 2 wrong usage.
import { WeftError } from '../core/errors.js'
import { Refused } from './commands/api-target.js'
import { documentCommands } from './commands/document-commands.js'
import { packageVersion } from './composition/version.js'
import { parseCommand } from './config/command-line.js'
import { misspelledVariables } from './config/read-settings.js'
import type { LogFormat, LogLevel } from './config/settings.js'
import { settingsSchema } from './config/settings-schema.js'

const FAILED = 1
const WRONG_USAGE = 2

/** Resolves when all is done; of `serve` that is not before a signal. */
async function main(): Promise<void> {
  const command = parseCommand(process.argv.slice(2), process.env, documentCommands)
  switch (command.kind) {
    case 'help':
      process.stdout.write(command.text)
      return
    case 'schema':
      process.stdout.write(`${JSON.stringify(settingsSchema(), null, 2)}\n`)
      return
    case 'version':
      process.stdout.write(`${await packageVersion()}\n`)
      return
    case 'migrate':
      await migrateDatabase(command.databaseUrl, command.logLevel, command.logFormat)
      return
    case 'lift-quarantine': {
      const [{ createLogger }, { liftQuarantine }] = await Promise.all([
        import('./logging/logger.js'),
        import('./commands/lift-quarantine.js'),
      ])
      await liftQuarantine({ ...command, logger: createLogger(command.logLevel, command.logFormat) })
      process.stdout.write('Lifted. All of the document is tried again when it is opened the next time.\n')
      return
    }
    case 'documents':
      await command.command.run(command.given)
      return
    case 'serve': {
      // Loaded only now, so that wrong usage and --help are answered without the engine.
      const { serve } = await import('./commands/serve.js')
      await serve({ settings: command.settings, readAgain: command.readAgain, misspelled: misspelledVariables(process.env), fail })
      await new Promise(() => {})
    }
  }
}

async function migrateDatabase(url: string, logLevel: LogLevel, logFormat: LogFormat): Promise<void> {
  const [{ createLogger }, { Database }, { migrate }] = await Promise.all([
    import('./logging/logger.js'),
    import('../persistence/postgres/database.js'),
    import('../persistence/postgres/migrate.js'),
  ])
  const database = new Database({ url, logger: createLogger(logLevel, logFormat) })
  try {
    const { from, to } = await migrate(database)
    process.stdout.write(
      from === to ? `The database is up to date (version ${to}).\n` : `Migrated the database from version ${from} to ${to}.\n`,
    )
  } finally {
    await database.close()
  }
}

function fail(thrown: unknown): never {
  if (thrown instanceof Refused) {
    process.stderr.write(`weft: ${thrown.message}\n`)
    process.exit(FAILED)
  }
  if (thrown instanceof WeftError) {
    process.stderr.write(`weft: ${thrown.message}\n`)
    process.exit(thrown.code === 'invalid-configuration' ? WRONG_USAGE : FAILED)
  }
  process.stderr.write(`weft: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}\n`)
  process.exit(FAILED)
}

process.on('unhandledRejection', fail)
// By itself Node first waits, and may wait for ever, for what native modules have under way.
main().then(() => process.stdout.write('', () => process.exit()), fail)
