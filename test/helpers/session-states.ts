// The states of a session of the gateway, how each is reached, and what must be left after it.
import { strict as assert } from 'node:assert'
import { WeftError } from '../../core/errors.js'
import type { CatchUp } from '../../server/document/port.js'
import type { sessionBench } from './session-bench.js'

export type Bench = ReturnType<typeof sessionBench>

export const update = Uint8Array.of(0, 0)
export const everything: CatchUp = { seq: 7, updates: [update] }
export const beat = () => ({ seq: 8, update: Uint8Array.of(0, 0), frames: new Map() })
export const transfer = (pieces: number): CatchUp => ({
  seq: 7,
  updates: [],
  transfer: {
    bytes: 100_000,
    stateVector: Uint8Array.of(0),
    next: () => (pieces-- > 0 ? new Uint8Array(8 * 1024) : null),
    closing: () => [update],
  },
})

/** How each state is reached. */
export const sessionStates = {
  authorizing: async ({ session }: Bench) => session.start(),
  attaching: async (bench: Bench) => {
    bench.session.start()
    await bench.grant()
  },
  unsynced: async (bench: Bench) => {
    await sessionStates.attaching(bench)
    await bench.attach()
  },
  syncing: async (bench: Bench) => {
    await sessionStates.unsynced(bench)
    bench.session.sync({ kind: 'nothing' })
  },
  live: async (bench: Bench) => {
    await sessionStates.syncing(bench)
    bench.document.catchUp(everything)
    await bench.clock.settle()
  },
  taking: async (bench: Bench) => {
    await sessionStates.syncing(bench)
    // Two pieces are on their way and not confirmed.
    bench.client.isResponsive = false
    bench.document.catchUp(transfer(10))
    await bench.clock.settle()
  },
  lagging: async (bench: Bench) => {
    await sessionStates.live(bench)
    bench.client.isStalled = true
    bench.document.beat({ ...beat(), update: new Uint8Array(10_000) })
  },
  ended: async (bench: Bench) => {
    await sessionStates.live(bench)
    bench.document.detached(new WeftError('owner-moved', 'Moved.'))
  },
}

/** Marks of the outbox with which the state `lagging` is reached. */
export const smallOutbox = { outboxBytesHigh: 8_000, outboxBytesLow: 1_000 }

export async function assertNothingLeft(bench: Bench): Promise<void> {
  await bench.end()
  assert.equal(bench.clock.timerCount, 0, 'timers are left')
  assert.equal(bench.budget.bytes, 0, 'memory is counted that nobody holds')
  assert.equal(bench.registered, 0, 'the session is still to be found')
}
