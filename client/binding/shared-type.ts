// A Yjs type as a snapshot to select from: its content is read in place, so the snapshot is a number that grows with each change.

/** What is needed of a `Y.Text`, `Y.Map`, `Y.Array` or any other shared type. */
export interface SharedType {
  observeDeep(listener: () => void): void
  unobserveDeep(listener: () => void): void
  toJSON(): unknown
}

/** What there is of a type where nothing is selected. */
export function contentOf<Type extends SharedType>(type: Type): ReturnType<Type['toJSON']> {
  return type.toJSON() as ReturnType<Type['toJSON']>
}

export class WatchedType {
  readonly #type: SharedType | null
  #version = 0

  constructor(type: SharedType | null) {
    this.#type = type
  }

  readonly version = (): number => this.#version

  readonly subscribe = (listener: () => void): (() => void) => {
    const type = this.#type
    if (type === null) return () => {}
    const changed = (): void => {
      this.#version += 1
      listener()
    }
    type.observeDeep(changed)
    // What changed before anybody listened is not known: it counts as changed.
    this.#version += 1
    return () => type.unobserveDeep(changed)
  }
}
