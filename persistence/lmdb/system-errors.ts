// What errors of the system, and of LMDB, say.
import { constants } from 'node:os'
import { WeftError } from '../../core/errors.js'

const MDB_MAP_FULL = -30792
const { ENOSPC, EDQUOT, EFBIG } = constants.errno
const outOfSpace = new Set<unknown>([ENOSPC, EDQUOT, EFBIG, MDB_MAP_FULL, 'ENOSPC', 'EDQUOT', 'EFBIG'])

/** Whether an error of the system, or LMDB, by its number or name, says that there is no room. */
export function isOutOfSpace(code: unknown): boolean {
  return outOfSpace.has(code)
}

/** The code of an error of the system or of LMDB. */
export function errorCode(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
}

export function errorMessage(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

export function diskFull(folder: string, cause?: unknown): WeftError {
  return new WeftError('store-full', `The disk that holds ${folder} is full; nothing was written.`, { cause })
}
