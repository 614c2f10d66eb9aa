// The contract of persistence/store.ts as tests: one suite, run against every implementation. Each title names the rule it guards.
import { describe } from 'node:test'
import { appendingContract } from './appending.js'
import { authorsContract } from './authors.js'
import { changeCursorsContract } from './change-cursors.js'
import { contractTest, type MakeStore } from './fixture.js'
import { historyContract } from './history.js'
import { keyedRecordsContract } from './keyed-records.js'
import { ownershipContract } from './ownership.js'
import { pruningContract } from './pruning.js'
import { quarantineContract } from './quarantine.js'
import { unfinishedContract } from './unfinished.js'

/** Declares the whole suite for one implementation. `makeStore` gives each test a store of its own, with nothing in it. */
export function storeContract(name: string, makeStore: MakeStore): void {
  describe(`store contract: ${name}`, () => {
    const test = contractTest(makeStore)
    ownershipContract(test)
    appendingContract(test)
    historyContract(test)
    pruningContract(test)
    quarantineContract(test)
    authorsContract(test)
    keyedRecordsContract(test)
    changeCursorsContract(test)
    unfinishedContract(test)
  })
}
