// The errors that the stores have in common, worded once.
import { WeftError } from '../core/errors.js'

export function documentCorrupt(documentId: string, what: string, cause?: unknown): WeftError {
  return new WeftError('document-corrupt', `The document ${JSON.stringify(documentId)} cannot be read from the store: ${what}.`, { cause })
}

export function prunedAway(documentId: string): WeftError {
  return documentCorrupt(documentId, 'this part of its history was pruned away')
}

export function noSuchDocument(documentId: string): WeftError {
  return new WeftError('no-such-document', `There is no document ${JSON.stringify(documentId)} at this point of its history.`)
}

export function storeClosed(): WeftError {
  return new WeftError('store-unavailable', 'The store is closed.')
}
