// Access control on a manual clock and records in memory, asked as a client would ask.
import { Counters } from '../../core/counters.js'
import { defaultLimits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import { systemRandom } from '../../core/random.js'
import { MemoryKeyedRecords } from '../../persistence/memory/memory-keyed-records.js'
import { AccessControl, type AccessControlOptions } from '../../server/access/access-control.js'
import type { Authorization, AuthorizeRequest } from '../../server/access/authorize.js'
import type { Visit } from '../../server/access/visit.js'
import { ManualClock } from './manual-clock.js'

export function visitWith(token: string, more: Partial<Visit> = {}): Visit {
  return { parameters: new URLSearchParams({ token }), protocols: [], origin: null, headers: {}, address: null, ...more }
}

export interface TestAccess {
  readonly access: AccessControl
  readonly clock: ManualClock
  readonly records: MemoryKeyedRecords
  /** A visit of its own asks for one document. */
  ask(token: string, documentId?: string, more?: Partial<AuthorizeRequest>): Promise<Authorization>
}

export async function testAccess(
  options: Partial<AccessControlOptions> = {},
  shared: { readonly clock: ManualClock; readonly records: MemoryKeyedRecords } | null = null,
): Promise<TestAccess> {
  const clock = shared?.clock ?? new ManualClock()
  const records = shared?.records ?? new MemoryKeyedRecords(clock)
  const access = new AccessControl({
    clock,
    random: systemRandom,
    logger: silentLogger,
    counters: new Counters(),
    limits: defaultLimits,
    jsonWebTokens: null,
    adminKey: null,
    authorize: null,
    ticketKey: new TextEncoder().encode('one key for all nodes'),
    tokenCookie: null,
    allowedOrigin: null,
    trustedProxies: () => false,
    insecureOpen: false,
    ...options,
  })
  await access.start(records, shared !== null)
  return {
    access,
    clock,
    records,
    ask: (token, documentId = 'notes', more = {}) =>
      access.authorize({ ...visitWith(token), documentId, scope: 'document', token: '', ...more }),
  }
}
