// What the page shows, kept up to date by asking every two seconds as long as somebody looks.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { AdminOverview, AdminSessions } from '../server/api/routes/admin.js'
import { Refused, request } from './api.js'

const PERIOD_MS = 2_000
/** As many as the server keeps. */
const SAMPLES_SHOWN = 450
const SESSIONS_SHOWN = 100

export interface Live {
  readonly overview: AdminOverview
  readonly sessions: AdminSessions
  /** When both came, by this browser's clock. */
  readonly at: number
}

export type LiveState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'signed-out'; readonly reason: string }
  | { readonly kind: 'shown'; readonly live: Live; readonly trouble: string | null }

/** `find` narrows the sessions; `boot` is the node that is shown, null for whichever answers. `gone` is told when it is not alive any more. `again` asks at once. */
export function useLive(find: string, boot: string | null, gone: () => void): { readonly state: LiveState; readonly again: () => void } {
  const [state, setState] = useState<LiveState>({ kind: 'loading' })
  const latest = useRef<Live | null>(null)
  const [round, setRound] = useState(0)
  const again = useCallback(() => setRound((before) => before + 1), [])

  // biome-ignore lint/correctness/useExhaustiveDependencies: another round asks at once.
  useEffect(() => {
    let timer = 0
    let over = false
    const look = async (): Promise<void> => {
      try {
        const live = await fetchLive(latest.current, find, boot)
        if (over) return
        latest.current = live
        setState({ kind: 'shown', live, trouble: null })
      } catch (thrown) {
        if (over) return
        if (thrown instanceof Refused && thrown.needsSignIn) {
          latest.current = null
          setState({ kind: 'signed-out', reason: thrown.message })
          return
        }
        if (thrown instanceof Refused && thrown.status === 412) {
          latest.current = null
          setState({ kind: 'loading' })
          gone()
          return
        }
        const trouble = thrown instanceof Refused ? thrown.message : 'The node does not answer.'
        setState((before) => (before.kind === 'shown' ? { ...before, trouble } : { kind: 'loading' }))
      }
      // Nobody looks at a hidden page; it asks again when it is shown.
      if (!document.hidden) timer = window.setTimeout(look, PERIOD_MS)
    }
    const shown = (): void => {
      window.clearTimeout(timer)
      if (!document.hidden) void look()
    }
    document.addEventListener('visibilitychange', shown)
    void look()
    return () => {
      over = true
      window.clearTimeout(timer)
      document.removeEventListener('visibilitychange', shown)
    }
  }, [find, boot, gone, round])

  return { state, again }
}

async function fetchLive(before: Live | null, find: string, boot: string | null): Promise<Live> {
  const node: Record<string, string> = boot === null ? {} : { boot }
  const query = new URLSearchParams({ ...node, limit: String(SESSIONS_SHOWN), ...(find === '' ? {} : { find }) })
  // Another node has other samples.
  const through = before !== null && (boot === null || before.overview.node.boot === boot) ? before.overview.samples.through : 0
  const askOverview = (): Promise<AdminOverview> =>
    request('GET', `admin/overview?${new URLSearchParams({ ...node, samplesAfter: String(through) })}`)
  const askSessions = (): Promise<AdminSessions> => request('GET', `admin/sessions?${query}`)
  // Whoever is not signed in yet is refused once, not twice.
  const first = before === null ? await askOverview() : null
  const [overview, sessions] = await Promise.all([first ?? askOverview(), askSessions()])
  const at = Date.now()
  const isSame = before !== null && before.overview.node.boot === overview.node.boot
  const samples = isSame ? joined(before.overview.samples, overview.samples) : overview.samples
  return { overview: { ...overview, samples }, sessions, at }
}

type Samples = AdminOverview['samples']

function joined(before: Samples, after: Samples): Samples {
  if (after.through < before.through) return after
  const entries = Object.entries(after).map(([name, value]) => {
    const earlier = before[name as keyof Samples]
    return [name, Array.isArray(value) && Array.isArray(earlier) ? [...earlier, ...value].slice(-SAMPLES_SHOWN) : value]
  })
  return Object.fromEntries(entries) as Samples
}
