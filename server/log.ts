// The server's structured log: one JSON object a line, on stderr.
import { pino } from 'pino'
import type { Logger } from '../core/log.js'
import { silentLogger } from '../core/log.js'
import type { LogLevel } from './config.js'

export function createLogger(level: LogLevel): Logger {
  if (level === 'silent') return silentLogger
  // Written at once: the lines that matter most come right before an exit.
  return pino({ name: 'weft', level }, pino.destination({ dest: 2, sync: true }))
}
