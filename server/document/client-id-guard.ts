// Who may write under which Yjs client id, where that is bound: an id that a user was the first to write under is theirs. It asks the store once about each id that was
// used before this owner was there, and never about one that it has seen.
import { WeftError } from '../../core/errors.js'
import { THE_SERVER } from '../../core/user-id.js'
import type { DocumentStore } from '../../persistence/store.js'
import type { InspectedUpdate } from '../../protocol/updates/inspect.js'
import type { KnownState } from '../../protocol/updates/known-state.js'

export interface ClientIdGuardOptions {
  readonly documentId: string
  readonly store: Pick<DocumentStore, 'readFirstUses'>
  readonly known: Pick<KnownState, 'hasClient'>
}

/** Whose an edit is: a user, nobody who is known (null), or `THE_SERVER`, which writes under any id. */
export type Verdict =
  | { readonly kind: 'fits' }
  | { readonly kind: 'foreign'; readonly error: WeftError }
  /** The store is asked: judge again once it has answered. Resolves with why that failed, or null. */
  | { readonly kind: 'unclear'; readonly clear: Promise<WeftError | null> }

/** Ids that are remembered of one document; those that were looked at first are forgotten first, and asked for again. */
const REMEMBERED_MAX = 10_000
const REMEMBERED_BYTES = 120
/** Of several ids, so many records are read at a time: all that lie between them come along. */
const PAGE = 1_000

const fits: Verdict = { kind: 'fits' }

export class ClientIdGuard {
  readonly #options: ClientIdGuardOptions
  /** Null: nobody is on record. */
  readonly #users = new Map<number, string | null>()

  constructor(options: ClientIdGuardOptions) {
    this.#options = options
  }

  get byteLength(): number {
    return this.#users.size * REMEMBERED_BYTES
  }

  /** `added`: what of an edit is new to the document. */
  judge({ blocks }: Pick<InspectedUpdate, 'blocks'>, user: string | null): Verdict {
    if (user === THE_SERVER) return fits
    const unclear: number[] = []
    for (const { client } of blocks) {
      const first = this.#users.get(client)
      if (first === undefined) {
        if (this.#options.known.hasClient(client)) unclear.push(client)
      } else if (first !== null && first !== user) return { kind: 'foreign', error: foreign(client) }
    }
    return unclear.length === 0 ? fits : { kind: 'unclear', clear: this.#lookUp(unclear) }
  }

  /** These ids were used first, by an edit that came in: before it is committed nobody else may use them either. */
  used(clientIds: readonly number[], user: string | null): void {
    // Of what nobody is known to have written the store may know more: an import says whose the ids are.
    if (user === null) return
    for (const clientId of clientIds) this.#remember(clientId, user)
  }

  async #lookUp(clientIds: readonly number[]): Promise<WeftError | null> {
    const { documentId, store } = this.#options
    const wanted = [...clientIds].sort((one, other) => one - other)
    this.#forgetOldest()
    try {
      for (let [next] = wanted; next !== undefined; ) {
        const limit = wanted.length === 1 ? 1 : PAGE
        const page = await store.readFirstUses(documentId, { after: next - 1, limit })
        const users = new Map(page.items.map(({ clientId, user }) => [clientId, user]))
        // Whatever lies before the last of a page, and is not on it, is on no record.
        const through = page.next === null ? Number.POSITIVE_INFINITY : Math.max(next, page.next)
        while (next !== undefined && next <= through) {
          // What came in meanwhile is known better.
          if (!this.#users.has(next)) this.#users.set(next, users.get(next) ?? null)
          wanted.shift()
          ;[next] = wanted
        }
      }
      return null
    } catch (cause) {
      return new WeftError('store-unavailable', 'It could not be found out whose client id this edit bears; try again later.', { cause })
    }
  }

  #remember(clientId: number, user: string): void {
    this.#forgetOldest()
    this.#users.set(clientId, user)
  }

  #forgetOldest(): void {
    for (const clientId of this.#users.keys()) {
      if (this.#users.size < REMEMBERED_MAX) return
      this.#users.delete(clientId)
    }
  }
}

function foreign(clientId: number): WeftError {
  return new WeftError(
    'forbidden',
    `Yjs client id ${clientId} is of another user in this document, so this edit was not saved; open the document with a new Y.Doc, which has an id of its own.`,
  )
}
