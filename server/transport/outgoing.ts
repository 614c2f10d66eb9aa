// What one connection sends: counted until the network has taken it, with those who wait for room.
import type { Clock } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import { LazySet } from '../../core/lazy-collections.js'
import type { Message, OutboxCarrier } from './outbox.js'
import type { OutboxMemory } from './outbox-memory.js'
import type { Socket } from './socket.js'

export interface OutgoingOptions {
  readonly socket: Socket
  readonly clock: Clock
  readonly counters: Counters
  readonly outboxMemory: OutboxMemory
}

interface HeldMessage {
  readonly message: Message
}

export class Outgoing implements OutboxCarrier {
  readonly #options: OutgoingOptions
  #sentBytes = 0
  #lastSentAt: number
  /** Messages that the network has not taken. */
  readonly #held = new LazySet<HeldMessage>()
  #waitingForRoom: { readonly bytes: number; readonly run: () => void }[] = []

  constructor(options: OutgoingOptions) {
    this.#options = options
    this.#lastSentAt = options.clock.monotonic()
  }

  get waitingBytes(): number {
    return this.#options.socket.bufferedBytes
  }

  get takenBytes(): number {
    return this.#sentBytes - this.#options.socket.bufferedBytes
  }

  /** Monotonic time of the last message. */
  get lastSentAt(): number {
    return this.#lastSentAt
  }

  send(message: Message, onSent: () => void): void {
    let length = 0
    for (const part of message) length += part.length
    const { socket, outboxMemory, counters, clock } = this.#options
    this.#sentBytes += length
    counters.add('bytes_sent', length)
    this.#lastSentAt = clock.monotonic()
    // An object of its own: one message may be under way several times.
    const held = { message }
    this.#held.add(held)
    outboxMemory.hold(message)
    socket.send(message, () => {
      this.#letGo(held)
      onSent()
      if (this.#waitingForRoom.length > 0) this.#tellRoom()
    })
  }

  whenWaitingAtMost(bytes: number, run: () => void): void {
    this.#waitingForRoom.push({ bytes, run })
    // The last bytes may have been taken already, and then nothing else would tell.
    if (this.waitingBytes <= bytes) this.#options.clock.soon(() => this.#tellRoom())
  }

  /** The socket is gone: nothing is held for it, and nobody waits. */
  stop(): void {
    this.#waitingForRoom = []
    for (const held of this.#held) this.#letGo(held)
  }

  #letGo(held: HeldMessage): void {
    if (this.#held.delete(held)) this.#options.outboxMemory.release(held.message)
  }

  #tellRoom(): void {
    const waiting = this.#waitingForRoom
    const bytes = this.waitingBytes
    this.#waitingForRoom = waiting.filter((one) => one.bytes < bytes)
    for (const one of waiting) if (one.bytes >= bytes) one.run()
  }
}
