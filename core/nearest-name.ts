// What somebody may have meant by a name that is not there.

/** Of `names` the one that is fewest keystrokes away, in capitals or not; null if none is near: a third of what was typed may be wrong, and `most` at most. */
export function nearestName(given: string, names: Iterable<string>, most = 3): string | null {
  let nearest: string | null = null
  let distanceMax = Math.min(most, Math.ceil(given.length / 3))
  for (const name of names) {
    const distance = keystrokes(given.toLowerCase(), name.toLowerCase())
    if (distance > distanceMax || (distance === distanceMax && nearest !== null)) continue
    nearest = name
    distanceMax = distance
  }
  return nearest
}

/** As a sentence that follows another; empty if none is near. */
export function didYouMean(given: string, names: Iterable<string>): string {
  const nearest = nearestName(given, names)
  return nearest === null ? '' : ` Did you mean ${nearest}?`
}

/** How many characters were added, left out, exchanged, or swapped with their neighbour. */
function keystrokes(from: string, to: string): number {
  let before: number[] = []
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let line = 1; line <= from.length; line++) {
    const next = [line]
    for (let column = 1; column <= to.length; column++) {
      const same = from[line - 1] === to[column - 1]
      const at = (list: readonly number[], index: number): number => list[index] ?? Number.POSITIVE_INFINITY
      let least = Math.min(at(row, column) + 1, at(next, column - 1) + 1, at(row, column - 1) + (same ? 0 : 1))
      const swapped = line > 1 && column > 1 && from[line - 1] === to[column - 2] && from[line - 2] === to[column - 1]
      if (swapped) least = Math.min(least, at(before, column - 2) + 1)
      next.push(least)
    }
    before = row
    row = next
  }
  return row[to.length] ?? 0
}
