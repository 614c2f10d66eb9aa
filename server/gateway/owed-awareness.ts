// Brings a client up to date about everybody's awareness, part by part: while there is room for another one, and in turn with all other sessions (G7).
import type { Connection } from '../transport/connection.js'

/** The client that is brought up to date. */
export interface AwarenessReceiver {
  readonly carrier: Pick<Connection, 'sending'>
  /** Whether it takes states now. Once it does again, `send` is to be called. */
  readonly takesStates: boolean
  /** Everybody's states, in parts. */
  states(): readonly Uint8Array[]
  sendStates(part: Uint8Array): void
}

export class OwedAwareness {
  readonly #receiver: AwarenessReceiver
  /** Whether the client lacks states that it should have: at first, and after some were dropped (A3). */
  #owed = true
  #sending = false
  /** What it was sent, where that were several parts: one that is still the same is not sent again. */
  #sent: WeakSet<Uint8Array> | null = null

  constructor(receiver: AwarenessReceiver) {
    this.#receiver = receiver
  }

  /** The client was not sent a change. */
  owe(): void {
    this.#owed = true
  }

  /** The client wants all states, whatever it was sent. */
  oweAll(): void {
    this.#owed = true
    this.#sent = null
  }

  /** Sends what is owed, if the client takes it now. */
  send(): void {
    const receiver = this.#receiver
    if (!this.#owed || this.#sending || !receiver.takesStates) return
    this.#owed = false
    const parts = receiver.states()
    const [only] = parts
    if (parts.length <= 1) {
      if (only !== undefined) receiver.sendStates(only)
      return
    }
    this.#sent ??= new WeakSet()
    const sent = this.#sent
    const left = parts.filter((part) => !sent.has(part))
    this.#sending = true
    receiver.carrier.sending.add(() => {
      this.#sending = this.#sendNext(left, sent)
      if (!this.#sending) this.send()
      return this.#sending
    })
  }

  /** False: that was all, or the client takes no more now. */
  #sendNext(left: Uint8Array[], sent: WeakSet<Uint8Array>): boolean {
    const part = left.shift()
    if (part === undefined) return false
    if (!this.#receiver.takesStates) {
      this.#owed = true
      return false
    }
    this.#receiver.sendStates(part)
    sent.add(part)
    return true
  }
}
