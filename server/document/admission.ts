// Whether an update is let into a document: well formed, inside the limits, and what of it is new.
import { asWeftError, WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import { type InspectedUpdate, inspectUpdate } from '../../protocol/updates/inspect.js'
import type { KnownState } from '../../protocol/updates/known-state.js'
import type { DocumentPressure } from './back-pressure.js'

export type Admission =
  | { readonly kind: 'refused'; readonly error: WeftError }
  /** S3: nothing of it is new. */
  | { readonly kind: 'repeat' }
  /** `update` is what of it is new. */
  | { readonly kind: 'new'; readonly inspected: InspectedUpdate; readonly update: Uint8Array }

/** `documentBytes`: base plus tail. Does not throw, and changes nothing. */
export function admit(bytes: Uint8Array, known: KnownState, limits: Limits, documentBytes: number, pressure: DocumentPressure): Admission {
  let inspected: InspectedUpdate
  let update: Uint8Array | null
  try {
    inspected = inspectUpdate(bytes, limits)
    update = known.subtract(inspected)
  } catch (thrown) {
    return { kind: 'refused', error: asWeftError(thrown) }
  }
  if (update === null) return { kind: 'repeat' }
  const { documentBytesMax } = limits
  if (documentBytes + pressure.bytes + update.length > documentBytesMax)
    return { kind: 'refused', error: new WeftError('document-too-large', `The document would grow past ${documentBytesMax} bytes.`) }
  if (pressure.wouldOverflow(update.length))
    return {
      kind: 'refused',
      error: new WeftError('overloaded', 'More edits wait to be stored than the server can hold; try again later.'),
    }
  return { kind: 'new', inspected, update }
}
