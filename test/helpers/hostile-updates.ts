// Updates that the protocol permits and that no decent client sends.

/** Structs of one clock each that say "collected", two bytes apiece, on one client from clock `first` on. */
export function collectedOneByOne(client: number, first: number, count: number): Uint8Array {
  const head = [...varUint(1), ...varUint(count), ...varUint(client), ...varUint(first)]
  const update = new Uint8Array(head.length + count * 2 + 1)
  update.set(head)
  for (let index = 0; index < count; index++) update[head.length + index * 2 + 1] = 1
  return update
}

/** lib0's variable-length integer: seven bits per byte, least significant first. */
export function varUint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  while (rest > 0x7f) {
    bytes.push(0x80 | (rest % 128))
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
  return bytes
}
