// Finds the first edit of a document that cannot be applied, by halves: what comes after it cannot be read either.

/** `soundSeq` is known to be sound: that of a snapshot, or 0. Null: all of it through `head` is. */
export async function firstUnsound(soundSeq: number, head: number, isSound: (seq: number) => Promise<boolean>): Promise<number | null> {
  if (await isSound(head)) return null
  let sound = soundSeq
  let unsound = head
  while (unsound - sound > 1) {
    const middle = Math.floor((sound + unsound) / 2)
    if (await isSound(middle)) sound = middle
    else unsound = middle
  }
  return sound + 1
}
