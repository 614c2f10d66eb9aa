// PostgreSQL arrays in their binary wire format: a batch of updates travels as it is, instead of as hexadecimal text with quotes. Layout:
// int32 dimensions (1), int32 has-nulls (0), int32 element type, int32 length, int32 lower bound (1), then per element int32 length +
// bytes.

const HEADER_BYTES = 20
const typeIds = { bytea: 17, int8: 20, int4: 23, text: 25 } as const

function build<Item>(
  typeId: number,
  items: readonly Item[],
  bytesOf: (item: Item) => number,
  write: (to: Buffer, item: Item, at: number) => void,
) {
  let size = HEADER_BYTES
  for (const item of items) size += 4 + bytesOf(item)
  const array = Buffer.allocUnsafe(size)
  array.writeInt32BE(1, 0)
  array.writeInt32BE(0, 4)
  array.writeInt32BE(typeId, 8)
  array.writeInt32BE(items.length, 12)
  array.writeInt32BE(1, 16)
  let at = HEADER_BYTES
  for (const item of items) {
    const length = bytesOf(item)
    array.writeInt32BE(length, at)
    write(array, item, at + 4)
    at += 4 + length
  }
  return array
}

export function byteaArray(items: readonly Uint8Array[]): Buffer {
  return build(
    typeIds.bytea,
    items,
    (item) => item.length,
    (to, item, at) => to.set(item, at),
  )
}

/** Safe integers as `bigint[]`. */
export function int8Array(items: readonly number[]): Buffer {
  return build(
    typeIds.int8,
    items,
    () => 8,
    (to, item, at) => to.writeBigInt64BE(BigInt(item), at),
  )
}

export function int4Array(items: readonly number[]): Buffer {
  return build(
    typeIds.int4,
    items,
    () => 4,
    (to, item, at) => to.writeInt32BE(item, at),
  )
}

/** Strings without zero bytes as `text[]`. */
export function textArray(items: readonly string[]): Buffer {
  return build(
    typeIds.text,
    items,
    (item) => Buffer.byteLength(item),
    (to, item, at) => void to.write(item, at),
  )
}
