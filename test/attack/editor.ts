// What an honest editor is, whichever client it uses.

export interface EditorPlace {
  readonly kind: 'raw' | 'ours' | 'stock'
  readonly url: string
  readonly documentId: string
  readonly clientId: number
}

/** Since the last look. */
export interface Measured {
  /** Milliseconds from a keystroke to its acknowledgement; empty for clients that are told of none. */
  readonly delaysMs: number[]
  disconnections: number
  /** Close codes and reasons, refusals. */
  readonly told: string[]
}

export interface Editor {
  readonly place: EditorPlace
  type(): void
  measured(): Measured
  /** Whether all that was typed is acknowledged, as far as this client can know. */
  isSaved(): boolean
  /** What of its own client id must be in the document from now on: everything below this clock. */
  acknowledgedClock(): number
  /** Its copy of the document in canonical form; null if it keeps none. */
  state(): string | null
  end(): void
}
