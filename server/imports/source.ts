// What the data of other servers looks like to the import: documents by id, each with the Yjs updates that make it.

/** Of which encoding updates are. */
export type UpdateEncoding = 'v1' | 'v2'

export interface SourceDocument {
  readonly documentId: string
  /** All that the store has of it, in any order. Rejects with `malformed` where that cannot be read; the other documents may be fine. */
  read(): Promise<readonly Uint8Array[]>
}

export interface Source {
  readonly encoding: UpdateEncoding
  /** Each once, in the same order each time. Rejects with `malformed` where the store itself is torn. */
  documents(): AsyncIterable<SourceDocument>
  close(): Promise<void>
}

export interface SourceOptions {
  /** What updates are encoded as where the store does not say. */
  readonly encoding: UpdateEncoding
  readonly table: string
  readonly nameColumn: string
  readonly dataColumn: string
}

export interface SourceKind {
  readonly name: string
  /** What SOURCE is, for people. */
  readonly takes: string
  /** Rejects with `invalid-configuration` for what is not there or cannot be opened here, and with `malformed` for what is no such store. */
  open(source: string, options: SourceOptions): Promise<Source>
}
