// Who waits for what is typed so far to be saved.

interface Waiter {
  readonly ticket: number
  resolve(): void
  reject(error: Error): void
}

export class SavedWaiters {
  #waiters: Waiter[] = []

  /** Resolves when everything through `ticket` is saved. */
  add(ticket: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ ticket, resolve, reject })
    })
  }

  /** Everything through this ticket is acknowledged. */
  settle(savedThrough: number): void {
    const waiting: Waiter[] = []
    for (const waiter of this.#waiters) {
      if (waiter.ticket <= savedThrough) waiter.resolve()
      else waiting.push(waiter)
    }
    this.#waiters = waiting
  }

  rejectAll(error: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
  }
}
