/** @jsxImportSource preact */
// What an operator can do, each as the question that is asked before.
import type { AdminOverview, AdminSession } from '../server/api/routes/admin.js'
import { request } from './api.js'
import type { Question } from './dialogs.js'
import { nodeName } from './format.js'

type Done = (words: string) => void

const DAY_MS = 86_400_000

export function closeQuestion({ sessionId, documentId, user }: AdminSession, done: Done): Question {
  return {
    title: 'Close this session?',
    text: (
      <p>
        {user === null ? 'A client' : <b>{user}</b>} on <b>{documentId}</b> is told that its access was revoked. What it wrote is saved. It
        may come back with a token that is good; to keep somebody out, revoke the user.
      </p>
    ),
    action: 'Close the session',
    run: async () => {
      await request('POST', 'revocations', { kind: 'session', id: sessionId })
      done('The session is closed.')
    },
  }
}

export function revokeQuestion(user: string, done: Done): Question {
  return {
    title: `Revoke ${user}?`,
    text: (
      <p>
        All sessions of this user end, on every node within 5 s, and what was issued to them before now counts no more. A token that is
        issued later is good: stop your application from issuing one.
      </p>
    ),
    action: 'Revoke the user',
    choice: {
      label: 'Remember it',
      options: [
        [String(30 * DAY_MS), 'for 30 days'],
        [String(DAY_MS), 'for a day'],
        [String(DAY_MS / 24), 'for an hour'],
        ['', 'for good'],
      ],
    },
    run: async (lifetimeMs) => {
      await request('POST', 'revocations', { kind: 'user', id: user, lifetimeMs: lifetimeMs === '' ? null : Number(lifetimeMs) })
      done(`${user} is revoked.`)
    },
  }
}

export function drainQuestion({ node, nodes }: AdminOverview, done: Done): Question {
  const isLast = nodes.filter(({ draining, boot }) => !draining && boot !== node.boot).length === 0
  return {
    title: node.mode === 'alone' ? 'Drain this server?' : `Drain ${nodeName(node)}?`,
    text: (
      <>
        <p>
          It takes no new clients, hands its documents over, commits and acknowledges what it was sent, sends its clients elsewhere, and
          ends. Nothing that was acknowledged is lost.
        </p>
        {isLast ? (
          <p>
            <b>No other node is there to take its clients:</b> nobody is served until it, or another one, is started.
          </p>
        ) : null}
      </>
    ),
    action: 'Drain the node',
    run: async () => {
      await request('POST', `admin/drain?${new URLSearchParams({ boot: node.boot })}`)
      done('The drain has begun.')
    },
  }
}
