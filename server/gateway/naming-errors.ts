// Errors about bytes, with the name of what they were found in.
import { WeftError } from '../../core/errors.js'

/** The inspectors of bytes say what they found where; the client also needs to know in what. */
export function naming(subject: string, error: WeftError): WeftError {
  if (error.code !== 'malformed' && error.code !== 'malformed-update') return error
  const beginning = `The ${subject} is malformed: `
  // The owner's node may have said it already.
  return error.message.startsWith(beginning) ? error : new WeftError(error.code, `${beginning}${error.message}`)
}
