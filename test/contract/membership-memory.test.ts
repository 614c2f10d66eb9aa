// The membership contract, run against the memory membership on a clock that the test moves.
import { MemoryMembership, MemoryMembershipTable } from '../../persistence/memory/memory-membership.js'
import { ManualClock } from '../helpers/manual-clock.js'
import { membershipContract } from './membership-contract.js'

membershipContract('memory', async () => {
  const clock = new ManualClock()
  const table = new MemoryMembershipTable()
  return {
    node: async () => new MemoryMembership({ clock, table }),
    wait: async (ms) => clock.advance(ms),
    cleanup: async () => {},
  }
})
