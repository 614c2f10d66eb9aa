// A map that takes next to no memory while nothing is in it, and a set that takes none for one value either. Every open document and every session has
// several that hold something now and then, or the one session that most documents have; a Map takes 200 bytes, and a Set 150, with nothing in it.

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
  /** The only value, while there is no set. */
  #one: Value | typeof NONE = NONE
  #set: Set<Value> | null = null

  get size(): number {
    return this.#set?.size ?? (this.#one === NONE ? 0 : 1)
  }

  has(value: Value): boolean {
    return this.#set?.has(value) ?? this.#one === value
  }

  add(value: Value): void {
    if (this.#set !== null) {
      this.#set.add(value)
    } else if (this.#one === NONE) {
      this.#one = value
    } else if (this.#one !== value) {
      this.#set = new Set([this.#one, value])
      this.#one = NONE
    }
  }

  delete(value: Value): boolean {
    if (this.#set !== null) {
      const had = this.#set.delete(value)
      if (this.#set.size === 0) this.#set = null
      return had
    }
    if (this.#one !== value) return false
    this.#one = NONE
    return true
  }

  /** In the order in which they came, as a Set's. What is deleted meanwhile is passed over; what is added need not come. */
  [Symbol.iterator](): Iterator<Value> {
    if (this.#set !== null) return this.#set[Symbol.iterator]()
    return (this.#one === NONE ? nothing : [this.#one])[Symbol.iterator]()
  }
}

const NONE = Symbol('none')
const nothing: readonly never[] = []
