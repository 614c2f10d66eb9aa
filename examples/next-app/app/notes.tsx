'use client'
// A shared list of notes. Each time that the client connects it asks the application for a ticket, which is good once.
import { type FormEvent, useState } from 'react'
import { useDocument, useStatus, useY, WeftProvider } from 'weft-sync/react'

async function fetchTicket(): Promise<string> {
  const answer = await fetch('/api/ticket', { method: 'POST' })
  if (!answer.ok) throw new Error('The application gives no ticket.')
  return (await answer.json()).ticket
}

/** The same at each render, as the connection is made of it once. */
const options = { token: fetchTicket }

export function Notes({ url, documentId }: { readonly url: string; readonly documentId: string }) {
  return (
    <WeftProvider url={url} options={options}>
      <List documentId={documentId} />
    </WeftProvider>
  )
}

function List({ documentId }: { readonly documentId: string }) {
  const document = useDocument(documentId)
  const { synced, saved } = useStatus(document)
  const notes = useY(document?.doc.getArray<string>('notes'), (list) => list.toArray())
  const [typed, setTyped] = useState('')
  const add = (event: FormEvent): void => {
    event.preventDefault()
    document?.doc.getArray<string>('notes').push([typed])
    setTyped('')
  }
  if (!synced) return <p>Loading …</p>
  return (
    <section>
      <ul aria-label="Notes">
        {(notes ?? []).map((note, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: notes have nothing else to go by.
          <li key={index}>{note}</li>
        ))}
      </ul>
      <form onSubmit={add}>
        <input aria-label="A new note" value={typed} onChange={(event) => setTyped(event.target.value)} required />
        <button type="submit">Add</button>
      </form>
      <p role="status">{saved ? 'Saved' : 'Saving …'}</p>
    </section>
  )
}
