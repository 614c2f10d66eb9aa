/** @jsxImportSource preact */
// The sessions of the node that answers: who, on what, from where, how far behind, with which rights, and what can be done about it.
import { useEffect, useState } from 'preact/hooks'
import type { AdminSession } from '../server/api/routes/admin.js'
import { closeQuestion, revokeQuestion } from './actions.js'
import type { Question } from './dialogs.js'
import { bytes, count, dateTime, duration } from './format.js'
import type { Live } from './live.js'

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
      {items.length === 0 ? (
        <p class="nothing">{find === '' ? 'Nobody is connected.' : 'No session of this node has exactly this user, document or id.'}</p>
      ) : (
        <table class="sessions">
          <thead>
            <tr>
              <th>User</th>
              <th>Document</th>
              <th>Address</th>
              <th>Rights</th>
              <th>Lag</th>
              <th class="number">Open for</th>
              <th>
                <span class="unseen">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {items.map((session) => (
              <tr key={session.sessionId} data-session={session.sessionId}>
                <td data-name="User" class="user">
                  {session.user === null ? (
                    <span class="soft">nobody known</span>
                  ) : (
                    <button type="button" class="link" title="Show only theirs" onClick={() => setTyped(session.user ?? '')}>
                      {session.user}
                    </button>
                  )}
                  {session.name === null || session.name === session.user ? null : <small>{session.name}</small>}
                </td>
                <td data-name="Document" class="document">
                  <button type="button" class="link" title={`${session.documentId}: history`} onClick={() => open(session.documentId)}>
                    {session.documentId}
                  </button>
                </td>
                <td data-name="Address" class="short">
                  {session.address ?? <span class="soft">this machine</span>}
                </td>
                <td data-name="Rights" class="short">
                  <Rights session={session} now={now} />
                </td>
                <td data-name="Lag" class="short">
                  <Lag session={session} />
                </td>
                <td data-name="Open for" class="number" title={dateTime(session.since)}>
                  {duration(now - session.since)}
                </td>
                <td class="actions">
                  <button type="button" class="button small quiet" onClick={() => ask(closeQuestion(session, done))}>
                    Close
                    <span class="unseen">
                      {' '}
                      the session of {session.user ?? 'somebody unknown'} on {session.documentId}
                    </span>
                  </button>
                  {session.user === null ? null : (
                    <button type="button" class="button small quiet danger" onClick={() => ask(revokeQuestion(session.user ?? '', done))}>
                      Revoke<span class="unseen"> {session.user}</span>
                    </button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
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
