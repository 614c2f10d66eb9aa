// The server's structured log: one JSON object a line, on stderr.
import { pino } from 'pino'
import type { Logger } from '../core/log.js'
import { silentLogger } from '../core/log.js'
import type { LogLevel } from './config.js'

/** What waits for a stderr that nobody reads. Lines past it are lost, and the server goes on. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024

export function createLogger(level: LogLevel): Logger {
  if (level === 'silent') return silentLogger
  // Written by another thread, several lines at once when many come: nobody waits for a slow terminal or disk. What is left is written at `process.exit`,
  // since the lines that matter most come right before it.
  const destination = pino.destination({ dest: 2, sync: false, maxLength: WAITING_BYTES_MAX })
  // A full disk costs log lines, not the server.
  destination.on('error', () => {})
  return pino({ name: 'weft', level }, destination)
}
