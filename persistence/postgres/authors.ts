// Who wrote: the numbers that authors have in the database, what appends say of them, and reading it back.
import { assert } from '../../core/assert.js'
import { documentCorrupt } from '../failures.js'
import type { AppendEntry, FirstUse, Page, RowAuthors } from '../store.js'
import { decodeUsers, encodeUsers } from '../user-numbers.js'
import { byteaArray, int4Array, int8Array } from './binary-array.js'
import { bytesIn, numberIn, utf8In } from './columns.js'
import type { Database } from './database.js'

/** Numbers that this process remembers. They are a few hundred bytes each. */
const REMEMBERED_MAX = 20_000
/** Another node may be adding the same authors: what it has added is seen by a new statement. */
const TRIES_MAX = 5

const bytesOf = (text: string): Buffer => Buffer.from(text, 'utf8')

const FIND = `
  WITH wanted AS MATERIALIZED (SELECT unnest($1::bytea[]) AS id),
  found AS MATERIALIZED (SELECT author.number, author.id FROM weft.author JOIN wanted ON wanted.id = author.id),
  made AS (
    INSERT INTO weft.author (id) SELECT wanted.id FROM wanted WHERE NOT EXISTS (SELECT FROM found WHERE found.id = wanted.id)
    ON CONFLICT DO NOTHING RETURNING author.number, author.id
  )
  SELECT weft.server_life() AS life, number, id FROM (SELECT * FROM found UNION ALL SELECT * FROM made) AS authors`

/** The parameters that an append takes of its entries' authors: p_authors_life, p_users, p_use_entries, p_use_clients, p_use_authors. */
export type AuthorValues = readonly [life: number | null, users: Buffer, entries: Buffer, clients: Buffer, authors: Buffer]

const nobody: AuthorValues = [null, byteaArray([]), int4Array([]), int8Array([]), int8Array([])]

export class AuthorNumbers {
  /** They hold for one life of the server: a failover may have lost the newest authors, and their numbers be given to others. */
  #life: number | null = null
  readonly #numbers = new Map<string, number>()

  /** What an append of these entries says of their authors. Those who have no number get one first, for good. Rejects as `append` does. */
  async valuesOf(database: Database, entries: readonly AppendEntry[]): Promise<AuthorValues> {
    const named = new Set<string>()
    for (const { users = [], firstUses = [] } of entries) {
      for (const user of users) named.add(user)
      for (const { user } of firstUses) named.add(user)
    }
    if (named.size === 0) return nobody
    this.#forgetOldest()
    const { life, numbers } = await this.#numbersOf(database, [...named])
    const numberOf = (user: string): number => {
      const number = numbers.get(user)
      assert(number !== undefined, 'every author of the batch has a number')
      return number
    }
    const uses = entries.flatMap(({ firstUses = [] }, index) => firstUses.map((use) => ({ ...use, entry: index + 1 })))
    return [
      life,
      byteaArray(entries.map(({ users = [] }) => (users.length === 0 ? new Uint8Array() : encodeUsers(users.map(numberOf))))),
      int4Array(uses.map(({ entry }) => entry)),
      int8Array(uses.map(({ clientId }) => clientId)),
      int8Array(uses.map(({ user }) => numberOf(user))),
    ]
  }

  /** The server's life has changed. */
  forget(): void {
    this.#life = null
    this.#numbers.clear()
  }

  async #numbersOf(
    database: Database,
    users: readonly string[],
  ): Promise<{ readonly life: number | null; readonly numbers: ReadonlyMap<string, number> }> {
    for (let tries = 1; ; tries++) {
      const unknown = users.filter((user) => !this.#numbers.has(user))
      if (unknown.length === 0) return { life: this.#life, numbers: this.#numbersKnown(users) }
      assert(tries <= TRIES_MAX, 'an author that was added is there')
      for (const row of await database.run('append', FIND, [unknown.map(bytesOf)])) {
        const life = numberIn(row, 'life')
        // What was remembered of an earlier life counts no more: the next try looks all of it up.
        if (life !== this.#life) this.forget()
        this.#life = life
        this.#numbers.set(utf8In(row, 'id'), numberIn(row, 'number'))
      }
    }
  }

  #numbersKnown(users: readonly string[]): ReadonlyMap<string, number> {
    return new Map(
      users.flatMap((user) => {
        const number = this.#numbers.get(user)
        return number === undefined ? [] : [[user, number] as const]
      }),
    )
  }

  #forgetOldest(): void {
    for (const user of this.#numbers.keys()) {
      if (this.#numbers.size <= REMEMBERED_MAX) return
      this.#numbers.delete(user)
    }
  }
}

const READ_AUTHORS = `
  SELECT log.seq, log.committed_at AS at, log.users FROM weft.document JOIN weft.log ON log.key = document.key
  WHERE document.id = $1 AND log.seq > $2 ORDER BY log.seq LIMIT $3`

const NAMES = 'SELECT number, id FROM weft.author WHERE number = ANY ($1::bigint[])'

/** See `DocumentStore.readAuthors`. */
export async function readAuthors(
  database: Database,
  documentId: string,
  { afterSeq, limit }: { readonly afterSeq: number; readonly limit: number },
): Promise<Page<RowAuthors, number>> {
  const rows = await database.read('bulk', READ_AUTHORS, [bytesOf(documentId), afterSeq, limit + 1])
  const page = rows.slice(0, limit).map((row) => {
    const seq = numberIn(row, 'seq')
    return {
      seq,
      committedAt: numberIn(row, 'at'),
      numbers: row['users'] === null ? [] : numbersIn(documentId, seq, bytesIn(row, 'users')),
    }
  })
  const numbers = new Set(page.flatMap((row) => row.numbers))
  const names = new Map(
    numbers.size === 0
      ? []
      : (await database.read('bulk', NAMES, [[...numbers]])).map((row) => [numberIn(row, 'number'), utf8In(row, 'id')] as const),
  )
  const items = page.map(
    ({ seq, committedAt, numbers: users }): RowAuthors => ({
      seq,
      committedAt,
      users: users.map((number) => {
        const name = names.get(number)
        if (name === undefined) throw documentCorrupt(documentId, `author ${number} of row ${seq} of its log is missing`)
        return name
      }),
    }),
  )
  return { items, next: rows.length > items.length ? (items.at(-1)?.seq ?? null) : null }
}

function numbersIn(documentId: string, seq: number, bytes: Uint8Array): readonly number[] {
  const decoded = decodeUsers(bytes)
  if (decoded === null) throw documentCorrupt(documentId, `the users of row ${seq} of its log cannot be read`)
  return decoded.users
}

const READ_FIRST_USES = `
  SELECT first_use.client_id, first_use.seq, first_use.used_at, author.id
  FROM weft.document JOIN weft.first_use ON first_use.key = document.key JOIN weft.author ON author.number = first_use.author
  WHERE document.id = $1 AND first_use.client_id > $2 ORDER BY first_use.client_id LIMIT $3`

/** See `DocumentStore.readFirstUses`. */
export async function readFirstUses(
  database: Database,
  documentId: string,
  { after = -1, limit }: { readonly after?: number; readonly limit: number },
): Promise<Page<FirstUse, number>> {
  const rows = await database.read('bulk', READ_FIRST_USES, [bytesOf(documentId), after, limit + 1])
  const items = rows.slice(0, limit).map(
    (row): FirstUse => ({
      clientId: numberIn(row, 'client_id'),
      user: utf8In(row, 'id'),
      seq: numberIn(row, 'seq'),
      usedAt: numberIn(row, 'used_at'),
    }),
  )
  return { items, next: rows.length > items.length ? (items.at(-1)?.clientId ?? null) : null }
}
