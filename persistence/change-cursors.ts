// How far subscribers were told of the changes of each document: a cursor into its log for each of them. What lies behind it is read from
// the log, so nothing is queued, and nothing is lost while a subscriber is away. The contract suite (test/contract/change-cursors.ts) runs
// against every implementation.
//
// Rules that every implementation keeps:
//  E1  A cursor never goes back, and goes when its document does: a new life of the document begins without one.
//  E2  What is kept for a subscriber grows with the number of documents, not with what changed in them.

/** A document that a subscriber was not told of in full. */
export interface DocumentBehind {
  readonly documentId: string
  /** Told through this seq; 0: of nothing. */
  readonly seq: number
  readonly head: number
}

export interface ChangeCursors {
  /** Through which seq the subscriber was told of the document; 0: of nothing. Null when there is no such document. */
  toldOf(subscriber: string, documentId: string): Promise<number | null>
  /** The subscriber has been told of the document through this seq. Of a document that is not there nothing is kept. */
  advance(subscriber: string, documentId: string, seq: number): Promise<void>
  /**
   * Documents of which there is more than the subscriber was told, in byte order of their ids, after `after`. One without a cursor counts
   * if it changed after `since` (by the store's clock). A page may hold none, and `next` say where to go on.
   */
  behind(
    subscriber: string,
    query: { readonly after?: string; readonly since: number },
  ): Promise<{ readonly items: readonly DocumentBehind[]; readonly next: string | null }>
}

/** 1 to 64 letters, digits and `-`. */
export function isSubscriber(name: string): boolean {
  return /^[\w-]{1,64}$/.test(name)
}

/** Documents that one page looks at. */
export const LOOKED_AT_PER_PAGE = 1_000
