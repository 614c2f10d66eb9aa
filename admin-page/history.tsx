/** @jsxImportSource preact */
// The history of a document: who changed it when, what was kept, and how it read at a moment.
import { useEffect, useState } from 'preact/hooks'
import { request, requestText } from './api.js'
import { Modal } from './dialogs.js'
import { count, dateTime } from './format.js'

interface Sitting {
  readonly fromSeq: number
  readonly throughSeq: number
  readonly through: number
  readonly users: readonly string[]
  readonly unknownAuthors: boolean
  readonly edits: number
}

interface Version {
  readonly seq: number
  readonly name: string | null
  readonly author: string | null
  readonly createdAt: number
}

interface Moment {
  readonly at: string
  readonly seq: number
  readonly when: number
  readonly title: string
  readonly more: string
}

const SITTINGS_MAX = 1_000
const VERSIONS_MAX = 200
const MOMENTS_SHOWN = 300

async function momentsOf(documentId: string): Promise<readonly Moment[]> {
  const document = `documents/${encodeURIComponent(documentId)}`
  const [changes, versions] = await Promise.all([
    request<{ readonly items: readonly Sitting[] }>('GET', `${document}/changes?limit=${SITTINGS_MAX}`),
    request<{ readonly items: readonly Version[] }>('GET', `${document}/versions?limit=${VERSIONS_MAX}`),
  ])
  const moments = [
    ...changes.items.map(({ throughSeq, through, users, unknownAuthors, edits }) => ({
      at: `seq:${throughSeq}`,
      seq: throughSeq,
      when: through,
      title: [...users, ...(unknownAuthors ? ['somebody unknown'] : [])].join(', '),
      more: edits === 1 ? '1 edit' : `${count(edits)} edits`,
    })),
    ...versions.items.map(({ seq, name, author, createdAt }) => ({
      at: `v${seq}`,
      seq,
      when: createdAt,
      title: name ?? `v${seq}`,
      more: author === null ? 'kept' : `kept by ${author}`,
    })),
  ]
  return moments.sort((one, other) => other.seq - one.seq || other.when - one.when).slice(0, MOMENTS_SHOWN)
}

export function HistoryDialog({ documentId, closed }: { readonly documentId: string; readonly closed: () => void }) {
  const [moments, setMoments] = useState<readonly Moment[] | null>(null)
  const [chosen, setChosen] = useState<Moment | null>(null)
  const [text, setText] = useState('')
  const [error, setError] = useState<string | null>(null)
  useEffect(() => {
    momentsOf(documentId).then(setMoments, (thrown) => setError(wordsOf(thrown)))
  }, [documentId])
  const look = async (moment: Moment): Promise<void> => {
    setChosen(moment)
    setText('…')
    setError(null)
    try {
      const read = await requestText(
        `documents/${encodeURIComponent(documentId)}/content?${new URLSearchParams({ at: moment.at, format: 'text' })}`,
      )
      setText(read.isWhole ? read.text : `${read.text}\n\n(There is more.)`)
    } catch (thrown) {
      setText('')
      setError(wordsOf(thrown))
    }
  }
  return (
    <Modal label={`The history of ${documentId}`} wide closed={closed}>
      <div class="card-head">
        <h2>
          {documentId} <small>history, the newest first</small>
        </h2>
        <button type="button" class="button small quiet" onClick={closed}>
          Close
        </button>
      </div>
      {error === null ? null : (
        <p class="error" role="alert">
          {error}
        </p>
      )}
      <div class="history">
        {moments === null ? (
          <p class="nothing">{error === null ? 'Looking…' : ''}</p>
        ) : moments.length === 0 ? (
          <p class="nothing">Nothing was ever written to it.</p>
        ) : (
          <ol>
            {moments.map((moment) => (
              <li key={`${moment.at} ${moment.when}`}>
                <button type="button" aria-pressed={chosen === moment} onClick={() => look(moment)}>
                  <b>{moment.title}</b>
                  <small>
                    {dateTime(moment.when)}, {moment.more}
                  </small>
                </button>
              </li>
            ))}
          </ol>
        )}
        <div class="reading">
          {chosen === null ? (
            <p class="nothing">Choose a moment to read the document as it was.</p>
          ) : (
            <>
              <p class="soft">As text, at seq {chosen.seq}:</p>
              <pre>{text === '' && error === null ? '(no text)' : text}</pre>
            </>
          )}
        </div>
      </div>
    </Modal>
  )
}

function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
