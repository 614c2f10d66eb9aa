// What a component selects of a snapshot, with the same reference for as long as it is equal: a component is not drawn again for an equal
// value.
import { equalityDeep } from 'lib0/function'

/** Answers `previous` where the new value is deeply equal to it. */
export function unlessEqual<Value>(previous: Value, next: Value): Value {
  try {
    return equalityDeep(previous, next) ? previous : next
  } catch {
    // Nested too deeply to be compared, as what other clients share may be.
    return next
  }
}

/**
 * Answers a function that gives what `select` makes of the snapshot, and calls `select` only when there is another snapshot.
 * `shown` is what a function before this one gave last, or null; `reuse` answers the previous value, or a part of it, where it still holds.
 */
export function selector<Snapshot, Selected>(
  getSnapshot: () => Snapshot,
  select: (snapshot: Snapshot) => Selected,
  shown: () => { readonly selected: Selected } | null,
  reuse: (previous: Selected, next: Selected) => Selected = unlessEqual,
): () => Selected {
  let last: { readonly snapshot: Snapshot; readonly selected: Selected } | null = null
  return () => {
    const snapshot = getSnapshot()
    if (last !== null && Object.is(last.snapshot, snapshot)) return last.selected
    const previous = last ?? shown()
    const next = select(snapshot)
    last = { snapshot, selected: previous === null ? next : reuse(previous.selected, next) }
    return last.selected
  }
}
