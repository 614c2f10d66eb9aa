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

type Group = readonly [closeCode: number, retryable: boolean, logLevel: LogLevel, codes: readonly string[]]

/** Codes that are alike stand together: the client has them all, and is to be small. */
const groups = [
  // What a client sent, or asked about the history of a document.
  [
    closeCodes.malformed,
    false,
    'info',
    ['malformed', 'malformed-update', 'invalid-document-id', 'nested-too-deeply', 'not-restorable', 'key-reused', 'no-backup-here'],
  ],
  [closeCodes.unauthenticated, false, 'info', ['unauthenticated']],
  // Over its quota a client may go on reading.
  [closeCodes.forbidden, false, 'info', ['forbidden', 'quota-exceeded']],
  [closeCodes.forbidden, false, 'warn', ['document-quarantined']],
  // `moment-gone`: outside of what is kept, or a version that is not there.
  [closeCodes.noSuchDocument, false, 'info', ['no-such-document', 'moment-gone']],
  [closeCodes.superseded, false, 'info', ['superseded', 'document-exists', 'edit-mismatch']],
  [closeCodes.superseded, true, 'info', ['request-running']],
  [closeCodes.tooLarge, false, 'info', ['message-too-large']],
  [closeCodes.tooLarge, false, 'warn', ['document-too-large', 'dependencies-missing']],
  // What the server cannot do now.
  [closeCodes.overloaded, true, 'warn', ['too-many-sessions', 'overloaded']],
  // `document-unfinished`: it is being made, and shown to nobody before all of it is there. `upgrade-running`: it waits until all nodes of a cluster run the same version.
  [closeCodes.overloaded, true, 'info', ['too-fast', 'document-unfinished', 'upgrade-running']],
  [closeCodes.tooSlow, true, 'info', ['too-slow']],
  [closeCodes.ownerMoved, true, 'info', ['owner-moved']],
  // `sessions-closed`: somebody had all sessions of the document closed.
  [closeCodes.restart, true, 'info', ['sessions-closed', 'draining']],
  // What failed here, or in the store. `store-refused`: it answers, and does not do what it was asked for a reason that is not known to pass. `store-failed`: it will never
  // take anything again.
  [
    closeCodes.internal,
    true,
    'error',
    ['internal', 'store-unavailable', 'store-full', 'store-refused', 'store-failed', 'document-corrupt'],
  ],
  // What an application passed.
  [closeCodes.malformed, false, 'error', ['foreign-document']],
  // `copy-not-written`: what its folder or disk does not let be written, for another reason than room.
  [closeCodes.internal, false, 'error', ['copy-not-written']],
] as const satisfies readonly Group[]

/** What an operator set up. It comes over no wire, so that a type is enough. */
type SetUpCode =
  | 'invalid-configuration'
  | 'data-folder-in-use'
  | 'data-folder-unwritable'
  | 'data-folder-damaged'
  | 'data-folder-newer'
  | 'address-in-use'
const setUp: Group = [closeCodes.internal, false, 'error', []]

export type WeftErrorCode = (typeof groups)[number][3][number] | SetUpCode

const groupOf: ReadonlyMap<string, Group> = new Map(groups.flatMap((group: Group) => group[3].map((code) => [code, group])))

/** Whether a client whose edit was refused with this code may go on reading, though it has something that nobody else has. */
export function leavesReading(code: WeftErrorCode): boolean {
  return code === 'forbidden' || code === 'quota-exceeded'
}

/** Whether a code that came over the wire is one of ours. */
export function isErrorCode(code: string): code is WeftErrorCode {
  return groupOf.has(code)
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
    const [closeCode, retryable, logLevel] = groupOf.get(code) ?? setUp
    const frames = Error.stackTraceLimit
    // What clients cause as often as they like: a stack costs more than all the rest of a refusal, and leads nowhere that the words do not. An id may be of a program.
    if (logLevel !== 'error' && code !== 'invalid-document-id') Error.stackTraceLimit = 0
    super(message, options)
    Error.stackTraceLimit = frames
    this.name = 'WeftError'
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
