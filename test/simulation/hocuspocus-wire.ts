// The numbers of Hocuspocus' messages, as its provider has them, and a witness of what a server says in them.
import * as decoding from 'lib0/decoding'
import { decodeHocuspocus, heartbeatIn } from '../../protocol/dialects/hocuspocus.js'
import { Witness } from './witness.js'

export const messageTypes = { sync: 0, awareness: 1, auth: 2, queryAwareness: 3, close: 7, syncStatus: 8 } as const
export const syncTypes = { stepOne: 0, stepTwo: 1, update: 2 } as const
export const authTypes = { token: 0, denied: 1 } as const

export class HocuspocusWitness extends Witness {
  readonly #documentIds = new Set<string>()
  #unsettled: { readonly documentId: string; readonly update: Uint8Array }[] = []

  documentIds(): readonly string[] {
    return [...this.#documentIds]
  }

  unsettled(): readonly { readonly documentId: string; readonly update: Uint8Array }[] {
    return this.#unsettled
  }

  received(bytes: Uint8Array): void {
    if (heartbeatIn(bytes) !== null) return
    const { address, message } = decodeHocuspocus(bytes)
    this.#documentIds.add(address)
    if (message.type !== 'update' && message.type !== 'sync-step-2') return
    this.#unsettled = this.#unsettled.filter(({ documentId, update }) => !this.ledger.holds(documentId, update))
    this.#unsettled.push({ documentId: address, update: message.update })
  }

  sending(bytes: Uint8Array, waitingBytes: number): void {
    if (bytes.length === 1) return
    const decoder = decoding.createDecoder(bytes)
    const documentId = decoding.readVarString(decoder)
    switch (decoding.readVarUint(decoder)) {
      case messageTypes.sync:
        if (decoding.readVarUint(decoder) !== syncTypes.stepOne)
          this.checkDurable(documentId, decoding.readVarUint8Array(decoder), 'an update')
        return
      case messageTypes.awareness:
        this.checkAwareness(decoding.readVarUint8Array(decoder))
        this.checkFlowing(waitingBytes)
        return
      default:
    }
  }
}
