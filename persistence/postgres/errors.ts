// What the database and its driver throw, as Weft errors: which of them pass, which an operator has to act on, and on which setting.
import { WeftError } from '../../core/errors.js'

/** SQLSTATEs of our own functions (class WF is nobody's). */
export const sqlStates = {
  /** `weft.append_all` met something that needs a closer look; nothing was written. */
  notPlain: 'WF001',
  /** The numbers of authors were read in another life of the server; nothing was written. */
  authorsOutOfDate: 'WF002',
  uniqueViolation: '23505',
  serializationFailure: '40001',
  deadlock: '40P01',
} as const

const unavailableStates = new Set([
  '53200', // out of memory
  '53300', // too many connections
  '53400', // configuration limit exceeded
  '55P03', // lock not available
  '57014', // query cancelled, also by statement_timeout
  '57P01', // shutting down
  '57P02', // crashed, restarting
  '57P03', // starting up
  '57P05', // idle session ended
  '25006', // read-only: a standby, or a failover in progress
  '25P03',
  '25P04',
  '40001',
  '40P01',
])

const wrongSettings = new Map([
  ['28P01', 'the password is wrong'],
  ['28000', 'the user may not log in'],
  ['3D000', 'the database does not exist'],
  ['42501', 'the user lacks the rights'],
  ['3F000', 'the schema "weft" is missing; run "weft migrate"'],
  ['42P01', 'the tables of Weft are missing; run "weft migrate"'],
  ['42883', 'the functions of Weft are missing; run "weft migrate"'],
])

/** The SQLSTATE or the system's error code of anything thrown, or ''. */
export function codeOf(thrown: unknown): string {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : ''
}

/**
 * Any error of a query as a WeftError: `store-unavailable`, `store-full`, `store-refused` or `invalid-configuration`. A state that is in
 * none of the tables is a refusal: the server answered, rolled the statement back, and nothing says whether it would take it another time.
 */
export function asStoreError(thrown: unknown, where: string): WeftError {
  if (thrown instanceof WeftError) return thrown
  const code = codeOf(thrown)
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  const options = { cause: thrown }
  const wrong = wrongSettings.get(code)
  if (wrong !== undefined)
    return new WeftError(
      'invalid-configuration',
      `PostgreSQL (${where}) refused: ${wrong} (${text}). Check DATABASE_URL and the rights of its user.`,
      options,
    )
  if (code === '53100') return new WeftError('store-full', `The disk of PostgreSQL (${where}) is full; free space there.`, options)
  const isSqlState = /^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]{4}$/.test(code)
  // What ends the connection says nothing about the statement.
  const isConnectionLost = severityOf(thrown) === 'FATAL' || severityOf(thrown) === 'PANIC'
  if (!isSqlState || isConnectionLost || code.startsWith('08') || unavailableStates.has(code))
    return new WeftError('store-unavailable', `PostgreSQL (${where}, from DATABASE_URL) does not answer now: ${text || code}.`, options)
  return new WeftError('store-refused', `PostgreSQL (${where}) refused a statement: ${text} (SQLSTATE ${code}).`, options)
}

function severityOf(thrown: unknown): unknown {
  return typeof thrown === 'object' && thrown !== null && 'severity' in thrown ? thrown.severity : undefined
}
