// What a component selects of a shared type.
import { useCallback, useMemo } from 'react'
import { type SharedType, WatchedType } from '../binding/shared-type.js'
import { useSelected } from './selected.js'

/**
 * What `select` makes of a `Y.Text`, `Y.Map` or other shared type. The component is drawn again when that is another value, compared
 * deeply; select values (`map.get('title')`, `text.toString()`, `list.toJSON()`), since a shared type itself stays the same object whatever
 * changes in it.
 */
export function useShared<Type extends SharedType, Selected>(type: Type, select: (type: Type) => Selected): Selected
/** Of null, undefined. */
export function useShared<Type extends SharedType, Selected>(
  type: Type | null | undefined,
  select: (type: Type) => Selected,
): Selected | undefined
export function useShared<Type extends SharedType, Selected>(
  type: Type | null | undefined,
  select: (type: Type) => Selected,
): Selected | undefined {
  const watched = useMemo(() => new WatchedType(type ?? null), [type])
  const selectThis = useCallback(() => (type === null || type === undefined ? undefined : select(type)), [type, select])
  return useSelected(watched.subscribe, watched.version, selectThis)
}
