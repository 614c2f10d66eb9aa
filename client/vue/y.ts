// What a component shows of a shared type.
import { type ComputedRef, computed, type MaybeRefOrGetter, toRaw, toValue } from 'vue'
import { unlessEqual } from '../binding/selection.js'
import { contentOf, type SharedType, WatchedType } from '../binding/shared-type.js'
import { useChanges } from './changes.js'

/** What is in a `Y.Text`, `Y.Map` or other shared type, as `toJSON()` answers it. */
export function useY<Type extends SharedType>(type: MaybeRefOrGetter<Type>): ComputedRef<ReturnType<Type['toJSON']>>
/** Of null, undefined. */
export function useY<Type extends SharedType>(
  type: MaybeRefOrGetter<Type | null | undefined>,
): ComputedRef<ReturnType<Type['toJSON']> | undefined>
/**
 * What `select` makes of it. It changes when that is another value, compared deeply; select values (`map.get('title')`, `text.length`, `list.toJSON()`), since a shared
 * type itself stays the same object whatever changes in it.
 */
export function useY<Type extends SharedType, Selected>(
  type: MaybeRefOrGetter<Type>,
  select: (type: Type) => Selected,
): ComputedRef<Selected>
/** Of null, undefined. */
export function useY<Type extends SharedType, Selected>(
  type: MaybeRefOrGetter<Type | null | undefined>,
  select: (type: Type) => Selected,
): ComputedRef<Selected | undefined>
export function useY<Type extends SharedType>(
  type: MaybeRefOrGetter<Type | null | undefined>,
  select: (type: Type) => unknown = contentOf,
): ComputedRef<unknown> {
  // One that the application holds in a `ref` comes as Vue's proxy of it, which Yjs does not know.
  const shared = (): Type | null | undefined => toRaw(toValue(type))
  const track = useChanges(shared, (current, changed) => new WatchedType(current).subscribe(changed))
  return computed<unknown>((before) => {
    track()
    const current = shared()
    return current === null || current === undefined ? undefined : unlessEqual(before, select(current))
  })
}
