// Of a connection that says anything: what it costs is looked at, that the server goes on, and that it tells even an adversary the truth about what is saved.
import { decodeWeftClient, decodeWeftServer, type WeftClientMessage } from '../../protocol/dialects/weft.js'
import type { Ledger } from './ledger.js'
import { type Expectations, type Submitted, Witness } from './witness.js'

export class AdversaryWitness extends Witness {
  readonly #isWeft: boolean
  readonly #documentIds: string[]
  readonly #channels = new Map<number, Submitted>()

  /** `documentId` null: the client opens many. */
  constructor(ledger: Ledger, expectations: Expectations, documentId: string | null) {
    super(ledger, expectations)
    this.#isWeft = documentId === null
    this.#documentIds = documentId === null ? [] : [documentId]
  }

  documentIds(): readonly string[] {
    return this.#documentIds
  }

  unsettled(): readonly [] {
    return []
  }

  received(bytes: Uint8Array): void {
    if (!this.#isWeft) return
    try {
      this.#received(decodeWeftClient(bytes))
    } catch {
      // It is refused.
    }
  }

  sending(bytes: Uint8Array): void {
    if (!this.#isWeft) return
    const message = decodeWeftServer(bytes)
    if (!('channel' in message)) return
    const channel = this.#channels.get(message.channel)
    if (channel === undefined) return
    if (message.type === 'closed') this.#channels.delete(message.channel)
    else if (message.type === 'refused') channel.submissions.delete(message.submission)
    else if (message.type === 'acknowledged') this.checkAcknowledged(channel, message.through)
  }

  #received(message: WeftClientMessage): void {
    if (message.type === 'open') {
      const { documentId } = message
      this.#documentIds.push(documentId)
      this.#channels.set(message.channel, { documentId, submissions: new Map(), parts: [] })
    } else if (message.type === 'close') this.#channels.delete(message.channel)
    // What is said on a channel that is closed is ignored.
    else if (message.type === 'part' || message.type === 'submit') this.keepSubmitted(this.#channels.get(message.channel), message)
  }
}
