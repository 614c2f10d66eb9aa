// The package's `./persistence` export: the store contract and the stores.
export { type LmdbStoreOptions, openLmdbStore } from './lmdb/lmdb-store.js'
export { MemoryDisk, MemoryStore } from './memory/memory-store.js'
export type * from './store.js'
