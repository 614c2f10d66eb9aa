// What is made when somebody begins to listen, and given up when nobody does any more.
import { Listeners } from './listeners.js'

/** `read` answers what there is to show, a new object each time or not; `close` gives it up. */
export interface Made<Shown> {
  read(): Shown
  close(): void
}

/** A snapshot of what is made: the same object for as long as its fields are the same. */
export class Kept<Shown> {
  /** `changed` says that `read` may answer something else. What it throws is thrown to whoever subscribes. */
  readonly #make: (changed: () => void) => Made<Shown>
  readonly #rest: Shown
  readonly #listeners = new Listeners()
  #made: Made<Shown> | null = null
  #users = 0
  #shown: Shown
  #stale = false

  /** Nothing is made before somebody subscribes: until then `rest` is shown. */
  constructor(rest: Shown, make: (changed: () => void) => Made<Shown>) {
    this.#rest = rest
    this.#shown = rest
    this.#make = make
  }

  /** Throws what `read` throws. */
  readonly shown = (): Shown => {
    if (this.#stale && this.#made !== null) {
      const next = this.#made.read()
      this.#stale = false
      if (!sameFields(this.#shown, next)) this.#shown = next
    }
    return this.#shown
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#made ??= this.#make(() => {
      this.#stale = true
      this.#listeners.tell()
    })
    this.#stale = true
    this.#users += 1
    const remove = this.#listeners.add(listener)
    let isListening = true
    return () => {
      if (!isListening) return
      isListening = false
      remove()
      this.#users -= 1
      // What is taken down is put up again in the same turn by React's strict mode, and by fast refresh, which replaces the code under a page.
      queueMicrotask(() => {
        if (this.#users === 0) this.#end()
      })
    }
  }

  #end(): void {
    const made = this.#made
    this.#made = null
    this.#shown = this.#rest
    made?.close()
  }
}

function sameFields(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true
  if (!isPlain(one) || !isPlain(other)) return false
  const keys = Object.keys(one)
  return keys.length === Object.keys(other).length && keys.every((key) => Object.is(one[key], other[key]))
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
