// The seam beside `port.ts`: what can be asked of a document besides attaching to it. Only its owner may do these; they are routed to it
// from any node.
import type { ClientIdUse, VersionLabel } from '../../persistence/store.js'

export type DocumentCommand =
  /**
   * Stores the whole document as it was through `seq` as a version. Repeating it changes nothing, and with another label it renames.
   * Rejects with `no-such-document` for a seq that the document never reached, `document-corrupt` for one that was pruned away.
   */
  | {
      readonly kind: 'keep-version'
      readonly seq: number
      readonly label: VersionLabel
      /**
       * The whole document at that seq, of this life of it, where who asks has put it together anyhow. It is not sent to other nodes, which do
       * that themselves.
       */
      readonly known?: KnownState
    }
  /**
   * The document cannot be applied from `seq` on: it is read-only up to there, for every owner from now on (D8). Sessions open it anew.
   * Rejects with `malformed` for a seq that is in no edit of its tail.
   */
  | { readonly kind: 'quarantine'; readonly seq: number; readonly reason: string }
  /**
   * Begins the document, which must not be there, with an edit that changes nothing and says who used which client ids first. Repeated for
   * the same life of the document it adds to those: the first record of an id stays. One that was begun and not finished gives way.
   * Rejects with `document-exists`.
   */
  | { readonly kind: 'begin'; readonly incarnation: string; readonly firstUses: readonly ClientIdUse[] }
  /**
   * Shows the document, which was begun under this unfinished incarnation. Repeating it changes nothing. Rejects with `request-running` where
   * it gave way to another.
   */
  | { readonly kind: 'finish'; readonly incarnation: string }
  /** Removes the document for good. Whoever has it open is told that it is gone (`no-such-document`). Repeating it changes nothing. */
  | { readonly kind: 'delete' }

export interface KnownState {
  readonly incarnation: string
  /** A Yjs update, v1. */
  readonly state: Uint8Array
}

export interface DocumentCommands {
  /**
   * Resolves when it is done and durable. Rejects also with `owner-moved` and store errors: it may have been done then, and may be
   * repeated.
   */
  command(documentId: string, command: DocumentCommand): Promise<void>
}
