// Why a connection may not come, in words, the same whatever it comes by.
import { unreachable } from '../../core/assert.js'
import type { Limits } from '../../core/limits.js'
import type { Random } from '../../core/random.js'

/** What the gateway says of a further connection. */
export type Admission = 'admitted' | 'full' | 'address-full' | 'too-fast' | 'draining'

const RETRY_SPREAD_S = 4

/** What HTTP 503 and Retry-After say; null for one that may come. */
export function admissionRefusal(
  admission: Admission,
  limits: Limits,
  random: Random,
): { readonly reason: string; readonly retryAfterS: number } | null {
  switch (admission) {
    case 'admitted':
      return null
    case 'too-fast':
      // Spread, so that they do not come back in step.
      return {
        reason: 'More connections come than this server lets in each second; connect again.',
        retryAfterS: 1 + random.below(RETRY_SPREAD_S),
      }
    case 'full':
      return { reason: `This server has ${limits.connectionsMax} connections, which is the most it may.`, retryAfterS: 10 }
    case 'address-full':
      return {
        reason: `Your address has ${limits.connectionsPerAddressMax} connections to this server, which is the most it may.`,
        retryAfterS: 10,
      }
    case 'draining':
      return { reason: 'This server is shutting down; connect again.', retryAfterS: 1 }
    default:
      return unreachable(admission)
  }
}
