// The users of a row of the log, by the numbers that a store has given them: a few bytes a user, however long their ids are.
//
// Layout: varint count, then per user, in rising order, the varint difference to the one before (to 0 for the first). A varint has 7 bits a
// byte, the lowest first.
import { assert } from '../core/assert.js'

export interface DecodedUsers {
  readonly users: readonly number[]
  readonly byteLength: number
}

const noUsers = Uint8Array.of(0)

/** No more users than this can be in one row. */
const USERS_MAX = 1_000_000

/** `users` are whole numbers from 0 to 2^53 - 1, each once, in any order. */
export function encodeUsers(users: readonly number[]): Uint8Array {
  if (users.length === 0) return noUsers
  const bytes: number[] = []
  pushVarint(bytes, users.length)
  let before = 0
  for (const user of users.toSorted((a, b) => a - b)) {
    assert(Number.isSafeInteger(user) && user >= before, 'a user has a number')
    pushVarint(bytes, user - before)
    before = user
  }
  return Uint8Array.from(bytes)
}

/** Reads what `encodeUsers` wrote from the beginning of `bytes`; null if it is something else. */
export function decodeUsers(bytes: Uint8Array): DecodedUsers | null {
  let offset = 0
  const varint = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[offset]
      if (byte === undefined || !Number.isSafeInteger(scale)) return Number.NaN
      offset += 1
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }
  const count = varint()
  if (!(count <= USERS_MAX)) return null
  const users: number[] = []
  for (let before = 0; users.length < count; ) {
    before += varint()
    if (!Number.isSafeInteger(before)) return null
    users.push(before)
  }
  return { users, byteLength: offset }
}

function pushVarint(bytes: number[], value: number): void {
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80)
  bytes.push(rest)
}
