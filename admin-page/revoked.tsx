/** @jsxImportSource preact */
// What is revoked on all nodes; asked for only when somebody wants to see it.
import { useState } from 'preact/hooks'
import { request } from './api.js'
import { dateTime } from './format.js'
import { Table } from './table.js'

interface Revocation {
  readonly kind: string
  readonly id: string
  readonly createdAt: number
  readonly expiresAt: number | null
}

interface RevocationPage {
  readonly items: readonly Revocation[]
  readonly next: string | null
}

export function RevokedList({ done }: { readonly done: (words: string) => void }) {
  const [items, setItems] = useState<readonly Revocation[] | null>(null)
  const [next, setNext] = useState<string | null>(null)
  const [error, setError] = useState<string | null>(null)
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work()
      setError(null)
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown.message : String(thrown))
    }
  }
  const load = (after: string | null = null): Promise<void> =>
    attempt(async () => {
      const page = await request<RevocationPage>('GET', `revocations${after === null ? '' : `?after=${encodeURIComponent(after)}`}`)
      setItems(after === null || items === null ? page.items : [...items, ...page.items])
      setNext(page.next)
    })
  const lift = ({ kind, id }: Revocation): Promise<void> =>
    attempt(async () => {
      await request('DELETE', `revocations/${kind}/${encodeURIComponent(id)}`)
      await load()
      done(`${id} is not revoked any more.`)
    })
  return (
    <section class="card" aria-labelledby="revoked">
      <div class="card-head">
        <h2 id="revoked">
          Revoked <small>on all nodes</small>
        </h2>
        <button type="button" class="button small quiet" onClick={() => load()}>
          {items === null ? 'Show' : 'Look again'}
        </button>
      </div>
      {error === null ? null : (
        <p class="error" role="alert">
          {error}
        </p>
      )}
      <Table
        rows={items ?? []}
        keyOf={(one) => `${one.kind} ${one.id}`}
        nothing={items === null ? 'Users, tokens and sessions that were revoked.' : 'Nothing is revoked.'}
        columns={[
          {
            name: 'What',
            show: (one) => (
              <>
                {one.id}
                <small>{one.kind}</small>
              </>
            ),
          },
          { name: 'Since', show: (one) => dateTime(one.createdAt) },
          { name: 'Until', show: (one) => (one.expiresAt === null ? 'for good' : dateTime(one.expiresAt)) },
          {
            name: 'Actions',
            kind: 'actions',
            show: (one) => (
              <button type="button" class="button small quiet" onClick={() => lift(one)}>
                Lift<span class="unseen"> the revocation of {one.id}</span>
              </button>
            ),
          },
        ]}
      />
      {next === null ? null : (
        <button type="button" class="button small quiet more" onClick={() => load(next)}>
          Show more
        </button>
      )}
    </section>
  )
}
