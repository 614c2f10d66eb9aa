// What the routes of the HTTP application know of a request beside what the request says itself.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ReceivedBody } from './received-body.js'

/** Given with a request that came over node:http; a request to the fetch handler has none of it. */
export interface NodeBindings {
  readonly incoming?: IncomingMessage
  readonly outgoing?: ServerResponse
}

/** Of every context. */
export interface ApiEnvironment {
  readonly Bindings: NodeBindings
  readonly Variables: { readonly body: ReceivedBody }
}
