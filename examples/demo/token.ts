// The token of whoever has the page open, on a server that asks for one: `#token=…` behind the page's address, which no server is sent and no log holds.

const KEY = 'weft-demo-token'

/** Taken out of the address at once, so that nobody copies it with the link; kept as long as the tab is open. Empty: none. */
export function demoToken(): string {
  const [, token] = /^#token=(.+)$/.exec(location.hash) ?? []
  if (token !== undefined) {
    sessionStorage.setItem(KEY, decodeURIComponent(token))
    history.replaceState(null, '', location.pathname + location.search)
  }
  return sessionStorage.getItem(KEY) ?? ''
}

/** As `fetch`, with the token. */
export function fetchWithToken(address: string, options: RequestInit = {}): Promise<Response> {
  const token = demoToken()
  const headers = new Headers(options.headers)
  if (token !== '') headers.set('Authorization', `Bearer ${token}`)
  return fetch(address, { ...options, headers })
}
