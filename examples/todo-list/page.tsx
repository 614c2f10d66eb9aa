// The list on the page: what is to be done, who is here and which item they are at, and whether it is saved.
import { type FormEvent, type ReactElement, useEffect } from 'react'
import { type OpenDocument, useAllSaved, useDocument, useOthers, useStatus } from 'weft-sync/react'
import { type Identity, identityIn } from '../react-editor/identity.js'
import { type Item, type Items, useItems } from './items.js'

export function Page({ name, identity }: { readonly name: string; readonly identity: Identity }): ReactElement {
  const document = useDocument(name)
  const items = useItems(document)
  const status = useStatus(document)
  const { synced, connection, permission, unsaved } = status
  useEffect(() => document?.session.awareness.setLocalStateField('user', identity), [document, identity])
  useWarningBeforeLeaving()
  // What is done without the server is kept, so offline is a state to work in.
  const readable = synced || connection === 'offline'
  const words = { connecting: 'Connecting …', syncing: 'Loading …', saving: 'Saving …', saved: 'Saved' }
  const offline = unsaved === 0 ? 'Offline' : 'Offline: your work is kept here'
  return (
    <>
      <header>
        <h1>To do</h1>
        <People document={document} />
        <output data-state={status.state}>
          {status.state === 'offline' ? offline : status.state === 'refused' ? status.reason : words[status.state]}
        </output>
      </header>
      <main aria-busy={!readable || undefined}>
        {readable && document !== null && <List items={items} document={document} readOnly={permission === 'read-only'} />}
      </main>
    </>
  )
}

function People({ document }: { readonly document: OpenDocument | null }): ReactElement {
  const people = useOthers(document, (state) => identityIn(state['user']))
  return (
    <ul aria-label="Also here">
      {people.map(({ clientId, state: { name, color } }) => (
        <li key={clientId} style={{ background: color }}>
          {name}
        </li>
      ))}
    </ul>
  )
}

interface ListProps {
  readonly items: Items
  readonly document: OpenDocument
  readonly readOnly: boolean
}

function List({ items, document, readOnly }: ListProps): ReactElement {
  const at = useOthers(document, ({ user, cursor }) => {
    const identity = identityIn(user)
    return identity === undefined || typeof cursor !== 'string' ? undefined : { ...identity, cursor }
  })
  const { awareness } = document.session
  const add = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault()
    const input = event.currentTarget.elements.namedItem('text')
    if (!(input instanceof HTMLInputElement) || input.value.trim() === '') return
    items.add(input.value.trim())
    input.value = ''
  }
  const onUndo = (event: { ctrlKey: boolean; metaKey: boolean; key: string; preventDefault(): void }): void => {
    if (!(event.ctrlKey || event.metaKey) || event.key !== 'z') return
    event.preventDefault()
    items.undo()
  }
  return (
    <fieldset disabled={readOnly} onKeyDown={onUndo}>
      <ol>
        {items.all?.map((item) => (
          <Line
            key={item.id}
            item={item}
            items={items}
            people={at.map(({ state }) => state).filter(({ cursor }) => cursor === item.id)}
            look={(here) => awareness.setLocalStateField('cursor', here ? item.id : null)}
          />
        ))}
      </ol>
      <form onSubmit={add}>
        <input name="text" aria-label="Something to do" placeholder="Something to do" autoComplete="off" />
        <button type="submit">Add</button>
      </form>
    </fieldset>
  )
}

interface LineProps {
  readonly item: Item
  readonly items: Items
  /** Who else is at this item. */
  readonly people: readonly Identity[]
  readonly look: (here: boolean) => void
}

function Line({ item: { id, text, done }, items, people, look }: LineProps): ReactElement {
  return (
    <li data-done={done} onFocus={() => look(true)} onBlur={() => look(false)}>
      <input type="checkbox" aria-label={`Done: ${text}`} checked={done} onChange={() => items.change(id, { done: !done })} />
      <input aria-label="What" value={text} onChange={(event) => items.change(id, { text: event.currentTarget.value })} />
      {people.map(({ name, color }) => (
        <span key={name} className="at" style={{ background: color }}>
          {name}
        </span>
      ))}
      <button type="button" aria-label={`Remove: ${text}`} onClick={() => items.remove(id)}>
        ×
      </button>
    </li>
  )
}

function useWarningBeforeLeaving(): void {
  const { unsaved } = useAllSaved()
  useEffect(() => {
    if (unsaved === 0) return
    const warn = (event: BeforeUnloadEvent): void => event.preventDefault()
    addEventListener('beforeunload', warn)
    return () => removeEventListener('beforeunload', warn)
  }, [unsaved])
}
