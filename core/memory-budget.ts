// What a process holds in memory for its clients, counted by kind against one bound (rule G8). Knows nothing of what is done when the bound
// is near.

/**
 * `documents`: open documents, with their indexes. `pending`: edits that were received and are not committed. `outboxes`: what waits to be
 * sent over sockets. `received`: frames and parts that are not handled yet. `answers`: HTTP answers that are not taken yet. `compaction`:
 * what compactions hold. `history`: what is put together about earlier moments.
 */
export const memoryAccountNames = ['documents', 'pending', 'outboxes', 'received', 'answers', 'compaction', 'history'] as const
export type MemoryAccountName = (typeof memoryAccountNames)[number]

/**
 * `tight` from 80 % of the bound on, `full` from all of it on; each ends five hundredths below where it began, so that it does not flutter.
 */
export type MemoryLevel = 'calm' | 'tight' | 'full'

const TIGHT_SHARE = 0.8
const FULL_SHARE = 1
const HYSTERESIS_SHARE = 0.05
/** Beyond the bound, what people type is still taken, up to a tenth more; what is larger is not. */
const SMALL_BYTES = 4 * 1024
const SMALL_SHARE = 1.1

/** One kind of what is held. */
export interface MemoryAccount {
  readonly bytes: number
  /** Bytes that are held from now on, or, if negative, no more. */
  add(bytes: number): void
}

export class MemoryBudget {
  readonly bytesMax: number
  readonly #accounts: ReadonlyMap<MemoryAccountName, Account>
  readonly #listeners = new Set<(level: MemoryLevel) => void>()
  #bytes = 0
  #level: MemoryLevel = 'calm'
  #telling = false

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
    this.#accounts = new Map(memoryAccountNames.map((name) => [name, new Account((bytes) => this.#add(bytes))]))
  }

  /** All accounts together. */
  get bytes(): number {
    return this.#bytes
  }

  get level(): MemoryLevel {
    return this.#level
  }

  /** Whether so much more may be taken in. */
  hasRoomFor(bytes: number): boolean {
    return this.#bytes + bytes <= this.bytesMax * (bytes <= SMALL_BYTES ? SMALL_SHARE : FULL_SHARE)
  }

  /** The same object each time. */
  account(name: MemoryAccountName): MemoryAccount {
    // The map has every name from the start.
    return this.#accounts.get(name) as Account
  }

  /**
   * `listener` is told each new level, inside the `add` that brought it about: it must not throw, and should leave work for a turn of its
   * own. Returns what ends it.
   */
  onLevel(listener: (level: MemoryLevel) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #add(bytes: number): void {
    this.#bytes += bytes
    // What a listener gives back is looked at by the loop that called it.
    if (this.#telling) return
    this.#telling = true
    try {
      for (let level = this.#levelNow(); level !== this.#level; level = this.#levelNow()) {
        this.#level = level
        for (const listener of this.#listeners) listener(level)
      }
    } finally {
      this.#telling = false
    }
  }

  #levelNow(): MemoryLevel {
    const share = this.#bytes / this.bytesMax
    const fullFrom = this.#level === 'full' ? FULL_SHARE - HYSTERESIS_SHARE : FULL_SHARE
    const tightFrom = this.#level === 'calm' ? TIGHT_SHARE : TIGHT_SHARE - HYSTERESIS_SHARE
    if (share >= fullFrom) return 'full'
    return share >= tightFrom ? 'tight' : 'calm'
  }
}

class Account implements MemoryAccount {
  readonly #onAdd: (bytes: number) => void
  #bytes = 0

  constructor(onAdd: (bytes: number) => void) {
    this.#onAdd = onAdd
  }

  get bytes(): number {
    return this.#bytes
  }

  add(bytes: number): void {
    if (bytes === 0) return
    this.#bytes += bytes
    this.#onAdd(bytes)
  }
}

/** What one thing holds, of a size that is measured now and then. */
export class MemoryCharge {
  readonly #account: Pick<MemoryAccount, 'add'>
  #bytes = 0

  constructor(account: Pick<MemoryAccount, 'add'>) {
    this.#account = account
  }

  /** What it holds. */
  get bytes(): number {
    return this.#bytes
  }

  /** It holds so much now. */
  set(bytes: number): void {
    this.#account.add(bytes - this.#bytes)
    this.#bytes = bytes
  }
}
