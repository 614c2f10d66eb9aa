// What a component selects of a snapshot: it is drawn again only when that is another value.
import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import { selector } from '../binding/selection.js'

/** `select` may be another function each time: then it is called each time, and an equal value is still the same reference. */
export function useSelected<Snapshot, Selected>(
  subscribe: (listener: () => void) => () => void,
  getSnapshot: () => Snapshot,
  select: (snapshot: Snapshot) => Selected,
  reuse?: (previous: Selected, next: Selected) => Selected,
): Selected {
  const shown = useRef<{ readonly selected: Selected } | null>(null)
  const getSelected = useMemo(() => selector(getSnapshot, select, () => shown.current, reuse), [getSnapshot, select, reuse])
  const selected = useSyncExternalStore(subscribe, getSelected, getSelected)
  useEffect(() => {
    shown.current = { selected }
  }, [selected])
  return selected
}
