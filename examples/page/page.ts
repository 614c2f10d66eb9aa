// The page around an editor, without a framework: the connection, the title, who else is here, and whether the document is saved. It connects to the server
// that it came from; `?doc=` names the document, `?name=` the person.
import { connect, type DocumentSession, type SessionStatus } from 'weft-sync/client'
import { sharedWebSocket } from 'weft-sync/shared-socket'
import { shareBetweenTabs } from 'weft-sync/tabs'
import * as Y from 'yjs'
import { type Identity, identityFrom, identityIn } from '../react-editor/identity.js'

export interface OpenPage {
  readonly doc: Y.Doc
  readonly session: DocumentSession
  readonly identity: Identity
  /** Where the editor goes. */
  readonly room: HTMLElement
}

export interface PageOptions {
  /** The document's id where the address names none. */
  readonly defaultName: string
  /** Called once, when the document is here. Answers a function that is told, then and later, whether this person may write. */
  readonly start: (page: OpenPage) => (writable: boolean) => void
}

export function openPage({ defaultName, start }: PageOptions): void {
  const parameters = new URLSearchParams(location.search)
  const name = parameters.get('doc') ?? defaultName
  const identity = identityFrom(parameters.get('name'))
  element('a', HTMLAnchorElement).href = `?${new URLSearchParams({ doc: name })}`

  const doc = new Y.Doc()
  const connection = connect('/', {
    // All tabs of this browser share one.
    WebSocket: sharedWebSocket(() => new SharedWorker('socket-worker.js', { type: 'module' })),
    transports: ['websocket', 'sse', 'poll'],
  })
  const session = connection.open(name, doc)
  shareBetweenTabs(connection, session)
  session.awareness.setLocalStateField('user', identity)
  showPeople(session)
  showSaved(session)
  addEventListener('beforeunload', (event) => {
    if (session.unsaved > 0) event.preventDefault()
  })

  let permit: ((writable: boolean) => void) | undefined
  let permitted: boolean | undefined
  let started = false
  const look = (): void => {
    // What is typed without the server is kept, so offline is a state to work in.
    const readable = session.status.state === 'offline' || session.status.state === 'saved' || session.status.state === 'saving'
    if (permit === undefined) {
      // An editor that writes its first paragraph changes the status while it is being made.
      if (!readable || started) return
      started = true
      const room = element('main', HTMLElement)
      room.removeAttribute('aria-busy')
      permit = start({ doc, session, identity, room })
      bindTitle(doc.getMap('settings'))
    }
    const writable = session.permission !== 'read-only' && session.status.state !== 'refused'
    if (writable === permitted) return
    permitted = writable
    element('header input', HTMLInputElement).disabled = !writable
    permit(writable)
  }
  session.on('status', look)
  session.on('permission', look)
  look()
}

function element<Kind extends HTMLElement>(selector: string, kind: new () => Kind): Kind {
  const found = document.querySelector(selector)
  if (!(found instanceof kind)) throw new Error(`index.html has no ${selector}.`)
  return found
}

function bindTitle(settings: Y.Map<unknown>): void {
  const input = element('header input', HTMLInputElement)
  const show = (): void => {
    const title = settings.get('title')
    const text = typeof title === 'string' ? title : ''
    // Setting what is there already would move the cursor.
    if (input.value !== text) input.value = text
    document.title = text || 'Untitled'
  }
  input.addEventListener('input', () => settings.set('title', input.value))
  settings.observe(show)
  show()
}

function showPeople({ awareness }: DocumentSession): void {
  const list = element('header ul', HTMLUListElement)
  let shown = ''
  const show = (): void => {
    const others = [...awareness.getStates()]
      .filter(([clientId]) => clientId !== awareness.clientID)
      .sort(([left], [right]) => left - right)
    const people = others.map(([, state]) => identityIn(state['user'])).filter((person) => person !== undefined)
    // Awareness changes with each move of a cursor; who is here does not.
    const key = JSON.stringify(people)
    if (key === shown) return
    shown = key
    list.replaceChildren(
      ...people.map((person) => {
        const item = document.createElement('li')
        item.style.setProperty('--color', person.color)
        item.textContent = person.name
        return item
      }),
    )
  }
  awareness.on('change', show)
  show()
}

function words(status: SessionStatus, unsaved: number): string {
  switch (status.state) {
    case 'connecting':
      return 'Connecting …'
    case 'syncing':
      return 'Loading …'
    case 'saving':
      return 'Saving …'
    case 'saved':
      return 'Saved'
    case 'offline':
      return unsaved === 0 ? 'Offline' : 'Offline: your work is kept here'
    case 'refused':
      return status.reason
  }
}

function showSaved(session: DocumentSession): void {
  const output = element('header output', HTMLOutputElement)
  const retry = element('header button', HTMLButtonElement)
  const show = (): void => {
    output.dataset['state'] = session.status.state
    output.textContent = words(session.status, session.unsaved)
    retry.hidden = session.status.state !== 'refused'
  }
  retry.addEventListener('click', () => session.retry())
  session.on('status', show)
  session.on('unsaved', show)
  show()
}
