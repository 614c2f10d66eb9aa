// The edits of one document that are followed on their way over a node link: there, and back to the sessions of this node.
import type { ArrivedTrace, EditTraces, ForwardedTrace } from '../../core/edit-traces.js'

export class LinkTraces {
  readonly #traces: EditTraces
  /** Of what was forwarded and is not answered, what is followed, by its number on the channel. */
  readonly #forwarded = new Map<number, ForwardedTrace>()
  /** Of updates that the live sessions have not been sent. */
  #arrived: ArrivedTrace[] = []

  constructor(traces: EditTraces) {
    this.#traces = traces
  }

  /** What the owner's node is told, so that it goes on with it; null for an edit that is not followed. */
  forwarded(number: number, bytes: Uint8Array): string | null {
    const trace = this.#traces.forwarded(bytes)
    if (trace !== null) this.#forwarded.set(number, trace)
    return trace?.context ?? null
  }

  /** The owner has answered everything through this number. */
  acknowledged(through: number, seq: number): void {
    for (const [number, trace] of this.#forwarded) {
      if (number > through) break
      this.#forwarded.delete(number)
      trace.acknowledged(seq)
    }
  }

  refused(number: number, code: string): void {
    this.#forwarded.get(number)?.refused(code)
    this.#forwarded.delete(number)
  }

  /** The update that comes next is followed. */
  arrived(context: string): void {
    this.#arrived.push(this.#traces.arrived(context))
  }

  /** What arrived was sent to so many sessions. */
  shown(sessions: number): void {
    for (const arrived of this.#arrived.splice(0)) arrived.shown(sessions)
  }

  /** Of what was forwarded nobody will hear more. */
  lost(): void {
    for (const trace of this.#forwarded.values()) trace.lost()
    this.#forwarded.clear()
  }
}
