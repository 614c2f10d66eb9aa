// How deeply each struct of a document lies within shared types, in 8 bytes for each change of depth along a client's clocks. In a text
// nothing ever changes.

/** A step is `clock * STEP + depth`: from this clock on, up to the next step. */
const STEP = 256
const DEPTH_MAX = STEP - 1

export class DepthMap {
  /** Sorted steps. A client without any has all its structs at the top. */
  readonly #steps = new Map<number, number[]>()

  /** Of a struct that is there. */
  depthOf(client: number, clock: number): number {
    const steps = this.#steps.get(client)
    if (steps === undefined) return 0
    const at = lastAt(steps, clock)
    return at < 0 ? 0 : (steps[at] as number) % STEP
  }

  /** The structs [start, end), which are new, lie this deep. */
  set(client: number, start: number, end: number, depth: number): void {
    const bounded = Math.min(depth, DEPTH_MAX)
    let steps = this.#steps.get(client)
    if (steps === undefined) {
      if (bounded === 0) return
      steps = []
      this.#steps.set(client, steps)
    }
    const first = lastAt(steps, start - 1) + 1
    const next = lastAt(steps, end) + 1
    const before = first === 0 ? 0 : (steps[first - 1] as number) % STEP
    // What comes after stays as deep as it was.
    const after = next === 0 ? 0 : (steps[next - 1] as number) % STEP
    const inserted: number[] = []
    if (before !== bounded) inserted.push(start * STEP + bounded)
    if (after !== bounded) inserted.push(end * STEP + after)
    steps.splice(first, next - first, ...inserted)
  }

  get byteLength(): number {
    let bytes = 0
    for (const steps of this.#steps.values()) bytes += 64 + steps.length * 8
    return bytes
  }
}

/** Index of the last step at or before `clock`, or -1. */
function lastAt(steps: readonly number[], clock: number): number {
  const bound = (clock + 1) * STEP
  if (steps.length === 0 || (steps[steps.length - 1] as number) < bound) return steps.length - 1
  let low = 0
  let high = steps.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((steps[middle] as number) < bound) low = middle + 1
    else high = middle
  }
  return low - 1
}
