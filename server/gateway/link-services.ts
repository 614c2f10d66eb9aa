// What the gateway gives to the connections of other nodes instead of what it gives to clients.
import type { Limits } from '../../core/limits.js'
import type { AwarenessMembership } from '../awareness/contract.js'
import type { DocumentDirectory } from '../document/port.js'
import type { GatewayServices } from './services.js'

const KiB = 1024
const MiB = 1024 * KiB

/** Cursors cross nodes over the awareness bus, never over links. */
const noAwareness: AwarenessMembership = { receive: () => {}, fullState: () => null, identify: () => {}, leave: () => {} }

/**
 * `directory` must hold the documents of this process only: a node that is not the owner says so and never forwards.
 * Permission was checked by the node that has the client.
 */
export function linkServices(services: GatewayServices, directory: DocumentDirectory): GatewayServices {
  return {
    ...services,
    directory,
    limits: linkLimits(services.limits),
    authorize: () => Promise.resolve({ user: null, permission: 'read-write' }),
    awareness: { join: () => noAwareness },
  }
}

/** A link carries many documents for many sessions, and a link that is gone must be found while people wait. */
export function linkLimits(limits: Limits): Limits {
  return {
    ...limits,
    // A submission with a channel and a number of its own, longer than the ones it came with.
    messageBytesMax: limits.messageBytesMax + KiB,
    sessionsPerConnectionMax: Number.MAX_SAFE_INTEGER,
    sessionsPerConnectionAndDocumentMax: Number.MAX_SAFE_INTEGER,
    outboxBytesHigh: Math.max(limits.outboxBytesHigh, 8 * MiB),
    outboxBytesLow: Math.max(limits.outboxBytesLow, 1 * MiB),
    pingPeriodMs: linkHeartbeat.pingPeriodMs,
    pongMsMax: linkHeartbeat.pongMsMax,
  }
}

/** Both ends ping. Together they bound how long a half-open link goes unnoticed: 3 s. */
export const linkHeartbeat = { pingPeriodMs: 1_000, pongMsMax: 2_000 } as const
