// What this process remembers about the logs it appends to, so that a batch of well-known documents needs no look-ups in the database. The
// memory holds under one view: a lease version and a life of the server. The database refuses an append under a view that has passed (O1),
// so what is remembered here may be out of date, but can never be used while it is.
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
  /** Of the last row. */
  seq: number
}

/** A document as it was read under a view. */
export interface ReadHead extends Readonly<Head> {
  readonly documentId: string
  readonly view: LeaseView
}

/** Documents of one batch that are all remembered. */
export interface Recalled {
  readonly view: LeaseView
  /** In the order of the entries. */
  readonly heads: readonly Head[]
}

const DOCUMENTS_MAX = 50_000

export class RememberedHeads {
  #boot: string | null = null
  #view: LeaseView | null = null
  /** By document id, the longest known first. */
  readonly #heads = new Map<string, Head>()

  /** The boot that claimed last: under whose lease what is read now will be appended to. Null before any claim. */
  get boot(): string | null {
    return this.#boot
  }

  claimed(boot: string): void {
    this.#boot = boot
  }

  /** What is remembered of the entries' documents, if each is the next row of one that is remembered under its fence and incarnation. */
  recall(entries: readonly AppendEntry[]): Recalled | null {
    const view = this.#view
    if (view === null) return null
    const heads: Head[] = []
    for (const { documentId, fence, incarnation, seq } of entries) {
      const head = this.#heads.get(documentId)
      if (head === undefined || head.seq + 1 !== seq || head.epoch !== fence.epoch || head.incarnation !== incarnation) return null
      if (fence.boot !== view.boot) return null
      heads.push(head)
    }
    return { view, heads }
  }

  /** Records that the rows after these heads were committed, none of them after `newestAt`. */
  advance({ view, heads }: Recalled, newestAt: number): void {
    if (!this.#enter({ ...view, newestAt })) return
    for (const head of heads) head.seq += 1
  }

  /** Records that these entries, in this order of keys, were committed under this view. */
  remember(view: LeaseView, entries: readonly AppendEntry[], keys: readonly number[]): void {
    this.#change(view)
    entries.forEach(({ documentId, fence, incarnation, seq }, index) => {
      const key = keys[index]
      if (key !== undefined) this.#set(documentId, { key, epoch: fence.epoch, incarnation, seq })
    })
  }

  /** Records what was read of a document, unless something newer is known. The view must have been read in the same statement. */
  learn({ documentId, view, key, epoch, incarnation, seq }: ReadHead): void {
    const current = this.#view
    if (current !== null && current.boot === view.boot && current.leaseVersion > view.leaseVersion) return
    this.#change(view)
    const known = this.#heads.get(documentId)
    if (known === undefined || known.key !== key || known.seq < seq) this.#set(documentId, { key, epoch, incarnation, seq })
  }

  forget(entries: readonly AppendEntry[]): void {
    for (const { documentId } of entries) this.#heads.delete(documentId)
  }

  /** Whether the view is the present one; then its time counts. */
  #enter(view: LeaseView): boolean {
    const current = this.#view
    if (current === null || current.boot !== view.boot) return false
    if (current.leaseVersion !== view.leaseVersion || current.serverLife !== view.serverLife) return false
    if (view.newestAt > current.newestAt) this.#view = view
    return true
  }

  /** Makes the view the present one: what was remembered under another counts no longer. */
  #change(view: LeaseView): void {
    if (this.#enter(view)) return
    this.#heads.clear()
    this.#view = view
  }

  #set(documentId: string, head: Head): void {
    this.#heads.set(documentId, head)
    if (this.#heads.size <= DOCUMENTS_MAX) return
    const { value: oldest } = this.#heads.keys().next()
    if (oldest !== undefined) this.#heads.delete(oldest)
  }
}
