// What the parts of a session need of it: one object for all of them, since there are thousands of sessions, and closures for each part of each would cost more than
// the parts themselves.
import type { WeftError } from '../../core/errors.js'
import type { AppMessage, SessionLag } from '../access/session-registry.js'
import type { AwarenessSessionPort } from '../awareness/contract.js'
import type { Attachment } from '../document/port.js'
import type { Connection } from '../transport/connection.js'
import type { GatewayServices } from './services.js'
import type { SessionDialect } from './session-dialect.js'
import type { SessionRights } from './session-rights.js'

/** Where an attached session gets its data from. */
export interface Sources {
  readonly attachment: Attachment
  readonly membership: AwarenessSessionPort
}

export interface SessionHost {
  readonly services: GatewayServices
  readonly connection: Connection
  readonly dialect: SessionDialect
  readonly documentId: string
  /** The client's, see `Visit`. */
  readonly address: string | null
  readonly rights: SessionRights
  /** `waiting`: it is not attached yet. */
  readonly phase: 'waiting' | 'attached' | 'over'
  /** Null unless it is attached. */
  readonly sources: Sources | null
  readonly lag: SessionLag
  /** A write was not and will not be made. */
  refused(submission: number, error: WeftError): void
  /** What the client said it has cannot be answered. */
  syncFailed(error: WeftError): void
  /** The client began or ceased to take too little. */
  setLagging(lagging: boolean): void
  /** Something that the client said was left out. */
  notice(error: WeftError): void
  /** What an application says. Whether it was sent. */
  tell(message: AppMessage): boolean
  /** It may not go on. */
  end(error: WeftError): void
}
