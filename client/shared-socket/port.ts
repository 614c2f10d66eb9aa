// What pages and the worker say to each other: one port for each socket of a page.

export type FromPage = { readonly kind: 'send'; readonly data: Uint8Array } | { readonly kind: 'close' }

export type ToPage =
  | { readonly kind: 'opened'; readonly protocol: string }
  | { readonly kind: 'message'; readonly data: Uint8Array }
  | { readonly kind: 'closed'; readonly code: number; readonly reason: string }

/** On the worker's own port, with the socket's port beside it. */
export interface WantsSocket {
  readonly kind: 'connect'
  readonly url: string
  readonly protocols: readonly string[]
  readonly lock: string
}

/** What of a MessagePort is used. */
export interface PagePort {
  postMessage(message: unknown): void
  close(): void
  onmessage: ((event: { readonly data: unknown }) => void) | null
}
