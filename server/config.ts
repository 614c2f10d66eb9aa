// Flags and environment → one frozen, validated Config. Flags beat the environment. Whatever is unknown or malformed is refused by name.
import { parseArgs } from 'node:util'
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
  readonly broadcast: 'after-commit' | 'before-commit'
}

export type Command = { readonly kind: 'serve'; readonly config: Config } | { readonly kind: 'help' } | { readonly kind: 'version' }

export const helpText = `Usage: weft serve [options]

Starts the sync server, with the demo at its address.

  --host <address>        where to listen (HOST; 127.0.0.1)
  --port <number>         the port, 0 for any free one (PORT; 1234)
  --data <folder>         where documents are kept (WEFT_DATA; ./data)
  --database-url <url>    a PostgreSQL database for documents (DATABASE_URL; not available yet)
  --redis-url <url>       a Redis server for presence across nodes (REDIS_URL; not available yet)
  --log-level <level>     ${logLevels.join(', ')} (LOG_LEVEL; info)
  --broadcast <when>      after-commit: nobody sees an edit that a crash can take back (the default);
                          before-commit: others see edits a little sooner, acknowledgements still mean committed
  --no-demo               do not serve the demo
  --help, --version
`

const options = {
  host: { type: 'string' },
  port: { type: 'string' },
  data: { type: 'string' },
  'database-url': { type: 'string' },
  'redis-url': { type: 'string' },
  'log-level': { type: 'string' },
  broadcast: { type: 'string' },
  'no-demo': { type: 'boolean' },
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
  if (command !== 'serve') throw invalid(`There is no command "${command}"; there is: serve.`)
  if (rest.length > 0) throw invalid(`weft serve takes no argument "${rest.join(' ')}"; its options begin with --.`)

  const read = (flag: 'host' | 'port' | 'data' | 'database-url' | 'redis-url' | 'log-level', variable: string): Setting | null => {
    const fromFlag = values[flag]
    if (fromFlag !== undefined) return { name: `--${flag}`, value: fromFlag }
    const fromEnvironment = environment[variable]
    // An empty variable is how shells and container files say "not set".
    return fromEnvironment === undefined || fromEnvironment === '' ? null : { name: variable, value: fromEnvironment }
  }
  refuseUntilThere(read('database-url', 'DATABASE_URL'), 'PostgreSQL')
  refuseUntilThere(read('redis-url', 'REDIS_URL'), 'Redis')
  return {
    kind: 'serve',
    config: Object.freeze({
      host: nonEmpty(read('host', 'HOST') ?? { name: '--host', value: '127.0.0.1' }),
      port: portOf(read('port', 'PORT') ?? { name: '--port', value: '1234' }),
      dataFolder: nonEmpty(read('data', 'WEFT_DATA') ?? { name: '--data', value: './data' }),
      logLevel: oneOf(read('log-level', 'LOG_LEVEL') ?? { name: '--log-level', value: 'info' }, logLevels),
      broadcast: oneOf({ name: '--broadcast', value: values.broadcast ?? 'after-commit' }, ['after-commit', 'before-commit'] as const),
      demo: values['no-demo'] !== true,
    }),
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

function refuseUntilThere(setting: Setting | null, engine: string): void {
  if (setting !== null)
    throw invalid(`${setting.name} is set, but this version of Weft cannot use ${engine} yet; unset it to run on the embedded store.`)
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
