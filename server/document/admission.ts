// Whether an update is let into a document: well formed, inside the limits, and what of it is new.
import { asWeftError, WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import type { Sliced } from '../../core/slices.js'
import { type InspectedUpdate, inspecting, inspectUpdate, storedBounds } from '../../protocol/updates/inspect.js'
import type { KnownState } from '../../protocol/updates/known-state.js'
import { isNormal, normalizing } from '../../protocol/updates/normal-form.js'
import { refusalAtOnce, refusing } from './document-limits.js'
import type { DocumentPressure } from './view/back-pressure.js'

const INSPECTED_AT_ONCE_BYTES_MAX = 4096

export type Admission =
  | { readonly kind: 'refused'; readonly error: WeftError }
  /** S3: nothing of it is new. */
  | { readonly kind: 'repeat' }
  /** What of it is new. */
  | { readonly kind: 'new'; readonly added: InspectedUpdate }

/** `documentBytes`: base, tail, and what waits. Does not throw, and changes nothing. */
export function* admitting(
  bytes: Uint8Array,
  known: KnownState,
  limits: Limits,
  documentBytes: number,
  pressure: DocumentPressure,
): Sliced<Admission> {
  let inspected: InspectedUpdate
  try {
    inspected = bytes.length <= INSPECTED_AT_ONCE_BYTES_MAX ? inspectUpdate(bytes, limits) : yield* inspecting(bytes, limits)
    const fresh = inspected.structCount + inspected.deleteRangeCount === 1 ? known.subtract(inspected) : yield* known.subtracting(inspected)
    if (fresh === null) return { kind: 'repeat' }
    // From here on what counts is what will be logged, not what was sent.
    if (fresh !== bytes) inspected = yield* inspecting(fresh, storedBounds)
    if (!isNormal(inspected)) inspected = yield* inspecting(yield* normalizing(inspected), storedBounds)
  } catch (thrown) {
    return { kind: 'refused', error: asWeftError(thrown) }
  }
  const atOnce = refusalAtOnce(inspected, known, limits, documentBytes)
  const refusal = atOnce === 'unclear' ? yield* refusing(inspected, known, limits) : atOnce
  if (refusal !== null) return { kind: 'refused', error: refusal }
  if (pressure.wouldOverflow(inspected.bytes.length))
    return {
      kind: 'refused',
      error: new WeftError('overloaded', 'More edits wait to be stored than the server can hold; try again later.'),
    }
  return { kind: 'new', added: inspected }
}
