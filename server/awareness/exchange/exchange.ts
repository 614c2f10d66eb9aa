// The awareness bus over any transport: attributes states to their origin node, and mends what was missed by exchanging full states.
import type { Clock } from '../../../core/clock.js'
import type { Counters } from '../../../core/counters.js'
import { asWeftError } from '../../../core/errors.js'
import type { Logger } from '../../../core/log.js'
import type { AwarenessBus, AwarenessChannel, AwarenessSubscriber, MessageBus, Origin } from '../bus.js'
import { isSameOrigin } from '../bus.js'
import { type BusFrame, decodeBusFrame, encodeBusFrame } from './bus-frame.js'
import { ExchangeChannel } from './exchange-channel.js'
import type { FrameTransport } from './transport.js'

/** Documents whose last session left while the bus was away; the others hear of it when it returns. Past this many, their states age out. */
const FAREWELLS_MAX = 10_000

/** Boots of other nodes whose messages are numbered, on one document. */
const BOOTS_MAX = 1_000

/** No document has this id: what is for all nodes. */
const EVERYBODY = ''

export interface ExchangeOptions {
  /** Closed with the bus. */
  readonly transport: FrameTransport
  /** This node. */
  readonly self: Origin
  readonly clock: Clock
  readonly counters: Counters
  readonly logger: Logger
}

export class ExchangeBus implements AwarenessBus {
  readonly #options: ExchangeOptions
  readonly #channels = new Map<string, ExchangeChannel>()
  readonly #farewells = new Map<string, BusFrame>()
  #generations = 0
  readonly messages: MessageBus
  #messagesSent = 0
  #receiveMessage: (message: Uint8Array) => void = () => {}
  /** For each document with sessions, and for all nodes: the last message of each boot of another node. What is repeated is not passed on twice. */
  readonly #heard = new Map<string, Map<string, number>>()

  constructor(options: ExchangeOptions) {
    this.#options = options
    this.messages = {
      send: (documentId, update) => {
        this.#messagesSent += 1
        this.#send(documentId ?? EVERYBODY, { kind: 'message', origin: options.self, generation: 0, seq: this.#messagesSent, update })
      },
      listen: (receive) => {
        this.#receiveMessage = receive
        options.transport.subscribe(EVERYBODY)
      },
    }
    options.transport.listen({
      subscribed: (documentId) => this.#channels.get(documentId)?.introduce(),
      received: (documentId, bytes) => this.#receive(documentId, bytes),
      lost: (documentId) => {
        options.counters.add('awareness_bus_frames_dropped')
        this.#channels.get(documentId)?.owe()
      },
      writable: () => this.#catchUp(),
    })
  }

  subscribe(documentId: string, subscriber: AwarenessSubscriber): AwarenessChannel {
    if (this.#channels.has(documentId)) throw new Error('A document subscribes to the awareness bus once.')
    const { transport, clock, self } = this.#options
    this.#generations += 1
    const generation = this.#generations
    const channel = new ExchangeChannel({
      subscriber,
      clock,
      send: (kind, seq, update) => this.#send(documentId, { kind, origin: self, generation, seq, update }),
    })
    this.#channels.set(documentId, channel)
    this.#farewells.delete(documentId)
    transport.subscribe(documentId)
    return {
      publish: (update) => channel.publish(update),
      unsubscribe: () => {
        if (this.#channels.get(documentId) !== channel) return
        this.#channels.delete(documentId)
        this.#heard.delete(documentId)
        channel.close()
        transport.unsubscribe(documentId)
        const farewell: BusFrame = { kind: 'gone', origin: self, generation, seq: channel.nextSeq(), update: new Uint8Array() }
        if (channel.isIntroduced && !this.#send(documentId, farewell) && this.#farewells.size < FAREWELLS_MAX) {
          this.#farewells.set(documentId, farewell)
        }
      },
    }
  }

  removeNode(nodeId: string, boot?: string): void {
    for (const channel of this.#channels.values()) channel.forget(nodeId, boot)
  }

  /** Idempotent. */
  async close(): Promise<void> {
    for (const channel of this.#channels.values()) channel.close()
    this.#channels.clear()
    this.#farewells.clear()
    await this.#options.transport.close()
  }

  #send(documentId: string, frame: BusFrame): boolean {
    const { transport, counters } = this.#options
    const sent = transport.publish(documentId, encodeBusFrame(frame))
    counters.add(sent ? 'awareness_bus_frames_published' : 'awareness_bus_frames_dropped')
    return sent
  }

  #receive(documentId: string, bytes: Uint8Array): void {
    const channel = this.#channels.get(documentId)
    if (channel === undefined && documentId !== EVERYBODY) return
    const { counters, logger, self } = this.#options
    try {
      const frame = decodeBusFrame(bytes)
      // A bus such as Redis sends us our own frames too.
      if (isSameOrigin(frame.origin, self)) return
      counters.add('awareness_bus_frames_received')
      if (frame.kind === 'message') this.#hearMessage(documentId, frame)
      else channel?.receive(frame)
    } catch (thrown) {
      counters.add('awareness_bus_frames_malformed')
      logger.debug({ documentId, code: asWeftError(thrown).code }, 'An awareness frame from the bus cannot be read; it is ignored.')
    }
  }

  #hearMessage(documentId: string, { origin, seq, update }: BusFrame): void {
    const heard = this.#heard.get(documentId) ?? new Map<string, number>()
    this.#heard.set(documentId, heard)
    if (seq <= (heard.get(origin.boot) ?? 0)) return
    const [oldest] = heard.keys()
    if (heard.size >= BOOTS_MAX && oldest !== undefined) heard.delete(oldest)
    heard.set(origin.boot, seq)
    this.#receiveMessage(update)
  }

  #catchUp(): void {
    for (const [documentId, farewell] of this.#farewells) {
      if (!this.#send(documentId, farewell)) return
      this.#farewells.delete(documentId)
    }
    for (const channel of this.#channels.values()) channel.pay()
  }
}
