// The errors of a data folder, worded once.
import { WeftError } from '../../core/errors.js'
import { errorMessage } from '../system-errors.js'

export function unwritable(folder: string, cause: unknown): WeftError {
  const why = errorMessage(cause)
  return new WeftError('data-folder-unwritable', `The data folder ${folder} cannot be written: ${why}.`, { cause })
}

export function newer(folder: string, what: string): WeftError {
  return new WeftError('data-folder-newer', `The data folder ${folder} was written by a newer version of Weft (${what}).`)
}
