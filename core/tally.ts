// How many of something there are now.

export class Tally {
  #count = 0

  get count(): number {
    return this.#count
  }

  add(amount: 1 | -1): void {
    this.#count += amount
  }
}
