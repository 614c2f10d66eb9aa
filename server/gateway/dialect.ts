// What a dialect is to the gateway: an entry of a registry that recognises its requests, and gives each connection a driver.
import type { IncomingHttpHeaders } from 'node:http'
import type { AddressUse } from '../access/addresses.js'
import type { Visit } from '../access/visit.js'
import type { Connection } from '../transport/connection.js'
import type { Driver } from '../transport/driver.js'
import type { OpeningTurns } from './openings.js'
import type { GatewayServices } from './services.js'

/** What an upgrade request said. */
export interface Arrival {
  readonly dialect: Dialect
  /**
   * Path and query, one character per byte, without the server's base path. The path names the document for y-websocket. Null if it is
   * elsewhere.
   */
  readonly target: string | null
  readonly origin: string | null
  /** Whom it comes from, as `clientAddressOf` has it; null without bounds. */
  readonly address: string | null
  /** The subprotocols that were offered. */
  readonly protocols: readonly string[]
  /** Of the upgrade request, by their names in lower case. */
  readonly headers: IncomingHttpHeaders
}

/** What a driver is made from. */
export interface Opening {
  /** Those of clients, or those of nodes, whichever the dialect is for. */
  readonly services: GatewayServices
  readonly connection: Connection
  readonly arrival: Arrival
  /** What the request says about who makes it. */
  readonly visit: Visit
  /** Shared by all connections. */
  readonly openingTurns: OpeningTurns
  /** What the client's address has; null without bounds. */
  readonly addressUse: AddressUse | null
}

export interface Dialect {
  readonly name: string
  /** Who speaks it: a client, or another node of the cluster that has proved to be one. */
  readonly speaker: 'client' | 'node'
  /**
   * The subprotocol that the answer to these selects, or `none-selected`; null if whoever offers them does not speak this dialect. `target`
   * is as in `Arrival`.
   */
  matches(protocols: readonly string[], target: string | null): string | 'none-selected' | null
  /** Throws a `WeftError` that says why the request cannot be served. */
  open(opening: Opening): Driver
}

/** The first one that matches, with the subprotocol to select; null if there is none. */
export function chooseDialect(
  dialects: readonly Dialect[],
  protocols: readonly string[],
  target: string | null,
): { readonly dialect: Dialect; readonly subprotocol: string | null } | null {
  for (const dialect of dialects) {
    const selected = dialect.matches(protocols, target)
    if (selected !== null) return { dialect, subprotocol: selected === 'none-selected' ? null : selected }
  }
  return null
}
