// What changes outside of Vue's own reactivity, for as long as a component is mounted.
import { onMounted, shallowRef, watch } from 'vue'

/**
 * Listens to whatever `source` is, from when the component is mounted until it is not. The function that it answers makes the effect that
 * calls it run again at each change. A server that renders listens to nothing.
 */
export function useChanges<Source>(
  source: () => Source,
  subscribe: (source: NonNullable<Source>, changed: () => void) => () => void,
): () => void {
  const version = shallowRef(0)
  const changed = (): void => {
    version.value += 1
  }
  onMounted(() => {
    const listen = (current: Source, _before: Source | undefined, onCleanup: (run: () => void) => void): void => {
      if (current === null || current === undefined) return
      onCleanup(subscribe(current, changed))
      // What changed before anybody listened is not known: it counts as changed.
      changed()
    }
    watch(source, listen, { immediate: true })
  })
  return () => void version.value
}
