// Who is told that a snapshot has changed: the frameworks' own functions, which do not throw and read the snapshot themselves.

export class Listeners {
  readonly #all = new Set<() => void>()

  /** Returns the function that removes the listener. One that is added twice is told twice. */
  add(listener: () => void): () => void {
    const own = (): void => listener()
    this.#all.add(own)
    return () => void this.#all.delete(own)
  }

  tell(): void {
    for (const listener of [...this.#all]) listener()
  }
}
