// Sessions on awareness hubs for tests, and awareness updates as plain values.
import type { WeftError } from '../../core/errors.js'
import { decodeAwareness, encodeAwareness, parseState } from '../../protocol/awareness.js'
import type { AwarenessFrame, AwarenessSessionPort, AwarenessSink } from '../../server/awareness/contract.js'
import type { DocumentAwarenesses } from '../../server/awareness/hub.js'
import type { SpeakerIdentity } from '../../server/awareness/stamp.js'

const utf8 = new TextEncoder()

export type Said = readonly [clientId: number, clock: number, state: unknown]

export const encoded = (...entries: Said[]): Uint8Array =>
  encodeAwareness(entries.map(([clientId, clock, state]) => ({ clientId, clock, state: utf8.encode(JSON.stringify(state)) })))
export const decoded = (...updates: Uint8Array[]): Said[] =>
  updates.flatMap(decodeAwareness).map(({ clientId, clock, state }) => [clientId, clock, parseState(state)])

/** A session that keeps the frames it gets; its probes are answered by hand. */
export class Session implements AwarenessSink {
  readonly frames: AwarenessFrame[] = []
  readonly probes: ((present: boolean) => void)[] = []
  readonly membership: AwarenessSessionPort

  constructor(hub: DocumentAwarenesses, documentId = 'notes/today', identity?: SpeakerIdentity) {
    this.membership = hub.join(documentId, this, identity)
  }

  awareness(frame: AwarenessFrame): void {
    this.frames.push(frame)
  }

  readonly leftOutBecause: string[] = []

  leftOut(error: WeftError): void {
    this.leftOutBecause.push(error.message)
  }

  probe(): Promise<boolean> {
    return new Promise((resolve) => void this.probes.push(resolve))
  }

  say(...entries: Said[]): void {
    this.membership.receive(encoded(...entries))
  }

  /** What it was told since the last call. */
  heard(): Said[] {
    return this.frames.splice(0).flatMap(({ update }) => decoded(update))
  }
}
