// Errors that cross a link, and errors of the link itself.
import { isErrorCode, WeftError } from '../../../core/errors.js'

/** An error of the other node, as this node passes it on. */
export function errorFromWire(refusal: { readonly code: string; readonly reason: string }): WeftError {
  return isErrorCode(refusal.code)
    ? new WeftError(refusal.code, refusal.reason)
    : new WeftError('internal', refusal.reason, { cause: `code ${refusal.code} of another node` })
}

/** The way to the owner is gone: look for the owner again. */
export function linkLost(nodeId: string, cause?: unknown): WeftError {
  return new WeftError('owner-moved', `The way to node ${nodeId}, which owns the document, is lost; attach to it again.`, { cause })
}
