// What a request says about who makes it, and which token it shows. The same for an upgrade and for a request to the API.
import type { IncomingHttpHeaders } from 'node:http'

export interface Visit {
  /** The URL parameters. */
  readonly parameters: URLSearchParams
  /** The WebSocket subprotocols that were offered. */
  readonly protocols: readonly string[]
  /** The Origin header, or null. */
  readonly origin: string | null
  /** By their names in lower case. */
  readonly headers: IncomingHttpHeaders
  /** Whom it comes from, as the limits for each address see it; null for this machine. */
  readonly address: string | null
}

/** A browser's program can set no header of an upgrade but this one: `new WebSocket(url, ['weft.1', 'weft-token.' + token])`. */
const SUBPROTOCOL_PREFIX = 'weft-token.'

export function isTokenSubprotocol(protocol: string): boolean {
  return protocol.startsWith(SUBPROTOCOL_PREFIX)
}

/**
 * The token that the request itself shows: in the URL parameter `token`, a subprotocol, the Authorization header, or the cookie of that
 * name where it may count; empty for none.
 */
export function tokenOf(visit: Visit, cookie: { readonly name: string; readonly counts: boolean } | null): string {
  const { parameters, protocols, headers } = visit
  const parameter = parameters.get('token')
  if (parameter !== null && parameter !== '') return parameter
  const protocol = protocols.find(isTokenSubprotocol)
  if (protocol !== undefined) return protocol.slice(SUBPROTOCOL_PREFIX.length)
  const bearer = /^Bearer +(\S+)\s*$/i.exec(headers.authorization ?? '')?.[1]
  if (bearer !== undefined) return bearer
  return cookie?.counts ? (cookiesIn(headers.cookie).get(cookie.name) ?? '') : ''
}

function cookiesIn(header: string | undefined): ReadonlyMap<string, string> {
  const cookies = new Map<string, string>()
  for (const pair of (header ?? '').split(';')) {
    const equals = pair.indexOf('=')
    if (equals < 0) continue
    const name = pair.slice(0, equals).trim()
    // The first one counts, as in RFC 6265 (5.4): it has the longest path.
    if (!cookies.has(name)) cookies.set(name, unquoted(pair.slice(equals + 1).trim()))
  }
  return cookies
}

function unquoted(value: string): string {
  const bare = value.startsWith('"') && value.endsWith('"') && value.length >= 2 ? value.slice(1, -1) : value
  try {
    return decodeURIComponent(bare)
  } catch {
    return bare
  }
}
