// What happens to the documents of this process, for whoever looks on. Calls come from the middle of the work: none may throw, or take
// long.

export interface DocumentObserver {
  /**
   * What a document that was never written begins with, as a Yjs update; null for nothing. Asked by its owner, before anybody is let in, so
   * that it is asked once on all nodes. Null: nobody is asked. A rejection fails the opening, which may be tried again.
   */
  readonly firstContent: ((documentId: string) => Promise<Uint8Array | null>) | null
  /** Something was committed. `users`: who wrote it, without those of whom nobody knows who they are. `bytes`: of the row of the log. */
  committed(documentId: string, seq: number, users: readonly string[], bytes: number): void
  /** The document was closed, since nobody has used it for a while. */
  becameIdle(documentId: string): void
}
