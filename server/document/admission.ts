// Whether an update is let into a document: well formed, inside the limits, and what of it is new.
import { asWeftError, WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import { runAtOnce, type Sliced } from '../../core/slices.js'
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

/** A keystroke, without anything that stops now and then; null for what takes a longer look. `documentBytes`: base, tail, and what waits. Does not throw, and changes nothing. */
export function admitSmall(
  bytes: Uint8Array,
  known: KnownState,
  limits: Limits,
  documentBytes: number,
  pressure: DocumentPressure,
): Admission | null {
  if (bytes.length > INSPECTED_AT_ONCE_BYTES_MAX) return null
  let inspected: InspectedUpdate
  try {
    inspected = inspectUpdate(bytes, limits)
    const fresh = known.subtract(inspected)
    if (fresh === null) return { kind: 'repeat' }
    // From here on what counts is what will be logged, not what was sent.
    if (fresh !== bytes) inspected = inspectUpdate(fresh, storedBounds)
    if (!isNormal(inspected)) inspected = inspectUpdate(runAtOnce(normalizing(inspected)), storedBounds)
  } catch (thrown) {
    return { kind: 'refused', error: asWeftError(thrown) }
  }
  const refusal = refusalAtOnce(inspected, known, limits, documentBytes)
  return refusal === 'unclear' ? null : admissionOf(inspected, refusal, pressure)
}

/** The same for any update, in slices. */
export function* admitting(
  bytes: Uint8Array,
  known: KnownState,
  limits: Limits,
  documentBytes: number,
  pressure: DocumentPressure,
): Sliced<Admission> {
  let inspected: InspectedUpdate
  try {
    inspected = yield* inspecting(bytes, limits)
    const fresh = yield* known.subtracting(inspected)
    if (fresh === null) return { kind: 'repeat' }
    if (fresh !== bytes) inspected = yield* inspecting(fresh, storedBounds)
    if (!isNormal(inspected)) inspected = yield* inspecting(yield* normalizing(inspected), storedBounds)
  } catch (thrown) {
    return { kind: 'refused', error: asWeftError(thrown) }
  }
  const atOnce = refusalAtOnce(inspected, known, limits, documentBytes)
  return admissionOf(inspected, atOnce === 'unclear' ? yield* refusing(inspected, known, limits) : atOnce, pressure)
}

function admissionOf(added: InspectedUpdate, refusal: WeftError | null, pressure: DocumentPressure): Admission {
  if (refusal !== null) return { kind: 'refused', error: refusal }
  if (!pressure.wouldOverflow(added.bytes.length)) return { kind: 'new', added }
  return {
    kind: 'refused',
    error: new WeftError('overloaded', 'More edits wait to be stored than the server can hold; try again later.'),
  }
}
