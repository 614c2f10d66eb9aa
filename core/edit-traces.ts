// What follows some edits on their way through the nodes, from their arrival to the last delivery. Knows no tracing library; null in the place of it means that
// nothing is followed, and then nothing is spent on it.

/** An edit is known by the bytes that it came in, as the same array is passed on; nothing is held of an edit that nobody holds. */
export interface EditTraces {
  /** A client's edit has come. */
  received(edit: Uint8Array, documentId: string): void
  /** An edit was made on this node: over the API, by the embedding program, by a restore or an import. It belongs to whatever is followed there at the moment. */
  made(edit: Uint8Array, documentId: string): void
  /** An edit has come from another node, which follows it. `context`: what that node said of it. */
  continued(edit: Uint8Array, documentId: string, context: string): void
  /** It will not be written. */
  refused(edit: Uint8Array, code: string): void
  /** It holds nothing new. */
  repeated(edit: Uint8Array): void
  /** It goes to the node that owns its document. Null if it is not followed. */
  forwarded(edit: Uint8Array): ForwardedTrace | null
  /** It waits for a commit, in an entry of the log with others. */
  waits(edit: Uint8Array, entry: object): void
  /** The commit of an entry begins. */
  commits(entry: object): void
  /** An entry is committed. */
  durable(entry: object, seq: number): void
  /** What to tell other nodes with the beat of an entry; null if none of its edits is followed. */
  contextOf(entry: object): string | null
  /** An entry was handed to the last of so many sessions. */
  shown(entry: object, sessions: number): void
  /** Its submitters were told: it is over. */
  acknowledged(entry: object): void
  /** The beat of a document of another node has come, with what that node said of it. */
  arrived(context: string): ArrivedTrace
}

export interface ForwardedTrace {
  /** What to tell the owner. */
  readonly context: string
  /** The owner has committed it: it is over. */
  acknowledged(seq: number): void
  refused(code: string): void
  /** The link ended before an answer came: it may be forwarded again. */
  lost(): void
}

export interface ArrivedTrace {
  /** It was handed to the last of so many sessions of this node. */
  shown(sessions: number): void
}
