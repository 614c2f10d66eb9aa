// What applications say to each other beside their edits: passed on to sessions here and, over the bus, on other nodes. At most once, never stored, and bounded by
// recipient, so that however many speak, those who listen are not flooded.
import type { Clock } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import { asWeftError, WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import type { Logger } from '../../core/log.js'
import type { AppMessage, RegisteredSession, SessionRegistry } from '../access/session-registry.js'
import type { MessageBus } from '../awareness/bus.js'
import { Allowances } from './allowances.js'

/** Whom a message is for. Without a document: wherever they are. */
export type Recipients =
  | { readonly kind: 'document'; readonly documentId: string }
  | { readonly kind: 'user'; readonly user: string; readonly documentId: string | null }
  | { readonly kind: 'session'; readonly sessionId: string; readonly documentId: string | null }

/** What a client said, before it is passed on. */
export interface ClientMessage {
  readonly documentId: string
  readonly sessionId: string
  readonly user: string | null
  readonly payload: string
  readonly to: Recipients
}

export interface AppMessagesOptions {
  readonly sessions: SessionRegistry
  readonly bus: MessageBus
  readonly clock: Clock
  readonly counters: Counters
  readonly logger: Logger
  readonly limits: Pick<Limits, 'appMessageBytesMax' | 'appMessagesPerRecipientPerSecondMax'>
  /** Asked about what clients say: false, and what it throws, keeps it from being passed on. Null: nobody is asked. */
  readonly mayPass: ((message: ClientMessage) => boolean) | null
}

interface Sent {
  readonly to: Recipients
  readonly payload: string
  readonly user: string | null
  readonly sessionId: string | null
}

export class AppMessages {
  readonly #options: AppMessagesOptions
  readonly #allowances: Allowances

  constructor(options: AppMessagesOptions) {
    this.#options = options
    this.#allowances = new Allowances(options.clock, () => options.limits.appMessagesPerRecipientPerSecondMax)
    options.bus.listen((bytes) => this.#fromBus(bytes))
  }

  /** What a client says to others on its document. Throws `message-too-large`. */
  fromSession(
    { documentId, sessionId, user }: { readonly documentId: string; readonly sessionId: string; readonly user: string | null },
    target: { readonly kind: 'document' } | { readonly kind: 'user' | 'session'; readonly id: string },
    payload: string,
  ): void {
    this.#check(payload)
    const to = recipientsOf(documentId, target)
    if (!this.#passes({ documentId, sessionId, user, payload, to })) {
      this.#options.counters.add('app_messages_dropped')
      return
    }
    this.#send({ to, payload, user, sessionId })
  }

  /** What the program, or whoever asks the API, says. `user` is who says it. Throws `message-too-large`. */
  send(to: Recipients, payload: string, user: string | null): void {
    this.#check(payload)
    this.#send({ to, payload, user, sessionId: null })
  }

  #check(payload: string): void {
    const { appMessageBytesMax } = this.#options.limits
    // A string of n UTF-16 units has at least n bytes.
    if (payload.length <= appMessageBytesMax && Buffer.byteLength(payload) <= appMessageBytesMax) return
    throw new WeftError('message-too-large', `The message is larger than ${appMessageBytesMax} bytes; it was not passed on.`)
  }

  #passes(message: ClientMessage): boolean {
    const { mayPass, logger } = this.#options
    try {
      return mayPass === null || mayPass(message)
    } catch (thrown) {
      logger.error(
        { documentId: message.documentId, hook: 'onMessage', err: thrown },
        'a hook failed, and what a client said was not passed on',
      )
      return false
    }
  }

  #send(sent: Sent): void {
    this.#deliver(sent)
    const { to } = sent
    this.#options.bus.send(to.kind === 'document' ? to.documentId : null, Buffer.from(JSON.stringify(sent)))
  }

  #fromBus(bytes: Uint8Array): void {
    const { counters, logger } = this.#options
    counters.add('app_messages_received')
    try {
      // Another node said it, which knows the cluster's secret.
      this.#deliver(JSON.parse(Buffer.from(bytes).toString()) as Sent)
    } catch (thrown) {
      logger.debug({ code: asWeftError(thrown).code }, 'A message from another node cannot be read; it is ignored.')
    }
  }

  #deliver({ to, payload, user, sessionId }: Sent): void {
    const { counters } = this.#options
    const recipients = this.#recipients(to).filter((session) => session.sessionId !== sessionId)
    if (recipients.length === 0) return
    if (!this.#allowances.take(keyOf(to))) {
      counters.add('app_messages_dropped', recipients.length)
      return
    }
    const message: AppMessage = { payload, user, sessionId, frames: new Map() }
    for (const recipient of recipients) counters.add(recipient.tell(message) ? 'app_messages_delivered' : 'app_messages_dropped')
  }

  #recipients(to: Recipients): readonly RegisteredSession[] {
    const { sessions } = this.#options
    switch (to.kind) {
      case 'document':
        return [...sessions.onDocument(to.documentId)]
      case 'user': {
        const own = [...sessions.ofUser(to.user)]
        if (to.documentId !== null) return own.filter(({ documentId }) => documentId === to.documentId)
        // Once on each connection, however many documents it has open.
        const seen = new Set<number>()
        return own.filter(({ connectionId }) => !seen.has(connectionId) && seen.add(connectionId))
      }
      case 'session': {
        const found = sessions.find(to.sessionId)
        return found === null || (to.documentId !== null && found.documentId !== to.documentId) ? [] : [found]
      }
    }
  }
}

function recipientsOf(
  documentId: string,
  target: { readonly kind: 'document' } | { readonly kind: 'user' | 'session'; readonly id: string },
): Recipients {
  switch (target.kind) {
    case 'document':
      return { kind: 'document', documentId }
    case 'user':
      return { kind: 'user', user: target.id, documentId }
    case 'session':
      return { kind: 'session', sessionId: target.id, documentId }
  }
}

function keyOf(to: Recipients): string {
  switch (to.kind) {
    case 'document':
      return `document ${to.documentId}`
    case 'user':
      return `user ${to.user}`
    case 'session':
      return `session ${to.sessionId}`
  }
}
