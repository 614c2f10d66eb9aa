// Tells when a browser has reason to look at its connection at once: back online, tab shown, page restored from the back/forward cache.

/**
 * Calls `onWake` at each such event until the returned function is called. Does nothing where there is no window (Node, workers have only
 * some).
 */
export function watchWake(onWake: () => void): () => void {
  const removals: (() => void)[] = []
  const watch = (target: Partial<EventTarget> | undefined, type: string, listener: () => void): void => {
    if (typeof target?.addEventListener !== 'function') return
    target.addEventListener(type, listener)
    removals.push(() => target.removeEventListener?.(type, listener))
  }
  const scope = globalThis as Partial<EventTarget> & { readonly document?: Partial<Document> }
  watch(scope, 'online', onWake)
  // A network that went away is noticed sooner by asking over the socket than by waiting for silence.
  watch(scope, 'offline', onWake)
  watch(scope, 'pageshow', onWake)
  watch(scope.document, 'visibilitychange', () => {
    if (scope.document?.visibilityState === 'visible') onWake()
  })
  return () => {
    for (const remove of removals) remove()
  }
}
