// One broadcast goes to many sessions: its frame is encoded by the first of a dialect and kept for the others.
import type { Message } from './outbox.js'

/** The message kept under `key`, or a new one, which is kept if it is a single part. Several parts mean a payload that is shared anyway. */
export function encodedOnce(frames: Map<string, Uint8Array>, key: string, encode: () => Message): Message {
  const kept = frames.get(key)
  if (kept !== undefined) return [kept]
  const message = encode()
  const only = message[0]
  if (message.length === 1 && only !== undefined) frames.set(key, only)
  return message
}
