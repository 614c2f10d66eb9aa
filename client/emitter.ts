// A small typed event emitter: listeners are called in the order in which they were added, and one that throws disturbs nobody.

/** Event names and the one value that each carries. */
type EventMap = Record<string, unknown>

type Listener<Value> = (value: Value) => void

export class Emitter<Events extends EventMap> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>()
  readonly #names: readonly (keyof Events)[]
  readonly #onError: (error: unknown) => void

  /** `onError` gets what a listener throws. */
  constructor(names: readonly (keyof Events)[], onError: (error: unknown) => void) {
    this.#names = names
    this.#onError = onError
  }

  /** Adds a listener and returns the function that removes it. Throws a TypeError for an event that there is not: nobody would ever be called. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    if (!this.#names.includes(name)) throw new TypeError(`There is no event ${String(name)}, but: ${this.#names.join(', ')}.`)
    // A wrapper of its own, so that a function added twice is called twice and removed one at a time.
    const own: Listener<Events[Name]> = (value) => listener(value)
    let listeners = this.#listeners.get(name)
    if (listeners === undefined) {
      listeners = new Set()
      this.#listeners.set(name, listeners)
    }
    const all = listeners
    all.add(own as Listener<never>)
    return () => void all.delete(own as Listener<never>)
  }

  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        ;(listener as Listener<Events[Name]>)(value)
      } catch (error) {
        this.#onError(error)
      }
    }
  }

  clear(): void {
    this.#listeners.clear()
  }
}
