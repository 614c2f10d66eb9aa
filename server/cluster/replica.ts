// What this node holds of a document that another node owns: a read copy in bytes, built from what the owner's node says.
import { inspectUpdate, storedBounds } from '../../protocol/updates/inspect.js'
import { KnownState } from '../../protocol/updates/known-state.js'
import { mergeUpdateTree } from '../../protocol/updates/merge.js'
import { Image } from '../document/view/image.js'

/** A replica may grow by this much, or to twice its size, before it is worth asking for the owner's compacted state. */
const GROWTH_BYTES_MIN = 256 * 1024

export class Replica {
  readonly image = new Image(0, null)
  readonly #known = new KnownState()
  #seq = 0
  /** The image's bytes when everything was last sent anew. */
  #loadedBytes = 0

  /** What a session may resume from once it has all that the image holds. */
  get seq(): number {
    return this.#seq
  }

  /** The owner's state, which it compacts, is likely to be much smaller. */
  get outgrown(): boolean {
    return this.image.bytes - this.#loadedBytes > Math.max(GROWTH_BYTES_MIN, this.#loadedBytes)
  }

  /** What the index of what is known costs in memory. */
  get knownBytes(): number {
    return this.#known.approximateBytes
  }

  stateVector(): Uint8Array {
    return this.#known.stateVector()
  }

  /** The first state: everything through `seq`. Throws `malformed-update`, as the others do. */
  load(seq: number, updates: readonly Uint8Array[]): void {
    this.#learn(updates)
    this.#restart(seq, updates)
  }

  /** One beat. */
  append(seq: number, update: Uint8Array): void {
    this.#known.add(inspectUpdate(update, storedBounds))
    this.#seq = Math.max(this.#seq, seq)
    this.image.appendStretch(Math.max(this.image.head + 1, seq), update)
  }

  /**
   * A later state: everything anew, if that was asked for; or what the owner's side of the link left out while it lagged, which may come
   * while we wait for everything. Only what holds all that is known already can be everything.
   */
  update(
    seq: number,
    updates: readonly Uint8Array[],
    asked: boolean,
  ): { readonly unknown: readonly Uint8Array[]; readonly everything: boolean } {
    const { unknown, stated } = this.#learn(updates)
    const everything = asked && stated.equals(this.#known)
    if (everything) this.#restart(seq, updates)
    else {
      this.#seq = Math.max(this.#seq, seq)
      this.image.appendStretch(Math.max(this.image.head + 1, seq), mergeUpdateTree(unknown))
    }
    return { unknown, everything }
  }

  #restart(seq: number, updates: readonly Uint8Array[]): void {
    this.#seq = Math.max(this.#seq, seq)
    this.image.restart(Math.max(seq, this.image.head), updates)
    this.#loadedBytes = this.image.bytes
  }

  /** `unknown` is what was new in the updates, `stated` what they hold. */
  #learn(updates: readonly Uint8Array[]): { readonly unknown: readonly Uint8Array[]; readonly stated: KnownState } {
    const unknown: Uint8Array[] = []
    const stated = new KnownState()
    for (const update of updates) {
      const inspected = inspectUpdate(update, storedBounds)
      const fresh = this.#known.subtract(inspected)
      if (fresh !== null) unknown.push(fresh)
      this.#known.add(inspected)
      stated.add(inspected)
    }
    return { unknown, stated }
  }
}
