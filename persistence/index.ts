// The package's `./persistence` export: the store contract and the stores.
export { MemoryDisk, MemoryStore } from './memory/memory-store.js'
export type * from './store.js'
