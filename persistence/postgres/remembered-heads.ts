// What this process remembers about the logs it appends to, so that a batch of well-known documents needs no look-ups in the database.
// The memory holds under one view: a lease version and a life of the server. The database refuses an append under a view that has passed (O1), so what
// is remembered here may be out of date, but can never be used while it is.
import type { AppendEntry } from '../store.js'

export interface LeaseView {
  readonly boot: string
  readonly leaseVersion: number
  /** Changes with every restart and failover of the server. */
  readonly serverLife: number
  /** No remembered row was committed after this time; milliseconds since the Unix epoch. */
  readonly newestAt: number
}

interface Head {
  readonly key: number
  readonly epoch: number
  readonly incarnation: string
  readonly seq: number
}

const DOCUMENTS_MAX = 50_000

export class RememberedHeads {
  #view: LeaseView | null = null
  /** By document id, the longest unused first. */
  readonly #heads = new Map<string, Head>()

  /** The view and the documents' keys, if every entry is the next row of a document that is remembered under its fence and incarnation. */
  recall(entries: readonly AppendEntry[]): { readonly view: LeaseView; readonly keys: readonly number[] } | null {
    const view = this.#view
    if (view === null) return null
    const keys: number[] = []
    for (const { documentId, fence, incarnation, seq } of entries) {
      const head = this.#heads.get(documentId)
      if (head === undefined || head.seq + 1 !== seq || head.epoch !== fence.epoch || head.incarnation !== incarnation) return null
      if (fence.boot !== view.boot) return null
      keys.push(head.key)
    }
    return { view, keys }
  }

  /** Records that these entries, in this order of keys, were committed under this view. */
  remember(view: LeaseView, entries: readonly AppendEntry[], keys: readonly number[]): void {
    const old = this.#view
    const same = old !== null && old.boot === view.boot && old.leaseVersion === view.leaseVersion && old.serverLife === view.serverLife
    if (!same) this.#heads.clear()
    this.#view = { ...view, newestAt: same ? Math.max(old.newestAt, view.newestAt) : view.newestAt }
    entries.forEach(({ documentId, fence, incarnation, seq }, index) => {
      const key = keys[index]
      if (key === undefined) return
      this.#heads.delete(documentId)
      this.#heads.set(documentId, { key, epoch: fence.epoch, incarnation, seq })
    })
    for (const documentId of this.#heads.keys()) {
      if (this.#heads.size <= DOCUMENTS_MAX) break
      this.#heads.delete(documentId)
    }
  }

  forget(entries: readonly AppendEntry[]): void {
    for (const { documentId } of entries) this.#heads.delete(documentId)
  }
}
