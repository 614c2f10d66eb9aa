// How the weft dialect words what happens to one session, on the session's channel.

import type { WeftError } from '../../../core/errors.js'
import type { Permission } from '../../../core/permission.js'
import { encodeWeftServer } from '../../../protocol/dialects/weft.js'
import type { AppMessage } from '../../access/session-registry.js'
import type { AwarenessFrame } from '../../awareness/contract.js'
import type { Attachment, CatchUp, DocumentBroadcast } from '../../document/port.js'
import { encodedOnce } from '../../transport/encoded-once.js'
import type { Message } from '../../transport/outbox.js'
import type { SessionDialect } from '../session-dialect.js'
import type { TransferManner } from '../transfer-manner.js'

/** An error as it goes over the wire. */
export function refusalOf(error: WeftError): { closeCode: number; code: string; reason: string; retryable: boolean } {
  return { closeCode: error.closeCode, code: error.code, reason: error.message.slice(0, REASON_LENGTH_MAX), retryable: error.retryable }
}

/** UTF-16 units, so that the reason stays below the 4,096 bytes that a client reads. */
const REASON_LENGTH_MAX = 1_000

export class WeftChannel implements SessionDialect {
  readonly #channel: number
  readonly #frameKey: string
  readonly #onOpened: () => void
  readonly #onEnded: (error: WeftError) => void

  readonly manner: TransferManner | null
  /** Whether the other end, a node, wants to know what is followed. */
  takesTraces = false

  /** `manner` null: the other end is a node, which takes everything as a whole. */
  constructor(channel: number, manner: TransferManner | null, onOpened: () => void, onEnded: (error: WeftError) => void) {
    this.#channel = channel
    this.manner = manner
    // Most clients have one document on channel 1, so that a beat's frame serves nearly all of them.
    this.#frameKey = `weft:${channel}`
    this.#onOpened = onOpened
    this.#onEnded = onEnded
  }

  opened(attachment: Attachment, permission: Permission): readonly Message[] {
    this.#onOpened()
    const { incarnation, seq } = attachment
    return [
      encodeWeftServer({
        type: 'opened',
        channel: this.#channel,
        incarnation,
        seq,
        stateVector: attachment.stateVector(),
        permission,
      }),
    ]
  }

  catchUp({ seq, updates }: CatchUp): readonly Message[] {
    return [encodeWeftServer({ type: 'state', channel: this.#channel, seq, updates })]
  }

  trace(context: string): Message | null {
    return this.takesTraces ? encodeWeftServer({ type: 'trace', channel: this.#channel, context }) : null
  }

  piece(update: Uint8Array): Message {
    return encodeWeftServer({ type: 'piece', channel: this.#channel, update })
  }

  beat(beat: DocumentBroadcast): Message {
    return encodedOnce(beat.frames, this.#frameKey, () =>
      encodeWeftServer({ type: 'update', channel: this.#channel, seq: beat.seq, update: beat.update }),
    )
  }

  acknowledged(through: number, seq: number): Message {
    return encodeWeftServer({ type: 'acknowledged', channel: this.#channel, through, seq })
  }

  refused(submission: number, error: WeftError): { readonly message: Message; readonly fatal: boolean } {
    return { message: encodeWeftServer({ type: 'refused', channel: this.#channel, submission, ...refusalOf(error) }), fatal: false }
  }

  awareness(frame: AwarenessFrame): Message {
    return encodedOnce(frame.frames, this.#frameKey, () =>
      encodeWeftServer({ type: 'awareness', channel: this.#channel, update: frame.update }),
    )
  }

  awarenessState(update: Uint8Array): Message {
    return encodeWeftServer({ type: 'awareness', channel: this.#channel, update })
  }

  permission(permission: Permission): Message {
    return encodeWeftServer({ type: 'permission', channel: this.#channel, permission })
  }

  expires(inMs: number): Message {
    return encodeWeftServer({ type: 'expires', channel: this.#channel, inMs: Math.max(0, Math.floor(inMs)) })
  }

  appMessage({ payload, user, sessionId, frames }: AppMessage): Message {
    return encodedOnce(frames, this.#frameKey, () =>
      encodeWeftServer({ type: 'message', channel: this.#channel, user: user ?? '', session: sessionId ?? '', payload }),
    )
  }

  notice(error: WeftError): Message {
    return encodeWeftServer({ type: 'notice', channel: this.#channel, ...refusalOf(error) })
  }

  sessionEnded(error: WeftError): void {
    this.#onEnded(error)
  }
}
