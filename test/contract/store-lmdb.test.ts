// The store contract, run against the LMDB store, each test on a folder of its own.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { silentLogger } from '../../core/log.js'
import { openLmdbStore } from '../../persistence/index.js'
import type { DocumentStore } from '../../persistence/store.js'
import { FallibleClock } from './fixture.js'
import { storeContract } from './store-contract.js'

storeContract('lmdb', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'weft-store-'))
  const opened: DocumentStore[] = []
  const clock = new FallibleClock()
  const open = async (): Promise<DocumentStore> => {
    const store = await openLmdbStore({
      folder,
      clock,
      logger: silentLogger,
      onFatal: (error) => {
        throw error
      },
    })
    opened.push(store)
    return store
  }
  const store = await open()
  return {
    store,
    reopen: async () => {
      await opened.at(-1)?.close()
      return open()
    },
    setClockWrong: (ms) => {
      clock.wrongMs = ms
    },
    cleanup: async () => {
      for (const each of opened) await each.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
})
