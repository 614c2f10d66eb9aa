// Waits for something that other processes bring about, and fails with what it was waiting for.

/** Resolves once `condition` holds; looks every few milliseconds. Rejects after `timeoutMs`. Resolves to the milliseconds that it took. */
export async function until(condition: () => boolean | Promise<boolean>, what: string, timeoutMs = 30_000): Promise<number> {
  const startMs = performance.now()
  while (!(await condition())) {
    if (performance.now() - startMs > timeoutMs) throw new Error(`Waited ${timeoutMs} ms in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return performance.now() - startMs
}
