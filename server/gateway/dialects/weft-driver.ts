// The weft dialect (subprotocol weft.1): a hello, then any number of documents on one connection, each on its own channel.
import { unreachable } from '../../../core/assert.js'
import type { Timer } from '../../../core/clock.js'
import { asWeftError, WeftError } from '../../../core/errors.js'
import {
  channelOf,
  channelWrittenOn,
  decodeWeftClient,
  encodeWeftServer,
  type WeftClientMessage,
  weftNodeSubprotocols,
  weftSubprotocol,
} from '../../../protocol/dialects/weft.js'
import type { AddressUse } from '../../access/addresses.js'
import type { Authorization } from '../../access/authorize.js'
import type { Connection } from '../../transport/connection.js'
import type { Driver } from '../../transport/driver.js'
import type { Dialect, Opening } from '../dialect.js'
import { Openings, type OpeningTurns } from '../openings.js'
import type { GatewayServices } from '../services.js'
import { Session } from '../session.js'
import { SessionRoom } from '../session-room.js'
import { type TransferManner, weftManner } from '../transfer-manner.js'
import { carryOut } from './node-command.js'
import { type ChannelMessage, OpenChannel } from './open-channel.js'
import { OwedPongs } from './owed-pongs.js'
import { refusalOf, WeftChannel } from './weft-channel.js'

/** What our client speaks. */
export const weftDialect: Dialect = {
  name: 'weft',
  speaker: 'client',
  matches: (protocols) => (protocols.includes(weftSubprotocol) ? weftSubprotocol : null),
  open: (opening) => driverOf(opening, weftManner, opening.addressUse),
}

/** The same spoken by another node of the cluster; nodes of the version before offer another name. */
export const weftNodeDialect: Dialect = {
  name: 'weft-node',
  speaker: 'node',
  matches: (protocols) => weftNodeSubprotocols.find((name) => protocols.includes(name)) ?? null,
  open: (opening) => driverOf(opening, null, null),
}

function driverOf(
  { services, connection, visit, openingTurns }: Opening,
  manner: TransferManner | null,
  addressUse: AddressUse | null,
): WeftDriver {
  const authorize = (documentId: string, token: string): Promise<Authorization> =>
    services.authorize({ ...visit, documentId, scope: 'document', token })
  return new WeftDriver({ services, connection, manner, openingTurns, addressUse, address: visit.address, authorize })
}

export interface WeftDriverOptions {
  readonly services: GatewayServices
  readonly connection: Connection
  /** How the other end takes what is large: null for a node, which takes everything as a whole. */
  readonly manner: TransferManner | null
  /** Shared with all other connections. */
  readonly openingTurns: OpeningTurns
  /** What the client's address has; null without bounds. */
  readonly addressUse: AddressUse | null
  /** See `Visit`. */
  readonly address: string | null
  authorize(documentId: string, token: string): Promise<Authorization>
}

type WeftState =
  /** `drainAfterMs`: the server will close the connection, which is to be told once the client can be told anything. */
  | { readonly kind: 'greeting'; readonly timer: Timer; drainAfterMs: number | null }
  | { readonly kind: 'talking'; readonly token: string; lastChannel: number; phase: 'serving' | 'draining' }
  | { readonly kind: 'over' }

/** So many high marks of the outbox may wait on a connection that is still told of channels that could not be opened. */
const REFUSALS_SHARE = 64
/** Sessions that leave in one step when their connection is gone. */
const LEFT_PER_STEP = 16

export class WeftDriver implements Driver {
  readonly #options: WeftDriverOptions
  readonly #channels = new Map<number, OpenChannel>()
  readonly #room: SessionRoom
  readonly #openings: Openings
  #state: WeftState
  readonly #pongs: OwedPongs
  /** Whether the client has what it can show when it comes back. */
  #resumption: 'owed' | 'given' = 'owed'

  constructor(options: WeftDriverOptions) {
    this.#options = options
    const { services, connection } = options
    const openingsMax = connection.isLink ? Number.POSITIVE_INFINITY : services.limits.openingsPerConnectionMax
    this.#openings = new Openings(
      options.openingTurns,
      openingsMax,
      (channel) => {
        const open = this.#channels.get(channel)
        if (open === undefined) this.#openings.ended(channel)
        else open.session.start()
      },
      // What waits to be opened holds memory; in the network it does not.
      (full) => (full ? connection.holdHandling() : connection.releaseHandling()),
    )
    this.#pongs = new OwedPongs(connection, services.limits.outboxBytesHigh)
    this.#room = new SessionRoom(services, connection, options.addressUse)
    const tooLate = (): void =>
      connection.fail(new WeftError('too-slow', `The hello did not arrive within ${services.limits.handshakeMsMax} ms of the upgrade.`))
    this.#state = {
      kind: 'greeting',
      timer: services.clock.after(services.limits.handshakeMsMax, tooLate, { unref: true }),
      drainAfterMs: null,
    }
  }

  start(): void {}

  message(data: Uint8Array): void {
    const message = decodeWeftClient(data)
    const state = this.#state
    switch (state.kind) {
      case 'greeting':
        if (message.type !== 'hello') throw new WeftError('malformed', `The first message is "${message.type}"; it has to be "hello".`)
        state.timer.cancel()
        this.#state = { kind: 'talking', token: message.token, lastChannel: 0, phase: 'serving' }
        this.#welcome()
        if (state.drainAfterMs !== null) this.drain(state.drainAfterMs)
        return
      case 'talking':
        this.#talk(state, message)
        return
      case 'over':
        return
      default:
        unreachable(state)
    }
  }

  text(): void {
    throw new WeftError('malformed', 'The weft dialect speaks binary messages; this was a text message.')
  }

  drain(retryAfterMs: number): void {
    if (this.#state.kind === 'greeting') this.#state.drainAfterMs = retryAfterMs
    if (this.#state.kind !== 'talking') return
    this.#state.phase = 'draining'
    this.#options.connection.send(encodeWeftServer({ type: 'drain', retryAfterMs }))
  }

  gone(waiting: readonly Uint8Array[]): (message: Uint8Array) => boolean {
    // Of a channel on which nothing is written any more nobody sees what it is sent. What cannot be read is for `message` to refuse.
    const written = new Set(waiting.map(channelWrittenOn))
    return (message) => {
      const channel = channelOf(message)
      return channel === null || written.has(channel)
    }
  }

  async settled(): Promise<void> {
    await Promise.all(Array.from(this.#channels.values(), ({ session }) => session.settled()))
  }

  ended(): void {
    if (this.#state.kind === 'greeting') this.#state.timer.cancel()
    this.#state = { kind: 'over' }
    this.#openings.clear()
    const left = [...this.#channels.values()]
    this.#room.clear()
    this.#channels.clear()
    this.#options.connection.leaving.add(() => this.#leaveSome(left))
  }

  /** In turns of the event loop: a connection may have had a thousand documents open, and a thousand of them close at once (G7). True if some are left. */
  #leaveSome(left: OpenChannel[]): boolean {
    for (const open of left.splice(-LEFT_PER_STEP)) {
      open.drop()
      open.session.leave()
    }
    this.#room.left(left.length)
    return left.length > 0
  }

  #welcome(): void {
    const { services, connection } = this.#options
    const { messageBytesMax, pingPeriodMs } = services.limits
    connection.send(encodeWeftServer({ type: 'welcome', serverId: services.serverId, messageBytesMax, pingPeriodMs }))
  }

  #talk(state: WeftState & { kind: 'talking' }, message: WeftClientMessage): void {
    switch (message.type) {
      case 'hello':
        throw new WeftError('malformed', 'The message is a second "hello"; there is one per connection.')
      case 'ping':
        this.#pongs.answer()
        return
      case 'open':
        this.#open(state, message)
        return
      case 'command':
        void carryOut(message, this.#options.connection, this.#options.services)
        return
      default:
        this.#onChannel(state.lastChannel, message)
    }
  }

  #open(state: WeftState & { kind: 'talking' }, message: WeftClientMessage & { type: 'open' }): void {
    const { channel, documentId, known } = message
    if (channel <= state.lastChannel)
      throw new WeftError('malformed', `The message opens channel ${channel} after ${state.lastChannel}; channels count up.`)
    state.lastChannel = channel
    const { services, connection } = this.#options
    if (state.phase === 'draining') {
      this.#refuseChannel(channel, new WeftError('draining', 'The server is about to restart; connect again.'))
      return
    }
    const refusal = this.#room.refusalOf(documentId)
    if (refusal !== null) {
      this.#refuseChannel(channel, refusal)
      return
    }
    const token = message.token === '' ? state.token : message.token
    const dialect = new WeftChannel(
      channel,
      this.#options.manner,
      () => this.#opened(channel),
      (error) => this.#sessionEnded(channel, error),
    )
    const session = new Session({
      services,
      connection,
      documentId,
      address: this.#options.address,
      dialect,
      authorize: () => this.#options.authorize(documentId, token),
    })
    const authorizeAnew = (shown: string): Promise<Authorization> => this.#options.authorize(documentId, shown)
    const { isLink } = connection
    this.#channels.set(channel, new OpenChannel({ services, session, dialect, isLink, authorize: authorizeAnew }))
    this.#room.take(documentId)
    session.sync(known)
    this.#openings.add(channel)
  }

  #opened(channel: number): void {
    this.#openings.ended(channel)
    const { resumptions, clock } = this.#options.services
    if (this.#resumption === 'given' || resumptions === undefined || resumptions === null) return
    this.#resumption = 'given'
    // Behind what the document begins with.
    clock.soon(() => this.#options.connection.send(encodeWeftServer({ type: 'resumption', resumption: resumptions.issue() })))
  }

  /** The channel is over. False if it was before. */
  #forget(channel: number): boolean {
    const open = this.#channels.get(channel)
    if (open === undefined) return false
    open.drop()
    this.#channels.delete(channel)
    this.#room.giveBack(open.session.documentId)
    this.#openings.ended(channel)
    return true
  }

  #onChannel(lastChannel: number, message: ChannelMessage | (WeftClientMessage & { readonly type: 'close' })): void {
    const open = this.#channels.get(message.channel)
    if (open === undefined) {
      // The client may not know yet that the channel is closed.
      if (message.channel <= lastChannel && message.channel > 0) return
      throw new WeftError('malformed', `The message is for channel ${message.channel}, which was never opened.`)
    }
    if (message.type === 'close') {
      this.#forget(message.channel)
      open.session.leave()
    } else open.receive(message)
  }

  #sessionEnded(channel: number, error: WeftError): void {
    if (this.#forget(channel)) this.#refuseChannel(channel, asWeftError(error))
  }

  #refuseChannel(channel: number, error: WeftError): void {
    const { connection } = this.#options
    const { logger, limits } = this.#options.services
    // A client that asks and asks without reading gets no queue of answers.
    if (connection.waitingBytes > limits.outboxBytesHigh * REFUSALS_SHARE) {
      connection.fail(new WeftError('too-slow', 'The connection takes the answers to its requests too slowly.'))
      return
    }
    logger[error.logLevel](
      { connection: connection.id, code: error.code, ...(error.cause === undefined ? {} : { err: error.cause }) },
      error.message,
    )
    connection.send(encodeWeftServer({ type: 'closed', channel, ...refusalOf(error) }))
  }
}
