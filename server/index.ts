// The package's `./server` export: a Weft server inside your own program.
export { WeftError, type WeftErrorCode } from '../core/errors.js'
export { defaultLimits, type Limits } from '../core/limits.js'
export type { Logger } from '../core/log.js'
export type { Permission } from '../core/permission.js'
export type { Authorization, Authorize, AuthorizeRequest } from './access/authorize.js'
export { type ClusterOptions, createServer, type ServerOptions, type WeftServer } from './composition/server.js'
export type { History } from './history/history.js'
export type { ClientPresence, DocumentPresence, UserConnection } from './presence/presence-registry.js'
