// What the structs of an update need of other clients: ids that they name as origin, right origin or parent. A struct waits until all of
// them are there.

/** Hears of each id of another client that a struct names, in the order of the structs. */
export interface NeedSink {
  /** The struct at `at` needs the struct that holds (client, clock). */
  need(at: number, client: number, clock: number): void
}

const none: readonly number[] = []

/** So many clients are searched one by one. */
const SEARCHED_MAX = 8

/** For each other client the highest clock that is needed of it. */
export class HighestNeeds implements NeedSink {
  #list: number[] | null = null
  #index: Map<number, number> | null = null
  #last = 0

  need(_at: number, client: number, clock: number): void {
    if (this.#list === null) {
      this.#list = [client, clock]
      return
    }
    const list = this.#list
    if (list[this.#last] !== client) {
      const found = this.#find(list, client)
      if (found < 0) {
        this.#last = list.length
        this.#index?.set(client, list.length)
        list.push(client, clock)
        if (this.#index === null && list.length > SEARCHED_MAX * 2) this.#index = new Map(clientsOf(list))
        return
      }
      this.#last = found
    }
    if (clock > (list[this.#last + 1] as number)) list[this.#last + 1] = clock
  }

  /** Flat client, clock. */
  get list(): readonly number[] {
    return this.#list ?? none
  }

  #find(list: readonly number[], client: number): number {
    if (this.#index !== null) return this.#index.get(client) ?? -1
    for (let index = 0; index < list.length; index += 2) if (list[index] === client) return index
    return -1
  }
}

function* clientsOf(list: readonly number[]): Generator<[number, number]> {
  for (let index = 0; index < list.length; index += 2) yield [list[index] as number, index]
}

/** Every need of one client's structs that is not met with an earlier one: flat at, client, clock, in the order of the structs. */
export class NeedList implements NeedSink {
  readonly list: number[] = []
  // Of the client that was needed last, and of all if there are several.
  #client = -1
  #highest = -1
  #highestOf: Map<number, number> | null = null

  need(at: number, client: number, clock: number): void {
    if (client !== this.#client) {
      if (this.#client >= 0) this.#highestOf ??= new Map()
      this.#highestOf?.set(this.#client, this.#highest)
      this.#client = client
      this.#highest = this.#highestOf?.get(client) ?? -1
    }
    // Structs of a client come in one after the other: what an earlier one needed is there by then.
    if (clock <= this.#highest) return
    this.#highest = clock
    this.list.push(at, client, clock)
  }
}
