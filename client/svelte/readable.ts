// What Svelte calls a readable store, after its contract: whoever subscribes is told the value at once, and then each other one.
// https://svelte.dev/docs/svelte/stores

export interface Readable<Value> {
  subscribe(run: (value: Value) => void, invalidate?: () => void): () => void
}

/**
 * `start` runs for the first subscriber, and what it answers when the last one has gone: in between the value is what it sets, else `rest`.
 */
export function readable<Value>(rest: () => Value, start: (set: (value: Value) => void) => () => void): Readable<Value> {
  const subscribers = new Set<{ readonly run: (value: Value) => void }>()
  let value = rest()
  let stop: (() => void) | null = null
  const set = (next: Value): void => {
    if (Object.is(next, value)) return
    value = next
    // While it starts, the first subscriber is about to be told.
    if (stop !== null) for (const subscriber of [...subscribers]) if (subscribers.has(subscriber)) subscriber.run(next)
  }
  return {
    subscribe(run) {
      const subscriber = { run }
      subscribers.add(subscriber)
      if (subscribers.size === 1) {
        value = rest()
        stop = start(set)
      }
      run(value)
      return () => {
        if (!subscribers.delete(subscriber) || subscribers.size > 0) return
        stop?.()
        stop = null
      }
    },
  }
}
