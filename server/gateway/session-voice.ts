// What a session tells its client beside the stream of its document, as far as the dialect has words for it.
import type { WeftError } from '../../core/errors.js'
import type { Permission } from '../../core/permission.js'
import type { AppMessage } from '../access/session-registry.js'
import type { Attachment } from '../document/port.js'
import type { Message } from '../transport/outbox.js'
import type { Delivery } from './delivery.js'
import { naming } from './naming-errors.js'
import type { SessionDialect } from './session-dialect.js'

export class SessionVoice {
  readonly #dialect: SessionDialect
  readonly #delivery: Delivery

  constructor(dialect: SessionDialect, delivery: Delivery) {
    this.#dialect = dialect
    this.#delivery = delivery
  }

  /** `expiresInMs`: as of `expires`. */
  opened(attachment: Attachment, permission: Permission, expiresInMs: number | null): void {
    for (const message of this.#dialect.opened(attachment, permission)) this.#delivery.send(message)
    this.expires(expiresInMs)
  }

  permission(permission: Permission): void {
    this.#say(this.#dialect.permission(permission))
  }

  /** The client's right ends after this time; null: never. */
  expires(inMs: number | null): void {
    if (inMs !== null) this.#say(this.#dialect.expires(inMs))
  }

  /** Something that the client sent had to be left out. */
  notice(error: WeftError): void {
    this.#say(this.#dialect.notice(error))
  }

  /** This write was not and will not be made. Answers why the session has to end, where the client cannot go on without it; else null. */
  refused(submission: number, error: WeftError): WeftError | null {
    const named = naming('update', error)
    const { message, fatal } = this.#dialect.refused(submission, named)
    this.#delivery.send(message)
    return fatal ? named : null
  }

  /** What an application says. Whether it was sent: not to a client that lags. */
  appMessage(appMessage: AppMessage): boolean {
    const message = this.#dialect.appMessage(appMessage)
    return message !== null && this.#delivery.sendWhenFlowing(message)
  }

  #say(message: Message | null): void {
    if (message !== null) this.#delivery.send(message)
  }
}
