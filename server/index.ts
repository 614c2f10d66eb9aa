// The package's `./server` export: a Weft server inside your own program.
export { WeftError, type WeftErrorCode } from '../core/errors.js'
export { defaultLimits, type Limits } from '../core/limits.js'
export type { Logger } from '../core/log.js'
export type { ClientPresence, DocumentPresence, UserConnection } from './awareness/presence-registry.js'
export type { Authorization, Authorize, AuthorizeRequest, Permission } from './gateway/authorize.js'
export { type ClusterOptions, createServer, type ServerOptions, type WeftServer } from './server.js'
