// Operating errors: each carries a code, the WebSocket close code a client sees, whether trying again can help, and how loudly to log it.
// Programmer errors are not here: those are plain assertions.

/** Close codes. 4400–4499 mean "do not retry", 4500–4599 "try again". 1012 is a drain ("service restart"). */
export const closeCodes = {
  restart: 1012,
  malformed: 4400,
  unauthenticated: 4401,
  forbidden: 4403,
  noSuchDocument: 4404,
  superseded: 4409,
  tooLarge: 4413,
  internal: 4500,
  overloaded: 4503,
  tooSlow: 4508,
  ownerMoved: 4512,
} as const

type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Codes of what clients cause as often as they like: a stack costs more than all the rest of a refusal, and leads nowhere that the words do not. */
const untraced: ReadonlySet<string> = new Set([
  'malformed',
  'malformed-update',
  'forbidden',
  'message-too-large',
  'document-too-large',
  'quota-exceeded',
  'too-many-sessions',
  'overloaded',
  'owner-moved',
  'sessions-closed',
  'document-unfinished',
  'too-slow',
  'too-fast',
  'draining',
])

interface ErrorKind {
  readonly closeCode: number
  readonly retryable: boolean
  readonly logLevel: LogLevel
}

const kind = (closeCode: number, retryable: boolean, logLevel: LogLevel): ErrorKind => ({ closeCode, retryable, logLevel })

const errorKinds = {
  // What a client sent.
  malformed: kind(closeCodes.malformed, false, 'info'),
  'malformed-update': kind(closeCodes.malformed, false, 'info'),
  'invalid-document-id': kind(closeCodes.malformed, false, 'info'),
  unauthenticated: kind(closeCodes.unauthenticated, false, 'info'),
  forbidden: kind(closeCodes.forbidden, false, 'info'),
  'no-such-document': kind(closeCodes.noSuchDocument, false, 'info'),
  superseded: kind(closeCodes.superseded, false, 'info'),
  'message-too-large': kind(closeCodes.tooLarge, false, 'info'),
  'nested-too-deeply': kind(closeCodes.malformed, false, 'info'),
  /** Writing is refused, and reading goes on. */
  'quota-exceeded': kind(closeCodes.forbidden, false, 'info'),
  'document-too-large': kind(closeCodes.tooLarge, false, 'warn'),
  'dependencies-missing': kind(closeCodes.tooLarge, false, 'warn'),
  // What the server cannot do now.
  'too-many-sessions': kind(closeCodes.overloaded, true, 'warn'),
  overloaded: kind(closeCodes.overloaded, true, 'warn'),
  'too-slow': kind(closeCodes.tooSlow, true, 'info'),
  'too-fast': kind(closeCodes.overloaded, true, 'info'),
  'owner-moved': kind(closeCodes.ownerMoved, true, 'info'),
  /** Somebody had all sessions of the document closed. */
  'sessions-closed': kind(closeCodes.restart, true, 'info'),
  draining: kind(closeCodes.restart, true, 'info'),
  internal: kind(closeCodes.internal, true, 'error'),
  // What the store says.
  'store-unavailable': kind(closeCodes.internal, true, 'error'),
  'store-full': kind(closeCodes.internal, true, 'error'),
  /** It answers, and does not do what it was asked for a reason that is not known to pass. */
  'store-refused': kind(closeCodes.internal, true, 'error'),
  /** It will never take anything again. */
  'store-failed': kind(closeCodes.internal, true, 'error'),
  'document-corrupt': kind(closeCodes.internal, true, 'error'),
  'document-quarantined': kind(closeCodes.forbidden, false, 'warn'),
  // What somebody asks about the history of a document.
  /** Outside of what is kept, or a version that is not there. */
  'moment-gone': kind(closeCodes.noSuchDocument, false, 'info'),
  'not-restorable': kind(closeCodes.malformed, false, 'info'),
  /** It is being made, and shown to nobody before all of it is there. */
  'document-unfinished': kind(closeCodes.overloaded, true, 'info'),
  'document-exists': kind(closeCodes.superseded, false, 'info'),
  'edit-mismatch': kind(closeCodes.superseded, false, 'info'),
  'request-running': kind(closeCodes.superseded, true, 'info'),
  /** What waits until all nodes of a cluster run the same version. */
  'upgrade-running': kind(closeCodes.overloaded, true, 'info'),
  'key-reused': kind(closeCodes.malformed, false, 'info'),
  'no-backup-here': kind(closeCodes.malformed, false, 'info'),
  /** What its folder or disk does not let be written, for another reason than room. */
  'copy-not-written': kind(closeCodes.internal, false, 'error'),
  // What an application passed.
  'foreign-document': kind(closeCodes.malformed, false, 'error'),
  // What an operator set up.
  'invalid-configuration': kind(closeCodes.internal, false, 'error'),
  'data-folder-in-use': kind(closeCodes.internal, false, 'error'),
  'data-folder-unwritable': kind(closeCodes.internal, false, 'error'),
  'data-folder-damaged': kind(closeCodes.internal, false, 'error'),
  'data-folder-newer': kind(closeCodes.internal, false, 'error'),
  'address-in-use': kind(closeCodes.internal, false, 'error'),
} as const satisfies Record<string, ErrorKind>

export type WeftErrorCode = keyof typeof errorKinds

/** Whether a client whose edit was refused with this code may go on reading, though it has something that nobody else has. */
export function leavesReading(code: WeftErrorCode): boolean {
  return code === 'forbidden' || code === 'quota-exceeded'
}

/** Whether a code that came over the wire is one of ours. */
export function isErrorCode(code: string): code is WeftErrorCode {
  return Object.hasOwn(errorKinds, code)
}

/** An error that a client or an operator is meant to read. `message` is plain words and never holds document content or tokens. */
export class WeftError extends Error {
  /** For programs; it does not change between versions. */
  readonly code: WeftErrorCode
  /** With which a socket is closed for it. */
  readonly closeCode: number
  /** Whether a client tries again. */
  readonly retryable: boolean
  /** How loudly the server's log says it. */
  readonly logLevel: LogLevel

  constructor(code: WeftErrorCode, message: string, options?: { readonly cause?: unknown }) {
    const frames = Error.stackTraceLimit
    if (untraced.has(code)) Error.stackTraceLimit = 0
    super(message, options)
    Error.stackTraceLimit = frames
    this.name = 'WeftError'
    const { closeCode, retryable, logLevel } = errorKinds[code]
    this.code = code
    this.closeCode = closeCode
    this.retryable = retryable
    this.logLevel = logLevel
  }
}

/** Any thrown value as a WeftError: itself if it is one, else `internal` with the value as its cause. */
export function asWeftError(thrown: unknown): WeftError {
  return thrown instanceof WeftError
    ? thrown
    : new WeftError('internal', 'The server failed to handle this request; it has logged why.', { cause: thrown })
}
