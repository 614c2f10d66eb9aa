/** @jsxImportSource preact */
// The sessions of the node that answers: who, on what, from where, how far behind, with which rights, and what can be done about it.
import { useEffect, useState } from 'preact/hooks'
import type { AdminSession } from '../server/api/routes/admin.js'
import { closeQuestion, revokeQuestion } from './actions.js'
import type { Question } from './dialogs.js'
import { bytes, count, dateTime, duration } from './format.js'
import type { Live } from './live.js'
import { Table } from './table.js'

export interface SessionsProps {
  readonly live: Live
  readonly find: string
  readonly setFind: (find: string) => void
  readonly open: (documentId: string) => void
  readonly ask: (question: Question) => void
  readonly done: (words: string) => void
}

const TYPED_MS = 300

export function Sessions({ live, find, setFind, open, ask, done }: SessionsProps) {
  const [typed, setTyped] = useState(find)
  useEffect(() => {
    const timer = window.setTimeout(() => setFind(typed.trim()), TYPED_MS)
    return () => window.clearTimeout(timer)
  }, [typed, setFind])
  const { items, total } = live.sessions
  const { mode, nodeId, now } = live.overview.node
  return (
    <section class="card" aria-labelledby="sessions">
      <div class="card-head">
        <h2 id="sessions">
          Sessions{' '}
          <small>
            {find === '' ? `${count(items.length)} of ${count(total)}` : `${count(items.length)} found, of ${count(total)}`}
            {mode === 'cluster' ? ` on ${nodeId}` : ''}
            {find === '' && items.length < total ? ': those that lag, then the newest' : ''}
          </small>
        </h2>
        <input
          type="search"
          value={typed}
          placeholder="A user, document or session"
          aria-label="Show only the sessions of this user, document or session id"
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </div>
      <Table
        class="sessions"
        rows={items}
        keyOf={(session) => session.sessionId}
        sessionOf={(session) => session.sessionId}
        nothing={find === '' ? 'Nobody is connected.' : 'No session of this node has exactly this user, document or id.'}
        columns={[
          { name: 'User', kind: 'user', show: (session) => <User session={session} find={setTyped} /> },
          {
            name: 'Document',
            kind: 'document',
            show: ({ documentId }) => (
              <button type="button" class="link" title={`${documentId}: history`} onClick={() => open(documentId)}>
                {documentId}
              </button>
            ),
          },
          { name: 'Address', kind: 'short', show: ({ address }) => address ?? <span class="soft">this machine</span> },
          { name: 'Rights', kind: 'short', show: (session) => <Rights session={session} now={now} /> },
          { name: 'Lag', kind: 'short', show: (session) => <Lag session={session} /> },
          { name: 'Open for', kind: 'number', title: ({ since }) => dateTime(since), show: ({ since }) => duration(now - since) },
          { name: 'Actions', kind: 'actions', show: (session) => <Actions session={session} ask={ask} done={done} /> },
        ]}
      />
    </section>
  )
}

function User({ session: { user, name }, find }: { readonly session: AdminSession; readonly find: (user: string) => void }) {
  return (
    <>
      {user === null ? (
        <span class="soft">nobody known</span>
      ) : (
        <button type="button" class="link" title="Show only theirs" onClick={() => find(user)}>
          {user}
        </button>
      )}
      {name === null || name === user ? null : <small>{name}</small>}
    </>
  )
}

function Actions({ session, ask, done }: { readonly session: AdminSession } & Pick<SessionsProps, 'ask' | 'done'>) {
  const { user, documentId } = session
  return (
    <>
      <button type="button" class="button small quiet" onClick={() => ask(closeQuestion(session, done))}>
        Close
        <span class="unseen">
          {' '}
          the session of {user ?? 'somebody unknown'} on {documentId}
        </span>
      </button>
      {user === null ? null : (
        <button type="button" class="button small quiet danger" onClick={() => ask(revokeQuestion(user, done))}>
          Revoke<span class="unseen"> {user}</span>
        </button>
      )}
    </>
  )
}

function Rights({ session: { permission, admin, expiresAt }, now }: { readonly session: AdminSession; readonly now: number }) {
  return (
    <>
      <span class="tag">{permission === 'read-only' ? 'read' : admin ? 'admin' : 'write'}</span>
      {permission === 'read-only' && admin ? <span class="tag">history</span> : null}
      {expiresAt === null ? null : <small title={dateTime(expiresAt)}>for {duration(expiresAt - now)} more</small>}
    </>
  )
}

const lagWords = {
  unsynced: ['soft', 'has not asked yet'],
  syncing: ['busy', 'catching up'],
  live: ['good', 'up to date'],
  taking: ['busy', 'taking a large part'],
  lagging: ['bad', 'takes too little'],
} as const

function Lag({ session: { lag } }: { readonly session: AdminSession }) {
  const [mood, words] = lagWords[lag.state]
  const behind = [
    ...(lag.edits > 0 ? [`${count(lag.edits)} edits behind`] : []),
    ...(lag.waitingBytes > 0 ? [`${bytes(lag.waitingBytes)} waiting`] : []),
  ]
  return (
    <>
      <span class={`state ${mood}`}>{words}</span>
      {behind.length === 0 ? null : <small>{behind.join(', ')}</small>}
    </>
  )
}
