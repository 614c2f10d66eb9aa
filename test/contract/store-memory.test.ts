// The store contract, run against the memory store.
import { MemoryDisk, MemoryStore } from '../../persistence/memory/memory-store.js'
import { FallibleClock } from './fixture.js'
import { storeContract } from './store-contract.js'

storeContract('memory', async () => {
  const disk = new MemoryDisk()
  const clock = new FallibleClock()
  const store = new MemoryStore({ clock, disk })
  return {
    store,
    reopen: async () => {
      await store.close()
      return new MemoryStore({ clock, disk })
    },
    setClockWrong: (ms) => {
      clock.wrongMs = ms
    },
    cleanup: () => store.close(),
  }
})
