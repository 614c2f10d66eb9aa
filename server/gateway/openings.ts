// The documents that one connection is opening: so many at a time, the others wait in order (G7). Each opening reads the store and asks who the client is.

export class Openings {
  readonly #max: number
  readonly #begin: (channel: number) => void
  readonly #underWay = new Set<number>()
  #waiting: number[] = []
  #state: 'resting' | 'beginning' = 'resting'

  /** `begin` starts the opening of a channel, unless it is gone by then; `ended` is to be called once it is open, refused or given up. */
  constructor(max: number, begin: (channel: number) => void) {
    this.#max = max
    this.#begin = begin
  }

  add(channel: number): void {
    this.#waiting.push(channel)
    this.#next()
  }

  /** The channel is open, or will not be. */
  ended(channel: number): void {
    if (this.#underWay.delete(channel)) this.#next()
  }

  /** Begins nothing any more. */
  clear(): void {
    this.#waiting = []
  }

  #next(): void {
    // One that ends at once comes back here.
    if (this.#state === 'beginning') return
    this.#state = 'beginning'
    while (this.#underWay.size < this.#max) {
      const channel = this.#waiting.shift()
      if (channel === undefined) break
      this.#underWay.add(channel)
      this.#begin(channel)
    }
    this.#state = 'resting'
  }
}
