// Bytes that are kept for long, in buffers that hold little else: a few of them must not keep alive what they came in.

/** `bytes` in a buffer of their own, so that a few of them do not keep a network or database buffer alive. */
export function inOwnBuffer(bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength === bytes.buffer.byteLength) return bytes
  const own = new Uint8Array(bytes.length)
  own.set(bytes)
  return own
}

const SLACK_SHARE = 16

/**
 * The same for bytes in a message, which nobody changes: kept as they lie there if that wastes at most one part in 16, so that an upload is
 * not copied.
 */
export function inAlmostOwnBuffer(bytes: Uint8Array): Uint8Array {
  return (bytes.buffer.byteLength - bytes.byteLength) * SLACK_SHARE <= bytes.byteLength ? bytes : inOwnBuffer(bytes)
}
