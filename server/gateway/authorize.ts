// The seam for access control: who a client is and what it may do with a document. The default lets everybody read and write.

export type Permission = 'read-write' | 'read-only'

export interface AuthorizeRequest {
  readonly documentId: string
  /** The token of the open request or hello (weft), or the URL parameter `token` (y-websocket); empty when there is none. */
  readonly token: string
  /** The URL parameters of the upgrade request. */
  readonly parameters: URLSearchParams
  /** The Origin header, or null. */
  readonly origin: string | null
}

export interface Authorization {
  /** Who it is, for attribution; null when unknown. */
  readonly user: string | null
  readonly permission: Permission
}

/** Rejects with a WeftError `unauthenticated`, `forbidden` or `no-such-document`, whose words the client gets to read. */
export type Authorize = (request: AuthorizeRequest) => Promise<Authorization>

export const allowEverybody: Authorize = () => Promise.resolve({ user: null, permission: 'read-write' })
