// What errors of the system, and of LMDB, say, and what to do about them.
import { constants } from 'node:os'
import { WeftError } from '../core/errors.js'

const MDB_MAP_FULL = -30792
const { ENOSPC, EDQUOT, EFBIG, EACCES, EPERM, EROFS, ENOENT, ENOTDIR, EEXIST, EISDIR } = constants.errno
const outOfSpace = new Set<unknown>([ENOSPC, EDQUOT, EFBIG, MDB_MAP_FULL, 'ENOSPC', 'EDQUOT', 'EFBIG'])

/** Whether an error of the system, or LMDB, by its number or name, says that there is no room. */
export function isOutOfSpace(code: unknown): boolean {
  return outOfSpace.has(code)
}

/** A copy that LMDB makes fails with the words of the C library alone: those of want of room, lower case. The last is of Windows. */
const wordsOfNoRoom = ['no space left on device', 'disk quota exceeded', 'file too large', 'not enough space on the disk']

/** The code of an error of the system or of LMDB. */
export function errorCode(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return undefined
  if ('code' in thrown) return thrown.code
  const said = thrown.message.toLowerCase()
  return wordsOfNoRoom.some((words) => said.includes(words)) ? ENOSPC : undefined
}

export function errorMessage(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** By number, which is what LMDB says, and by name. Each is followed by the words of the system. */
const reasons: readonly (readonly [readonly unknown[], (folder: string) => string])[] = [
  [
    [EACCES, EPERM, 'EACCES', 'EPERM'],
    (folder) => `${account()} may not write into ${folder}. Give it the permission, or name another folder`,
  ],
  [[EROFS, 'EROFS'], (folder) => `the file system of ${folder} is read-only`],
  [[ENOENT, 'ENOENT'], (folder) => `${folder} is not there, or was removed meanwhile`],
  [[ENOTDIR, EEXIST, 'ENOTDIR', 'EEXIST'], (folder) => `${folder} is no folder, or lies below something that is none`],
  [[EISDIR, 'EISDIR'], (folder) => `in ${folder} there is a folder where the file belongs`],
]

/**
 * A copy that could not be written into a folder: `store-full` where there was no room for it, else `copy-not-written`, in words for operators. `what` is the copy: "The
 * backup".
 */
export function notWritten(what: string, folder: string, cause: unknown): WeftError {
  const code = errorCode(cause)
  const said = errorMessage(cause)
  if (isOutOfSpace(code))
    return new WeftError('store-full', `${what} could not be written: there is no room for it in ${folder} (${said}).`, { cause })
  const reason = reasons.find(([codes]) => codes.includes(code))?.[1](folder)
  const words = reason === undefined ? `into ${folder}: ${said}` : `${reason} (${said})`
  return new WeftError('copy-not-written', `${what} could not be written${reason === undefined ? ' ' : ': '}${words}.`, { cause })
}

function account(): string {
  return process.getuid === undefined ? 'this process' : `this process (user ${process.getuid()})`
}

export function diskFull(folder: string, cause?: unknown): WeftError {
  return new WeftError('store-full', `The disk that holds ${folder} is full; nothing was written.`, { cause })
}
