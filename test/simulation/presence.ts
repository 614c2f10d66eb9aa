// Awareness as the stock library does it, with its renewals and timeouts on the simulated clock instead of the platform's.
import { Awareness, outdatedTimeout, removeAwarenessStates } from 'y-protocols/awareness.js'
import type * as Y from 'yjs'
import type { Timer } from '../../core/clock.js'
import { awarenessMarker } from './ledger.js'
import type { HostClock } from './time.js'

const CHECK_MS = outdatedTimeout / 10

export class SimulatedAwareness extends Awareness {
  readonly #clock: HostClock
  readonly #updatedAt = new Map<number, number>()
  #timer: Timer | null = null
  #moves = 0

  constructor(doc: Y.Doc, clock: HostClock) {
    super(doc)
    // The library's own interval runs on real time.
    clearInterval(this._checkInterval)
    this.#clock = clock
    this.#updatedAt.set(this.clientID, clock.monotonic())
    this.on('update', ({ added, updated, removed }: Record<'added' | 'updated' | 'removed', readonly number[]>) => {
      for (const id of [...added, ...updated]) this.#updatedAt.set(id, clock.monotonic())
      for (const id of removed) this.#updatedAt.delete(id)
    })
    this.move()
    this.#check()
  }

  /** The cursor moves. */
  move(): void {
    this.#moves += 1
    this.setLocalState({ [awarenessMarker]: this.clientID, id: this.clientID, move: this.#moves })
  }

  override destroy(): void {
    this.#timer?.cancel()
    super.destroy()
  }

  #check(): void {
    this.#timer = this.#clock.after(CHECK_MS, () => {
      const now = this.#clock.monotonic()
      const age = (id: number): number => now - (this.#updatedAt.get(id) ?? Number.NEGATIVE_INFINITY)
      const local = this.getLocalState()
      if (local !== null && outdatedTimeout / 2 <= age(this.clientID)) this.setLocalState(local)
      const silent = [...this.states.keys()].filter((id) => id !== this.clientID && outdatedTimeout <= age(id))
      if (silent.length > 0) removeAwarenessStates(this, silent, 'timeout')
      this.#check()
    })
  }
}
