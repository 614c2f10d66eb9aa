// The store contract and the membership contract, run against PostgreSQL: each test in an emptied database.
import { after, before } from 'node:test'
import { sleep, systemClock } from '../../core/clock.js'
import { silentLogger } from '../../core/log.js'
import { systemRandom } from '../../core/random.js'
import { openPostgresStore, type PostgresStore } from '../../persistence/postgres/postgres-store.js'
import { type PostgresServer, startPostgres } from '../helpers/postgres.js'
import { membershipContract } from './membership-contract.js'
import { storeContract } from './store-contract.js'

let server: PostgresServer
let url: string
before(async () => {
  server = await startPostgres({ settings: ['fsync = off'] })
  url = await server.createDatabase()
})
after(() => server.stop())

/** Puts the database back to where the migrations leave it; creating one for each test would take minutes. */
async function empty(): Promise<void> {
  await (await open(url)).close()
  await server.run(
    `TRUNCATE weft.log, weft.document, weft.snapshot, weft.node, weft.lease, weft.cluster, weft.access_record, weft.change_cursor;
     UPDATE weft.shard_owner SET epoch = 0, node_id = NULL, boot = NULL WHERE epoch > 0`,
    new URL(url).pathname.slice(1),
  )
}

const open = (url: string): Promise<PostgresStore> => openPostgresStore({ url, logger: silentLogger, random: systemRandom })

const rightDate = Date.now

storeContract('postgres', async () => {
  await empty()
  const store = await open(url)
  const opened = [store]
  return {
    store,
    reopen: async () => {
      await store.close()
      const again = await open(url)
      opened.push(again)
      return again
    },
    // Of this process; the database's clock is that of the machine.
    setClockWrong: (ms) => {
      Date.now = () => rightDate() + ms
    },
    cleanup: async () => {
      Date.now = rightDate
      await Promise.all(opened.map((each) => each.close()))
    },
  }
})

membershipContract('postgres', async () => {
  await empty()
  const stores: PostgresStore[] = []
  return {
    node: async () => {
      const store = await open(url)
      stores.push(store)
      return store.membership
    },
    wait: (ms) => sleep(systemClock, ms),
    cleanup: async () => {
      await Promise.all(stores.map((store) => store.close()))
    },
  }
})
