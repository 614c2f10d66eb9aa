// Assertions for what only a bug in Weft can break. They stay on in production.

/** Throws if `condition` is false. `message` says which invariant broke. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`Invariant broken: ${message}`)
}

/** The end of an exhaustive switch: the compiler rejects the call while a member of the union is unhandled. */
export function unreachable(value: never): never {
  throw new Error(`Invariant broken: unhandled case ${JSON.stringify(value)}`)
}
