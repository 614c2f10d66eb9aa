// Large catch-ups of one document, which sessions take piece by piece. What is cut for one is shared with the others that take the same, as
// long as anybody does; a slow session holds a place in bytes that lie in memory anyway.
import { LazyMap } from '../../../core/lazy-collections.js'
import type { EncodedDocument } from '../../../protocol/updates/encoded-document.js'
import { type PieceOrder, PieceStream, SharedPieces } from '../../../protocol/updates/piece-stream.js'
import type { Transfer } from '../port.js'

interface Shared {
  readonly sources: readonly EncodedDocument[]
  readonly pieces: SharedPieces
}

const nothing: ReadonlyMap<number, number> = new Map()

export class Transfers {
  /** Held by the transfers themselves. */
  readonly #shared = new LazyMap<string, WeakRef<Shared>>()

  /** To a session with nothing, or whose every byte is new to it. `name` stands for the sources: equal names, equal sources. */
  whole(
    name: string,
    sources: () => readonly EncodedDocument[],
    order: PieceOrder,
    options: { readonly hasNothing: boolean; readonly stateVector: Uint8Array },
  ): Transfer {
    const key = `${order} ${name}`
    let shared = this.#shared.get(key)?.deref()
    if (shared === undefined) {
      for (const [other, reference] of this.#shared) if (reference.deref() === undefined) this.#shared.delete(other)
      shared = { sources: sources(), pieces: new SharedPieces() }
      this.#shared.set(key, new WeakRef(shared))
    }
    const { pieces } = shared
    const bytes = shared.sources.reduce((sum, source) => sum + source.bytes.length, 0)
    const { hasNothing, stateVector } = options
    return transferOf(
      new PieceStream({ sources: shared.sources, known: nothing, order, hasNothing, shared: pieces }),
      bytes,
      stateVector,
      shared,
    )
  }

  /** To a session that has `known`. */
  difference(
    sources: readonly EncodedDocument[],
    known: ReadonlyMap<number, number>,
    order: PieceOrder,
    options: { readonly bytes: number; readonly stateVector: Uint8Array },
  ): Transfer {
    const stream = new PieceStream({ sources, known, order, hasNothing: false, shared: null })
    return transferOf(stream, options.bytes, options.stateVector, null)
  }
}

function transferOf(
  stream: PieceStream,
  bytes: number,
  stateVector: Uint8Array,
  shared: Shared | null,
): Transfer & { readonly shared: unknown } {
  return { bytes, stateVector, shared, next: (bytesMax) => stream.next(bytesMax), closing: () => stream.closing() }
}
