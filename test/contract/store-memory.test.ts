// The store contract, run against the memory store.
import { systemClock } from '../../core/clock.js'
import { MemoryDisk, MemoryStore } from '../../persistence/memory/memory-store.js'
import { storeContract } from './store-contract.js'

storeContract('memory', async () => {
  const disk = new MemoryDisk()
  const store = new MemoryStore({ clock: systemClock, disk })
  return {
    store,
    reopen: async () => {
      await store.close()
      return new MemoryStore({ clock: systemClock, disk })
    },
    cleanup: () => store.close(),
  }
})
