// The dialects that this server speaks. The first one that matches a request serves it; y-websocket takes whatever nobody else does.
import type { Dialect } from '../gateway/dialect.js'
import { hocuspocusDialect } from '../gateway/dialects/hocuspocus-driver.js'
import { weftDialect, weftNodeDialect } from '../gateway/dialects/weft-driver.js'
import { weftDeskDialect, weftRelayDialect } from '../gateway/dialects/weft-relay.js'
import { yWebsocketDialect } from '../gateway/dialects/y-websocket-driver.js'

export const dialects: readonly Dialect[] = [
  weftNodeDialect,
  weftRelayDialect,
  weftDeskDialect,
  weftDialect,
  hocuspocusDialect,
  yWebsocketDialect,
]
