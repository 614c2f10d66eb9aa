// One document on the page: its title, who is here, whether it is saved, and the text.
import { type ReactElement, useEffect } from 'react'
import { type OpenDocument, useAllSaved, useDocument, useOthers, useStatus, useY } from 'weft-sync/react'
import { Editor } from './editor.js'
import { type Identity, identityIn } from './identity.js'

export function Page({ name, identity }: { readonly name: string; readonly identity: Identity }): ReactElement {
  const document = useDocument(name)
  const { synced, connection, permission } = useStatus(document)
  useEffect(() => {
    document?.session.awareness.setLocalStateField('user', identity)
  }, [document, identity])
  useWarningBeforeLeaving()

  // What is typed without the server is kept, so offline is a state to work in.
  const readable = document !== null && (synced || connection === 'offline')
  return (
    <>
      <header>
        {readable ? <Title document={document} /> : <h1>Loading …</h1>}
        <People document={document} />
        <SavedState document={document} />
      </header>
      {readable && <Editor document={document} readOnly={permission === 'read-only'} />}
      {readable && <Words document={document} />}
    </>
  )
}

function Title({ document }: { readonly document: OpenDocument }): ReactElement {
  const settings = document.doc.getMap<string>('settings')
  const title = useY(settings, (map) => map.get('title') ?? '')
  return (
    <input aria-label="Title" placeholder="Untitled" value={title} onChange={(event) => settings.set('title', event.currentTarget.value)} />
  )
}

/** Drawn when somebody comes or goes, and not when a cursor moves. */
function People({ document }: { readonly document: OpenDocument | null }): ReactElement {
  const people = useOthers(document, (state) => identityIn(state['user']))
  return (
    <ul aria-label="Also here">
      {people.map(({ clientId, state: { name, color } }) => (
        <li key={clientId} style={{ borderColor: color }}>
          {name}
        </li>
      ))}
    </ul>
  )
}

function SavedState({ document }: { readonly document: OpenDocument | null }): ReactElement {
  const status = useStatus(document)
  const words = {
    connecting: 'Connecting …',
    syncing: 'Loading …',
    saving: 'Saving …',
    saved: 'Saved',
    offline: status.unsaved === 0 ? 'Offline' : 'Offline: your work is kept here',
    refused: status.state === 'refused' ? status.reason : '',
  }
  return (
    <output data-state={status.state}>
      {words[status.state]}
      {status.state === 'refused' && (
        <button type="button" onClick={() => document?.session.retry()}>
          Try again
        </button>
      )}
    </output>
  )
}

/** Drawn when the number is another one, and not for each letter. */
function Words({ document }: { readonly document: OpenDocument }): ReactElement {
  const count = useY(document.doc.getText('body'), (text) => text.toString().match(/\S+/g)?.length ?? 0)
  return <footer>{count === 1 ? '1 word' : `${count} words`}</footer>
}

/** Of any document of the page, those included that were left before they were saved. */
function useWarningBeforeLeaving(): void {
  const { unsaved } = useAllSaved()
  useEffect(() => {
    if (unsaved === 0) return
    const warn = (event: BeforeUnloadEvent): void => event.preventDefault()
    addEventListener('beforeunload', warn)
    return () => removeEventListener('beforeunload', warn)
  }, [unsaved])
}
