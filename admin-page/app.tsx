/** @jsxImportSource preact */
// The page as a whole: who is signed in, what is shown, and the questions that actions ask first.
import { useCallback, useEffect, useState } from 'preact/hooks'
import { drainQuestion } from './actions.js'
import { token } from './api.js'
import { Confirm, type Question } from './dialogs.js'
import { clockTime, duration, nodeName } from './format.js'
import { Graphs } from './graphs.js'
import { HistoryDialog } from './history.js'
import { type Live, useLive } from './live.js'
import { Mark } from './mark.js'
import { BusiestDocuments, Nodes } from './node-tables.js'
import { Refusals } from './refusals.js'
import { RevokedList } from './revoked.js'
import { Sessions } from './sessions.js'
import { SignIn } from './sign-in.js'
import { Tiles } from './tiles.js'

export function App() {
  const [find, setFind] = useState('')
  const [boot, setBoot] = useState<string | null>(null)
  const gone = useCallback(() => setBoot(null), [])
  const { state, again } = useLive(find, boot, gone)
  const shown = state.kind === 'shown' && state.live.overview.node.mode === 'cluster' ? state.live.overview.node.boot : null
  useEffect(() => {
    // Whichever answers: the page stays with the node that it has begun to show.
    if (boot === null && shown !== null) setBoot(shown)
  }, [boot, shown])
  if (state.kind === 'loading')
    return (
      <main class="sign-in">
        <p role="status">Looking for the node…</p>
      </main>
    )
  if (state.kind === 'signed-out') return <SignIn key={state.reason + token.get()} reason={state.reason} signedIn={again} />
  return <Shown live={state.live} trouble={state.trouble} find={find} setFind={setFind} look={setBoot} again={again} />
}

interface ShownProps {
  readonly live: Live
  readonly trouble: string | null
  readonly find: string
  readonly setFind: (find: string) => void
  /** Shows another node. */
  readonly look: (boot: string) => void
  readonly again: () => void
}

function Shown({ live, trouble, find, setFind, look, again }: ShownProps) {
  const [question, setQuestion] = useState<Question | null>(null)
  const [documentId, setDocumentId] = useState<string | null>(null)
  const [said, setSaid] = useState('')
  const { node } = live.overview
  const done = useCallback(
    (words: string) => {
      setSaid(words)
      again()
    },
    [again],
  )
  useEffect(() => {
    document.title = `${node.ready ? '' : '(!) '}${nodeName(node)}: Weft admin`
  }, [node])
  // Words about what was done stay for a while.
  useEffect(() => {
    if (said === '') return undefined
    const timer = window.setTimeout(() => setSaid(''), 8_000)
    return () => window.clearTimeout(timer)
  }, [said])
  return (
    <>
      <Top live={live} ask={() => setQuestion(drainQuestion(live.overview, done))} signOut={again} />
      <main>
        {trouble === null ? null : (
          <p class="banner bad" role="alert">
            {trouble} What stands here is of {clockTime(live.at)}; it is asked again every two seconds.
          </p>
        )}
        <Tiles overview={live.overview} />
        <Graphs overview={live.overview} />
        <div class="columns">
          <Nodes overview={live.overview} look={look} />
          <BusiestDocuments overview={live.overview} open={setDocumentId} />
        </div>
        <Sessions live={live} find={find} setFind={setFind} open={setDocumentId} ask={setQuestion} done={done} />
        <div class="columns">
          <Refusals overview={live.overview} />
          <RevokedList done={done} />
        </div>
      </main>
      <p class={`toast ${said === '' ? 'empty' : ''}`} role="status">
        {said}
      </p>
      {question === null ? null : <Confirm question={question} closed={() => setQuestion(null)} />}
      {documentId === null ? null : <HistoryDialog documentId={documentId} closed={() => setDocumentId(null)} />}
    </>
  )
}

function Top({ live, ask, signOut }: { readonly live: Live; readonly ask: () => void; readonly signOut: () => void }) {
  const { node } = live.overview
  return (
    <header class="top">
      <div class="who">
        <span class="brand">
          <Mark /> Weft
        </span>
        <h1>{nodeName(node)}</h1>
        <span class={`state ${node.ready ? 'good' : 'bad'}`}>{node.state}</span>
      </div>
      <dl class="facts">
        <Fact name="Version" value={node.version} />
        <Fact name="Up" value={duration(node.now - node.startedAt)} />
        {node.mode === 'cluster' ? <Fact name="Redis" value={node.redis === 'none' ? 'not set up' : node.redis} /> : null}
        <Fact name="As of" value={clockTime(live.at)} />
      </dl>
      <div class="top-buttons">
        <button type="button" class="button quiet danger" onClick={ask}>
          Drain…
        </button>
        {token.get() === '' ? null : (
          <button
            type="button"
            class="button quiet"
            onClick={() => {
              token.forget()
              signOut()
            }}
          >
            Sign out
          </button>
        )}
      </div>
    </header>
  )
}

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}
