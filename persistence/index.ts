// The package's `./persistence` export: the store contract and the stores.
import { WeftError } from '../core/errors.js'
import type { LmdbStoreOptions } from './lmdb/lmdb-store.js'
import type { DocumentStore } from './store.js'

export type * from './change-cursors.js'
export type * from './keyed-records.js'
export type { LmdbStoreOptions } from './lmdb/lmdb-store.js'
export { MemoryDisk, MemoryStore } from './memory/memory-store.js'
export type * from './store.js'

/**
 * Opens the embedded store in a folder. Rejects with `data-folder-in-use`, `data-folder-newer`, `data-folder-unwritable` or `store-failed`,
 * and with `invalid-configuration` where LMDB does not run. Its native modules are loaded only now, so that they need not run where the
 * store is not used.
 */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<DocumentStore> {
  return (await loadLmdbStore()).openLmdbStore(options)
}

async function loadLmdbStore(): Promise<typeof import('./lmdb/lmdb-store.js')> {
  try {
    return await import('./lmdb/lmdb-store.js')
  } catch (cause) {
    throw new WeftError(
      'invalid-configuration',
      `The embedded store does not run on this system (${process.platform}, ${process.arch}): its package lmdb cannot be loaded. ` +
        'Install it again for this system (npm ci), or use a database with --database-url.',
      { cause },
    )
  }
}
