// The demo's composition root: which document, who is typing, the session with the server, and the parts of the page bound to them.
import * as Y from 'yjs'
import { authorOf, noteAuthor } from './authors.js'
import { openSession } from './connection.js'
import { documentIdOf, documentLink, newDocumentId, recentDocuments, rememberDocument } from './documents.js'
import { bodyField, createEditor, goToCaret, setIdentity } from './editor.js'
import { HistoryApi } from './history-api.js'
import { HistoryPanel } from './history-panel.js'
import { type Identity, initials, loadIdentity, loadKeepCopy, palette, saveIdentity, saveKeepCopy } from './identity.js'
import { showPeople } from './people.js'
import { SavedStateIndicator } from './saved-state.js'
import { connectToolbar } from './toolbar.js'

function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`index.html has no #${id}`)
  return element as Kind
}

const documentId = documentIdOf(new URL(location.href))
const keepCopy = loadKeepCopy()
let identity: Identity = loadIdentity()

const doc = new Y.Doc()
const session = openSession(documentId, doc, keepCopy)
const paper = byId('editor')
const editor = createEditor({ element: paper, doc, awareness: session.awareness, identity })
connectToolbar(byId('toolbar'), editor)
const authorChanged = noteAuthor(doc, () => identity)

// History

const history = new HistoryPanel(
  {
    panel: byId('history'),
    toggle: byId<HTMLButtonElement>('history-toggle'),
    close: byId<HTMLButtonElement>('history-close'),
    entries: byId('history-entries'),
    slider: byId<HTMLInputElement>('history-slider'),
    momentTime: byId('history-moment'),
    name: byId<HTMLInputElement>('history-name'),
    nameForm: byId<HTMLFormElement>('history-keep'),
    restore: byId<HTMLButtonElement>('history-restore'),
    showChanges: byId<HTMLInputElement>('history-changes'),
    showAuthors: byId<HTMLInputElement>('history-authors'),
    status: byId('history-status'),
    preview: byId('preview'),
    editor: paper,
  },
  new HistoryApi(documentId, bodyField),
  { colourOf: (clientId) => authorOf(doc, clientId) },
)

// Others' edits as well as one's own.
doc.on('update', () => history.changed())

const indicator = new SavedStateIndicator(
  { indicator: byId('saved-state'), notice: byId('notice'), announcements: byId('announcements') },
  keepCopy,
)
session.onState((state) => {
  indicator.show(state)
  // Who else is here is not known without the server, so nothing is said about it.
  document.body.classList.toggle('cut-off', state.kind === 'offline' || state.kind === 'refused')
  if (state.kind === 'refused') editor.setEditable(false)
})

paper.setAttribute('aria-busy', 'true')
void session.readable.then(() => {
  paper.removeAttribute('aria-busy')
  editor.setEditable(true)
  editor.commands.focus('end')
})

window.addEventListener('beforeunload', (event) => {
  if (session.unsaved() > 0) event.preventDefault()
})

// People

const hint = byId('hint')
showPeople(
  byId('people'),
  session.awareness,
  (clientId) => goToCaret(paper, clientId),
  (others) => {
    hint.hidden = others > 0
  },
)
byId<HTMLAnchorElement>('second-window').href = documentLink(documentId)

// Documents

byId('document-name').textContent = documentId
document.title = `${documentId} · Weft`
rememberDocument(documentId)
byId('recent-documents').replaceChildren(
  ...recentDocuments().map((id) => {
    const link = document.createElement('a')
    link.href = documentLink(id)
    link.textContent = id
    if (id === documentId) link.setAttribute('aria-current', 'page')
    const item = document.createElement('li')
    item.append(link)
    return item
  }),
)
byId('open-document').addEventListener('submit', (event) => {
  event.preventDefault()
  const id = byId<HTMLInputElement>('document-input').value.trim()
  if (id !== '') location.assign(documentLink(id))
})
byId('new-document').addEventListener('click', () => location.assign(documentLink(newDocumentId())))

const share = byId('share')
share.addEventListener('click', async () => {
  const link = new URL(documentLink(documentId), location.href).href
  try {
    await navigator.clipboard.writeText(link)
  } catch {
    // Without https or permission there is no clipboard.
    prompt('Copy this link:', link)
    return
  }
  const words = share.querySelector('span')
  if (words === null) return
  words.textContent = 'Link copied'
  byId('announcements').textContent = 'Link copied'
  setTimeout(() => {
    words.textContent = 'Share'
  }, 1800)
})

// Name and colour

const nameInput = byId<HTMLInputElement>('user-name')
const ownAvatar = byId('own-avatar')

function showIdentity(): void {
  ownAvatar.textContent = initials(identity.name)
  ownAvatar.style.backgroundColor = identity.colour
  ownAvatar.title = `${identity.name} (you)`
}

function changeIdentity(change: Partial<Identity>): void {
  identity = { ...identity, ...change }
  saveIdentity(identity)
  setIdentity(session.awareness, identity)
  authorChanged()
  showIdentity()
}

showIdentity()
nameInput.value = identity.name
nameInput.addEventListener('input', () => changeIdentity({ name: nameInput.value.trim() || 'Somebody' }))
byId('user-colours').replaceChildren(
  ...palette.map(({ colour, name }) => {
    const choice = document.createElement('input')
    choice.type = 'radio'
    choice.name = 'colour'
    choice.checked = colour === identity.colour
    choice.style.backgroundColor = colour
    choice.title = name
    choice.setAttribute('aria-label', name)
    choice.addEventListener('change', () => changeIdentity({ colour }))
    return choice
  }),
)

const keepCopyInput = byId<HTMLInputElement>('keep-copy')
keepCopyInput.checked = keepCopy
keepCopyInput.addEventListener('change', () => {
  saveKeepCopy(keepCopyInput.checked)
  // How a document is kept is settled when it is opened.
  location.reload()
})

// Menus close at a click beside them and with Escape.

const menus = [...document.querySelectorAll<HTMLDetailsElement>('details.menu')]
document.addEventListener('pointerdown', (event) => {
  for (const menu of menus) if (event.target instanceof Node && !menu.contains(event.target)) menu.open = false
})
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return
  for (const menu of menus) {
    if (!menu.open) continue
    menu.open = false
    menu.querySelector('summary')?.focus()
  }
})

// Best effort: private windows and plain http hosts have no service worker, and the page works without.
void navigator.serviceWorker?.register('service-worker.js').catch(() => {})

// For the curious, and the tests: the document in the developer console.
Object.assign(globalThis, { weft: { Y, doc, editor, session } })
