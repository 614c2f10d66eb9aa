// What the gateway gives to the connections of other nodes instead of what it gives to clients.
import { SessionRegistry } from '../access/session-registry.js'
import type { AwarenessSessionPort } from '../awareness/contract.js'
import type { DocumentDirectory } from '../document/port.js'
import { linkLimits } from '../transport/link-limits.js'
import type { GatewayServices } from './services.js'

/** Cursors cross nodes over the awareness bus, never over links. */
const noAwareness: AwarenessSessionPort = { receive: () => {}, look: () => {}, fullState: () => [], identify: () => {}, leave: () => {} }

/**
 * `directory` must hold the documents of this process only: a node that is not the owner says so and never forwards.
 * Permission was checked by the node that has the client.
 */
export function linkServices(services: GatewayServices, directory: DocumentDirectory): GatewayServices {
  return {
    ...services,
    // That node refuses what is not finished.
    directory: { attach: (documentId, request) => directory.attach(documentId, { ...request, unfinished: 'passed-on' }) },
    limits: linkLimits(services.limits),
    authorize: () => Promise.resolve({ user: null, permission: 'read-write' }),
    awareness: { join: () => noAwareness },
    sessions: new SessionRegistry(),
    editGuard: null,
    messages: null,
    connectGuard: null,
    resumptions: null,
  }
}
