// One open channel of the weft dialect: what the client, or the node at the other end, says on it to its session.
import { unreachable } from '../../../core/assert.js'
import { WeftError } from '../../../core/errors.js'
import type { WeftClientMessage } from '../../../protocol/dialects/weft.js'
import type { Authorization } from '../../access/authorize.js'
import type { GatewayServices } from '../services.js'
import type { Session } from '../session.js'
import { SubmissionParts } from '../submission-parts.js'
import type { WeftChannel } from './weft-channel.js'

/** What is said on a channel that is open, and leaves it open. */
export type ChannelMessage = Exclude<
  WeftClientMessage,
  { type: 'hello' } | { type: 'ping' } | { type: 'open' } | { type: 'command' } | { type: 'close' }
>

export interface OpenChannelOptions {
  readonly services: GatewayServices
  readonly session: Session
  readonly dialect: WeftChannel
  /** Whether another node is at the other end. */
  readonly isLink: boolean
  readonly authorize: (token: string) => Promise<Authorization>
}

export class OpenChannel {
  readonly session: Session
  readonly #options: OpenChannelOptions
  readonly #parts: SubmissionParts
  #submission = 0
  /** Who wrote what is submitted, as the node at the other end says. Null: the user of the session. */
  #author: string | null = null
  /** What the node at the other end says of the next submission. Null: that it is not followed. */
  #trace: string | null = null

  constructor(options: OpenChannelOptions) {
    const { services, session } = options
    this.#options = options
    this.session = session
    this.#parts = new SubmissionParts(services.limits.messageBytesMax, services.budget)
  }

  /** Throws `malformed` for what may not be said. */
  receive(message: ChannelMessage): void {
    const { session } = this
    switch (message.type) {
      case 'sync':
        session.sync(message.known)
        return
      case 'submit':
        this.#submit(message.submission, message.update)
        return
      case 'part':
        this.#parts.add(message.bytes)
        return
      case 'author':
        if (!this.#options.isLink) throw new WeftError('malformed', 'Only nodes of the cluster say who wrote what they submit.')
        this.#author = message.user === '' ? null : message.user
        return
      case 'trace':
        if (!this.#options.isLink) throw new WeftError('malformed', 'Only nodes of the cluster say which edits they follow.')
        if (message.context === '') this.#options.dialect.takesTraces = true
        else this.#trace = message.context
        return
      case 'awareness':
        session.receiveAwareness(message.update)
        return
      case 'message':
        session.say(message.to, message.payload)
        return
      case 'token':
        session.reauthorize(() => this.#options.authorize(message.token))
        return
      default:
        unreachable(message)
    }
  }

  /** The parts of a submission of which the last one will not come are let go. Idempotent. */
  drop(): void {
    this.#parts.drop()
  }

  #submit(submission: number, lastPart: Uint8Array): void {
    if (submission !== this.#submission + 1)
      throw new WeftError('malformed', `The submission is number ${submission} after ${this.#submission}; numbers count up by one.`)
    this.#submission = submission
    const update = this.#parts.complete(lastPart)
    const trace = this.#trace
    this.#trace = null
    if (trace !== null) this.#options.services.traces?.continued(update, this.session.documentId, trace)
    this.session.write(submission, update, this.#author)
  }
}
