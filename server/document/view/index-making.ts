// Makes the index of a large update in short steps, so that nobody waits for it (G7): looking at 12 MB takes more than 100 ms.
import type { Sliced } from '../../../core/slices.js'
import { EncodedDocument } from '../../../protocol/updates/encoded-document.js'
import { type InspectedUpdate, inspecting, inspectUpdate, storedBounds } from '../../../protocol/updates/inspect.js'

/** Up to this size an index is made at once: a few milliseconds. */
export const INDEXED_AT_ONCE_BYTES_MAX = 64 * 1024

/** At once. Throws `malformed-update`. */
export function indexed(update: Uint8Array): EncodedDocument {
  return new EncodedDocument(update, inspectUpdate(update, storedBounds))
}

export class IndexMaking {
  #begun: { readonly update: Uint8Array; readonly steps: Sliced<InspectedUpdate> } | null = null

  /** One short step; null while there is more to do. Steps for another update begin anew. Throws `malformed-update`. */
  step(update: Uint8Array): EncodedDocument | null {
    const begun = this.#begun?.update === update ? this.#begun : { update, steps: inspecting(update, storedBounds) }
    this.#begun = null
    const { done, value } = begun.steps.next()
    if (done === true) return new EncodedDocument(update, value)
    this.#begun = begun
    return null
  }

  /** Forgets what was begun. */
  stop(): void {
    this.#begun = null
  }
}
