// The part of the WebSocket interface that the client uses, and where to get one: the browser's, Node's, or the `ws` package.

export interface WebSocketLike {
  binaryType: string
  /** The subprotocol that the server chose, or an empty string. */
  readonly protocol: string
  /** Bytes that have arrived, those of messages that are not whole too; left out by a socket that does not tell. */
  readonly bytesRead?: number
  /** Bytes that were sent and that the network has not taken. */
  readonly bufferedAmount?: number
  send(data: Uint8Array): void
  close(code?: number, reason?: string): void
  /** `ws` only: drops the connection without the closing handshake. */
  terminate?(): void
  addEventListener(type: 'open', listener: () => void): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  addEventListener(type: 'close', listener: (event: { readonly code?: number; readonly reason?: string }) => void): void
  addEventListener(type: 'error', listener: (event: object) => void): void
}

/**
 * How many bytes have arrived, those of messages that are not whole too; null where the socket does not tell, as in browsers. `ws` does.
 */
export function readBytesOf(socket: WebSocketLike): number | null {
  if (socket.bytesRead !== undefined) return socket.bytesRead
  const stream = (socket as { readonly _socket?: { readonly bytesRead?: unknown } | null })._socket
  return typeof stream?.bytesRead === 'number' ? stream.bytesRead : null
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike

/** The global WebSocket, or where there is none (Node before 22) that of the `ws` package. Rejects when there is neither. */
export async function findWebSocket(): Promise<WebSocketConstructor> {
  const scope = globalThis as { readonly WebSocket?: WebSocketConstructor }
  if (scope.WebSocket !== undefined) return scope.WebSocket
  // Not a literal: a bundler for browsers must neither resolve nor include it.
  const packageName = 'ws'
  const module: { readonly WebSocket: WebSocketConstructor } = await import(/* @vite-ignore */ /* webpackIgnore: true */ packageName)
  return module.WebSocket
}

/**
 * The WebSocket URL for what an application passes: `http` becomes `ws`, `https` `wss`; relative URLs are taken from the page's.
 * Throws a TypeError for what is no URL or has another scheme.
 */
export function webSocketUrl(url: string): string {
  const base = (globalThis as { readonly location?: { readonly href: string } }).location?.href
  let href = ''
  try {
    // `undefined`, such as a setting that was forgotten, must not pass for a path relative to the page.
    if (typeof url === 'string') href = new URL(url, base).href
  } catch {}
  // Taken apart by hand: React Native's URL changes absolute ones, and has no `protocol` that could be set.
  const [, secure = '', host = '', rest = ''] = parts.exec(url) ?? parts.exec(href) ?? []
  const absolute = `ws${secure.toLowerCase()}://${host}${rest.startsWith('/') ? '' : '/'}${rest}`
  if (host === '') throw new TypeError(`Not a ws, wss, http or https URL: ${url}`)
  // Throws for a host or a port that cannot be.
  new URL(absolute)
  return absolute
}

/** An `s` or nothing, the host with its port, and all that follows, without the fragment. */
const parts = /^(?:ws|http)(s?):\/\/([^/?#]+)([^#]*)/i
