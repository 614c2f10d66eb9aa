// How a client says in its upgrade request that it comes back: as a further subprotocol, since browsers let a page set nothing else there.

const PREFIX = 'weft.resume.'

/** The subprotocol, beside `weft.1`, by which a client says that it comes back. No server selects it. */
export function resumptionSubprotocol(resumption: string): string {
  return `${PREFIX}${resumption}`
}

/** What a client that comes back shows; null if it shows nothing. */
export function resumptionIn(protocols: readonly string[]): string | null {
  return protocols.find((name) => name.startsWith(PREFIX))?.slice(PREFIX.length) ?? null
}
