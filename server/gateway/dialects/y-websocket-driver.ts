// The y-websocket dialect: one document per connection, named by the URL path. Stock providers, unchanged.
import { unreachable } from '../../../core/assert.js'
import { documentIdFromTarget } from '../../../core/document-path.js'
import { leavesReading, WeftError } from '../../../core/errors.js'
import { decodeYWebsocket, encodeYWebsocket, hasUnknownType } from '../../../protocol/dialects/y-websocket.js'
import type { Authorization } from '../../access/authorize.js'
import { isTokenSubprotocol } from '../../access/visit.js'
import type { AwarenessFrame } from '../../awareness/contract.js'
import type { Attachment, CatchUp, DocumentBroadcast, Known } from '../../document/port.js'
import type { Connection } from '../../transport/connection.js'
import type { Driver } from '../../transport/driver.js'
import { encodedOnce } from '../../transport/encoded-once.js'
import type { Message } from '../../transport/outbox.js'
import type { Dialect, Opening } from '../dialect.js'
import type { GatewayServices } from '../services.js'
import { Session } from '../session.js'
import type { SessionDialect } from '../session-dialect.js'
import { stockManner } from '../transfer-manner.js'
import { KeepAlive, type KeepAliveSpeaker } from './keep-alive.js'

const FRAME_KEY = 'y-websocket'

const emptyUpdate = Uint8Array.of(0, 0)

/** No awareness entries: changes nothing at the client, but is a message. */
const nothingNew = encodeYWebsocket({ type: 'awareness', update: Uint8Array.of(0) })

/** A later version of Weft's dialects, which would not be understood as y-websocket. */
const isOfWeft = (protocol: string): boolean => /^weft(-node)?\.\d+$/.test(protocol)

/** What stock providers speak. They name no subprotocol; an application may set some of its own, and browsers fail a connection that selects none of these. */
export const yWebsocketDialect: Dialect = {
  name: 'y-websocket',
  speaker: 'client',
  matches: (protocols) =>
    // A token is not said back, unless nothing else was offered: browsers take an answer for one of these only.
    protocols.some(isOfWeft) ? null : (protocols.find((name) => !isTokenSubprotocol(name)) ?? protocols[0] ?? 'none-selected'),
  open: driverOf,
}

function driverOf({ services, connection, arrival, visit }: Opening): YWebsocketDriver {
  const { target } = arrival
  if (target === null)
    throw new WeftError('no-such-document', 'The documents of this server are under another path; it was started with a base path.')
  const documentId = documentIdFromTarget(target)
  // What the request shows is all that this dialect can show.
  const authorize = (): Promise<Authorization> => services.authorize({ ...visit, documentId, scope: 'document', token: '' })
  return new YWebsocketDriver({ services, connection, documentId, address: visit.address, authorize })
}

export interface YWebsocketDriverOptions {
  readonly services: GatewayServices
  readonly connection: Connection
  readonly documentId: string
  /** See `Visit`. */
  readonly address: string | null
  readonly authorize: () => Promise<Authorization>
}

export class YWebsocketDriver implements Driver, SessionDialect, KeepAliveSpeaker {
  readonly manner = stockManner
  readonly #services: GatewayServices
  readonly #connection: Connection
  readonly #session: Session
  #submission = 0
  #ignored = 0
  readonly #keepAlive: KeepAlive

  /** What the request showed is kept no longer than until it was looked at. */
  constructor({ services, connection, documentId, address, authorize }: YWebsocketDriverOptions) {
    this.#services = services
    this.#connection = connection
    this.#session = new Session({ services, connection, documentId, address, dialect: this, authorize })
    this.#keepAlive = new KeepAlive({ clock: services.clock, silenceMsMax: services.limits.silenceMsMax, connection }, this)
  }

  start(): void {
    this.#keepAlive.start()
    this.#session.start()
  }

  message(data: Uint8Array): void {
    if (hasUnknownType(data)) {
      this.#ignore('of a type that this dialect does not have')
      return
    }
    const message = decodeYWebsocket(data)
    switch (message.type) {
      case 'sync-step-1':
        this.#session.sync(knownFrom(message.stateVector))
        return
      case 'sync-step-2':
      case 'update':
        // What a client in step with the server answers to step 1.
        if (isEmptyUpdate(message.update)) return
        this.#session.write(++this.#submission, message.update)
        return
      case 'awareness':
        this.#session.receiveAwareness(message.update)
        return
      case 'query-awareness':
        this.#session.queryAwareness()
        return
      case 'auth-denied':
        throw new WeftError('malformed', 'The message says that permission is denied, which only a server says.')
      default:
        unreachable(message)
    }
  }

  text(): void {
    this.#ignore('text')
  }

  drain(): void {}

  gone(): null {
    return null
  }

  settled(): Promise<void> {
    return this.#session.settled()
  }

  ended(): void {
    this.#keepAlive.stop()
    this.#session.leave()
  }

  // The session's wording.

  opened(attachment: Attachment): readonly Message[] {
    return [encodeYWebsocket({ type: 'sync-step-1', stateVector: attachment.stateVector() })]
  }

  /** The client counts as synced at its first step 2, so everything else goes before it. */
  catchUp(state: CatchUp): readonly Message[] {
    const last = state.updates.at(-1) ?? emptyUpdate
    const earlier = state.updates.slice(0, -1).map((update) => encodeYWebsocket({ type: 'update', update }))
    return [...earlier, encodeYWebsocket({ type: 'sync-step-2', update: last })]
  }

  piece(update: Uint8Array): Message {
    return encodeYWebsocket({ type: 'update', update })
  }

  beat(beat: DocumentBroadcast): Message {
    return encodedOnce(beat.frames, FRAME_KEY, () => encodeYWebsocket({ type: 'update', update: beat.update }))
  }

  acknowledged(): null {
    return null
  }

  refused(_submission: number, error: WeftError): { readonly message: Message; readonly fatal: boolean } {
    // A client without the right to write, or over its quota, may go on reading; any other write that is lost would leave it apart from the document for good.
    return { message: encodeYWebsocket({ type: 'auth-denied', reason: error.message }), fatal: !leavesReading(error.code) }
  }

  awareness(frame: AwarenessFrame): Message {
    return encodedOnce(frame.frames, FRAME_KEY, () => encodeYWebsocket({ type: 'awareness', update: frame.update }))
  }

  awarenessState(update: Uint8Array): Message {
    return encodeYWebsocket({ type: 'awareness', update })
  }

  permission(): null {
    return null
  }

  expires(): null {
    return null
  }

  appMessage(): null {
    return null
  }

  notice(): null {
    return null
  }

  sessionEnded(error: WeftError): void {
    this.#connection.fail(error)
  }

  /** Applications give their providers messages of their own, which the servers they came from ignore. */
  #ignore(what: string): void {
    const { counters, limits } = this.#services
    counters.add('messages_ignored')
    this.#ignored++
    if (this.#ignored > limits.ignoredMessagesPerConnectionMax)
      throw new WeftError(
        'malformed',
        `More than ${limits.ignoredMessagesPerConnectionMax} messages had to be ignored, the last for being ${what}.`,
      )
  }

  sendKeepAlive(): void {
    this.#session.sendWhenFlowing(nothingNew)
  }
}

function knownFrom(stateVector: Uint8Array): Known {
  const isEmpty = stateVector.length === 1 && stateVector[0] === 0
  return isEmpty ? { kind: 'nothing' } : { kind: 'state-vector', stateVector }
}

function isEmptyUpdate(update: Uint8Array): boolean {
  return update.length === 2 && update[0] === 0 && update[1] === 0
}
