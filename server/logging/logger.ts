// The server's structured log on stderr: one JSON object a line, or a line for people.
import { pino } from 'pino'
import type { Logger } from '../../core/log.js'
import type { LogFormat, LogLevel } from '../config/settings.js'
import { readableLine } from './readable-log.js'

/** What waits for a stderr that nobody reads. Lines past it are lost, and the server goes on. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024

/** Whether what goes to this stream is read by a person. */
export function isForPeople(format: LogFormat, stream: { readonly isTTY?: boolean }): boolean {
  return format === 'auto' ? stream.isTTY === true : format === 'pretty'
}

export interface LeveledLogger extends Logger {
  /** Nothing below it is written from here on. */
  setLevel(level: LogLevel): void
}

export function createLogger(level: LogLevel, format: LogFormat = 'json'): LeveledLogger {
  // Written by another thread, several lines at once when many come: nobody waits for a slow terminal or disk. What is left is written at
  // `process.exit`, since the lines that matter most come right before it.
  const destination = pino.destination({ dest: 2, sync: false, maxLength: WAITING_BYTES_MAX })
  // A full disk costs log lines, not the server.
  destination.on('error', () => {})
  const colors = process.stderr.isTTY && !process.env['NO_COLOR']
  const readable = { write: (line: string) => destination.write(readableLine(line, colors)) }
  const written = pino({ name: 'weft', level }, isForPeople(format, process.stderr) ? readable : destination)
  return {
    debug: (fields, message) => written.debug(fields, message),
    info: (fields, message) => written.info(fields, message),
    warn: (fields, message) => written.warn(fields, message),
    error: (fields, message) => written.error(fields, message),
    setLevel: (other) => {
      written.level = other
    },
  }
}
