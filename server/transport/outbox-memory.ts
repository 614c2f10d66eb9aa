// What waits in the sockets of all connections, as it lies in memory: bytes that many clients wait for are there once, and count once (G8).
import type { MemoryAccount } from '../../core/memory-budget.js'
import type { Message } from './outbox.js'

/** Parts up to this size are counted each by itself. */
const SMALL_BYTES = 1024
/** What a message in a socket's queue costs beside its bytes. */
const MESSAGE_BYTES = 400

interface SharedBuffer {
  messages: number
}

export class OutboxMemory {
  readonly #account: MemoryAccount
  readonly #shared = new Map<ArrayBufferLike, SharedBuffer>()

  constructor(account: MemoryAccount) {
    this.#account = account
  }

  /** The message is in a socket's queue from now on. */
  hold(message: Message): void {
    let bytes = MESSAGE_BYTES
    for (const { length, buffer } of message) {
      if (length <= SMALL_BYTES) {
        bytes += length
        continue
      }
      const shared = this.#shared.get(buffer)
      if (shared === undefined) {
        this.#shared.set(buffer, { messages: 1 })
        bytes += buffer.byteLength
      } else shared.messages += 1
    }
    this.#account.add(bytes)
  }

  /** It is not any more; once for each `hold`. */
  release(message: Message): void {
    let bytes = MESSAGE_BYTES
    for (const { length, buffer } of message) {
      if (length <= SMALL_BYTES) {
        bytes += length
        continue
      }
      const shared = this.#shared.get(buffer)
      if (shared === undefined) continue
      shared.messages -= 1
      if (shared.messages > 0) continue
      this.#shared.delete(buffer)
      bytes += buffer.byteLength
    }
    this.#account.add(-bytes)
  }
}
