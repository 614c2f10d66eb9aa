// A map and a set that take next to no memory while nothing is in them. Every open document and every session has several that hold something
// now and then, and an empty Map takes 200 bytes.

export class LazyMap<Key, Value> {
  #map: Map<Key, Value> | null = null

  get size(): number {
    return this.#map?.size ?? 0
  }

  get(key: Key): Value | undefined {
    return this.#map?.get(key)
  }

  has(key: Key): boolean {
    return this.#map?.has(key) ?? false
  }

  set(key: Key, value: Value): void {
    this.#map ??= new Map()
    this.#map.set(key, value)
  }

  delete(key: Key): boolean {
    return this.#map?.delete(key) ?? false
  }

  clear(): void {
    this.#map = null
  }

  /** In the order in which they came, as a Map's. What is deleted meanwhile is passed over. */
  keys(): Iterable<Key> {
    return this.#map?.keys() ?? nothing
  }

  values(): Iterable<Value> {
    return this.#map?.values() ?? nothing
  }

  [Symbol.iterator](): Iterator<[Key, Value]> {
    return (this.#map ?? nothing)[Symbol.iterator]()
  }
}

export class LazySet<Value> {
  #set: Set<Value> | null = null

  get size(): number {
    return this.#set?.size ?? 0
  }

  has(value: Value): boolean {
    return this.#set?.has(value) ?? false
  }

  add(value: Value): void {
    this.#set ??= new Set()
    this.#set.add(value)
  }

  delete(value: Value): boolean {
    return this.#set?.delete(value) ?? false
  }

  [Symbol.iterator](): Iterator<Value> {
    return (this.#set ?? nothing)[Symbol.iterator]()
  }
}

const nothing: readonly never[] = []
