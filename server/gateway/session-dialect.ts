// What a session needs of a dialect: the wording, while the session decides when each thing is said.

import type { WeftError } from '../../core/errors.js'
import type { Permission } from '../../core/permission.js'
import type { AppMessage } from '../access/session-registry.js'
import type { AwarenessFrame } from '../awareness/contract.js'
import type { Attachment, CatchUp, DocumentBroadcast } from '../document/port.js'
import type { Message } from '../transport/outbox.js'
import type { TransferManner } from './transfer-manner.js'

/** How a dialect words what happens to a session. The session decides when each is sent. */
export interface SessionDialect {
  /** How the client takes what is large; null if it takes everything as a whole. */
  readonly manner: TransferManner | null
  /** The session is attached. */
  opened(attachment: Attachment, permission: Permission): readonly Message[]
  catchUp(state: CatchUp): readonly Message[]
  /** Part of the catch-up or the beat that follows. */
  piece(update: Uint8Array): Message
  /** What the document sends to all of its live sessions at once; worded once for all of them. */
  beat(beat: DocumentBroadcast): Message
  /** Null where the dialect has no acknowledgements. */
  acknowledged(through: number, seq: number): Message | null
  /** What another node is told in front of a beat whose edits are followed; null for nothing. Default: nothing. */
  trace?(context: string): Message | null
  /** `fatal` when the client cannot go on without this write, so that the session must end. */
  refused(submission: number, error: WeftError): { readonly message: Message; readonly fatal: boolean }
  awareness(frame: AwarenessFrame): Message
  awarenessState(update: Uint8Array): Message
  permission(permission: Permission): Message | null
  /** The client's right ends after this time, unless it shows another token. Null where the dialect has no way to say so. */
  expires(inMs: number): Message | null
  /** Something that the client sent had to be left out. Null where the dialect has no way to say so. */
  notice(error: WeftError): Message | null
  /** What an application says. Null where the dialect has no way to say so. */
  appMessage(message: AppMessage): Message | null
  /** The session is over, and not by the client's wish. */
  sessionEnded(error: WeftError): void
}
