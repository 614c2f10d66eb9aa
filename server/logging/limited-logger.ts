// A logger in front of another that bounds what a stranger can make the server write: so many lines of a kind, and of a kind about one
// connection, in each stretch of ten seconds. What was left out is counted, and said in one line when the stretch is over.
import type { Clock, Timer } from '../../core/clock.js'
import type { Limits } from '../../core/limits.js'
import type { Logger } from '../../core/log.js'

const STRETCH_MS = 10_000
/**
 * Kinds that are told apart in a stretch; further ones count as one. Kinds are codes and fixed sentences, so that only a bug makes so many.
 */
const KINDS_MAX = 1_000

type Level = 'info' | 'warn' | 'error'

interface Kind {
  readonly level: Level
  /** The code, or the sentence where there is none. */
  readonly name: string
  written: number
  leftOut: number
  /** How many of those written were about each connection. */
  readonly byConnection: Map<unknown, number>
}

export interface LimitedLoggerOptions {
  readonly logger: Logger
  readonly clock: Clock
  readonly limits: Pick<Limits, 'logLinesPerKindMax' | 'logLinesPerConnectionMax'>
}

export class LimitedLogger implements Logger {
  readonly #options: LimitedLoggerOptions
  readonly #kinds = new Map<string, Kind>()
  #stretch: Timer | null = null

  constructor(options: LimitedLoggerOptions) {
    this.#options = options
  }

  /** Whoever asks for these gets them all. */
  debug(fields: object, message: string): void {
    this.#options.logger.debug(fields, message)
  }

  info(fields: object, message: string): void {
    this.#write('info', fields, message)
  }

  warn(fields: object, message: string): void {
    this.#write('warn', fields, message)
  }

  error(fields: object, message: string): void {
    this.#write('error', fields, message)
  }

  #write(level: Level, fields: object, message: string): void {
    const { code, connection } = fields as { readonly code?: unknown; readonly connection?: unknown }
    const kind = this.#kindOf(level, typeof code === 'string' ? code : message)
    if (this.#mayWrite(kind, connection)) this.#options.logger[level](fields, message)
    else kind.leftOut++
  }

  #mayWrite(kind: Kind, connection: unknown): boolean {
    const { logLinesPerKindMax, logLinesPerConnectionMax } = this.#options.limits
    if (kind.written >= logLinesPerKindMax) return false
    if (connection !== undefined) {
      const before = kind.byConnection.get(connection) ?? 0
      if (before >= logLinesPerConnectionMax) return false
      kind.byConnection.set(connection, before + 1)
    }
    kind.written++
    return true
  }

  #kindOf(level: Level, name: string): Kind {
    const key = `${level} ${name}`
    const known = this.#kinds.get(key)
    if (known !== undefined) return known
    if (this.#kinds.size >= KINDS_MAX && name !== 'other') return this.#kindOf(level, 'other')
    const kind: Kind = { level, name, written: 0, leftOut: 0, byConnection: new Map() }
    this.#kinds.set(key, kind)
    this.#stretch ??= this.#options.clock.after(STRETCH_MS, () => this.#end(), { unref: true })
    return kind
  }

  #end(): void {
    this.#stretch = null
    const kinds = [...this.#kinds.values()]
    this.#kinds.clear()
    for (const { level, name, leftOut } of kinds) {
      if (leftOut > 0)
        this.#options.logger[level]({ kind: name, leftOut }, `${leftOut} more lines of this kind in ${STRETCH_MS / 1_000} s were left out`)
    }
  }
}
