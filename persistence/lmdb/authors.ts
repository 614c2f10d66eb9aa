// Who wrote: the numbers of users, which rows of the log hold instead of their ids, and the first use of each client id in a document.
import type { AppendEntry, FirstUse, Page, RowAuthors } from '../store.js'
import type { Environment } from './environment.js'
import { clientIdOfKey, rowPrefix, useKey, userKey } from './keys.js'
import { type DocumentRecord, sealFirstUse, sealUserId, sealUserNumber, unsealFirstUse, unsealUserId, unsealUserNumber } from './layout.js'
import { checked, readRowUsers } from './reading.js'

const none: readonly number[] = []

/** Above every client id. */
const CLIENT_ID_END = Number.MAX_SAFE_INTEGER

/** So many numbers are kept in memory. */
const KNOWN_NUMBERS_MAX = 10_000

/** The users' numbers; who has none gets one. Called inside a write transaction. */
export function numbersOf(environment: Environment, users: readonly string[]): readonly number[] {
  return users.length === 0 ? none : users.map((user) => numberOf(environment, user))
}

function numberOf(environment: Environment, user: string): number {
  const { knownNumbers } = environment
  const known = knownNumbers.get(user)
  if (known !== undefined) return known
  const number = lookUp(environment, user)
  if (knownNumbers.size >= KNOWN_NUMBERS_MAX) knownNumbers.clear()
  knownNumbers.set(user, number)
  return number
}

function lookUp(environment: Environment, user: string): number {
  const id = Buffer.from(user, 'utf8')
  const known = environment.userNumbers.get(id)
  if (known !== undefined) return unsealUserNumber(id, known)
  const [lastKey] = environment.users.getKeys({ reverse: true, limit: 1 })
  const number = lastKey === undefined ? 0 : Buffer.from(lastKey).readUInt32BE() + 1
  const key = userKey(number)
  void environment.users.put(key, sealUserId(key, user))
  void environment.userNumbers.put(id, sealUserNumber(id, number))
  return number
}

/** Called inside a write transaction. */
export function putFirstUses(environment: Environment, { documentId, seq, firstUses = [] }: AppendEntry, usedAt: number): void {
  const prefix = rowPrefix(documentId)
  for (const { clientId, user } of firstUses) {
    const key = useKey(prefix, clientId)
    if (environment.firstUses.get(key) !== undefined) continue
    void environment.firstUses.put(key, sealFirstUse(key, { usedAt, seq, user: numberOf(environment, user) }))
  }
}

/** See `DocumentStore.readAuthors`. Throws `document-corrupt`. */
export function readAuthors(
  environment: Environment,
  documentId: string,
  { logStart, head }: DocumentRecord,
  query: { readonly afterSeq: number; readonly limit: number },
): Page<RowAuthors, number> {
  const prefix = rowPrefix(documentId)
  const first = Math.max(query.afterSeq + 1, logStart)
  const last = Math.min(first + query.limit - 1, head)
  const items: RowAuthors[] = []
  for (let seq = first; seq <= last; seq++) {
    const { committedAt, users } = readRowUsers(environment, documentId, prefix, seq)
    items.push({ seq, committedAt, users: users.map((user) => idOf(environment, documentId, user)) })
  }
  return { items, next: last < head ? last : null }
}

/** See `DocumentStore.readFirstUses`. Throws `document-corrupt`. */
export function readFirstUses(
  environment: Environment,
  documentId: string,
  { after = -1, limit }: { readonly after?: number; readonly limit: number },
): Page<FirstUse, number> {
  const prefix = rowPrefix(documentId)
  if (after >= CLIENT_ID_END) return { items: [], next: null }
  const range = { start: useKey(prefix, after + 1), end: useKey(prefix, CLIENT_ID_END), inclusiveEnd: true, limit: limit + 1 }
  const found = Array.from(environment.firstUses.getRange(range), ({ key, value }) => ({
    key: Buffer.from(key),
    value: Buffer.from(value),
  }))
  const items = found.slice(0, limit).map(({ key, value }): FirstUse => {
    const clientId = clientIdOfKey(key)
    const { usedAt, seq, user } = checked(documentId, `the first use of client id ${clientId}`, () => unsealFirstUse(key, value))
    return { clientId, user: idOf(environment, documentId, user), seq, usedAt }
  })
  return { items, next: found.length > items.length ? (items.at(-1)?.clientId ?? null) : null }
}

function idOf(environment: Environment, documentId: string, user: number): string {
  const key = userKey(user)
  return checked(documentId, `user ${user}`, () => unsealUserId(key, environment.users.get(key) ?? Buffer.alloc(0)))
}
