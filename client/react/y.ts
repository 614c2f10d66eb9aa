// What a component shows of a shared type.
import { useCallback, useMemo } from 'react'
import { contentOf, type SharedType, WatchedType } from '../binding/shared-type.js'
import { useSelected } from './selected.js'

/** What is in a `Y.Text`, `Y.Map` or other shared type, as `toJSON()` answers it. */
export function useY<Type extends SharedType>(type: Type): ReturnType<Type['toJSON']>
/** Of null, undefined. */
export function useY<Type extends SharedType>(type: Type | null | undefined): ReturnType<Type['toJSON']> | undefined
/**
 * What `select` makes of it. The component is drawn again when that is another value, compared deeply; select values (`map.get('title')`, `text.length`,
 * `list.toJSON()`), since a shared type itself stays the same object whatever changes in it.
 */
export function useY<Type extends SharedType, Selected>(type: Type, select: (type: Type) => Selected): Selected
/** Of null, undefined. */
export function useY<Type extends SharedType, Selected>(
  type: Type | null | undefined,
  select: (type: Type) => Selected,
): Selected | undefined
export function useY<Type extends SharedType>(type: Type | null | undefined, select: (type: Type) => unknown = contentOf): unknown {
  const watched = useMemo(() => new WatchedType(type ?? null), [type])
  const selectThis = useCallback(() => (type === null || type === undefined ? undefined : select(type)), [type, select])
  return useSelected(watched.subscribe, watched.version, selectThis)
}
