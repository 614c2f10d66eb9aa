// The limits of a connection between two nodes.
import type { Limits } from '../../core/limits.js'

const KiB = 1024
const MiB = 1024 * KiB

/** Both ends ping. Together they bound how long a half-open link goes unnoticed: 3 s. */
export const linkHeartbeat = { pingPeriodMs: 1_000, pongMsMax: 2_000 } as const

/** A link carries many documents for many sessions, and a link that is gone must be found while people wait. */
export function linkLimits(limits: Limits): Limits {
  return {
    ...limits,
    // A submission with a channel and a number of its own, longer than the ones it came with.
    messageBytesMax: limits.messageBytesMax + KiB,
    sessionsPerConnectionMax: Number.MAX_SAFE_INTEGER,
    sessionsPerConnectionAndDocumentMax: Number.MAX_SAFE_INTEGER,
    messagesPerSecondMax: Number.MAX_SAFE_INTEGER,
    messagesPerSecondPerSessionMax: Number.MAX_SAFE_INTEGER,
    bytesPerSecondMax: Number.MAX_SAFE_INTEGER,
    bytesPerSecondPerSessionMax: Number.MAX_SAFE_INTEGER,
    syncsPerSecondMax: Number.MAX_SAFE_INTEGER,
    syncsPerSecondPerSessionMax: Number.MAX_SAFE_INTEGER,
    awarenessPerSecondMax: Number.MAX_SAFE_INTEGER,
    awarenessPerSecondPerSessionMax: Number.MAX_SAFE_INTEGER,
    opensPerSecondMax: Number.MAX_SAFE_INTEGER,
    requestsPerSecondMax: Number.MAX_SAFE_INTEGER,
    outboxBytesHigh: Math.max(limits.outboxBytesHigh, 8 * MiB),
    outboxBytesLow: Math.max(limits.outboxBytesLow, 1 * MiB),
    pingPeriodMs: linkHeartbeat.pingPeriodMs,
    pongMsMax: linkHeartbeat.pongMsMax,
  }
}
