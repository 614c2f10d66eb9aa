// React against a real server that is killed while people look: what the hooks show is true all the way, and nothing that was typed is lost.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { createElement as h, type ReactNode, useEffect } from 'react'
import * as Y from 'yjs'
import {
  type OpenDocument,
  useAllSaved,
  useDocument,
  useOthers,
  useStatus,
  useY,
  WeftProvider,
  type WeftProviderProps,
} from '../../client/react/index.js'
import { silentLogger } from '../../core/log.js'
import { type } from '../helpers/client-fixture.js'
import { act, mount, type ReactPage, waitFor } from '../helpers/react-page.js'
import { ServerProcess } from '../helpers/server-process.js'
import { storedDocument } from '../helpers/stored-document.js'

/** A server takes its time to start, on a slow machine above all. */
const patient = { timeout: 30_000, interval: 10 }

interface Person {
  readonly page: ReactPage
  readonly document: () => OpenDocument
}

/** A person's page: `text | state | unsaved | the others`. */
async function person(provider: WeftProviderProps, name: string): Promise<Person> {
  let open: OpenDocument | null = null
  const Editor = (): ReactNode => {
    const document = useDocument('notes/react')
    useEffect(() => {
      open = document
      document?.session.awareness.setLocalStateField('name', name)
    }, [document])
    const text = useY(document?.doc.getText('body'), (body) => body.toString())
    const { saved, synced, unsaved, connection } = useStatus(document)
    // Never shown while the server has not acknowledged everything.
    if (saved) assert.equal(document?.session.unsaved, 0)
    const names = useOthers(document, (state) => state['name']).map(({ state }) => String(state))
    const state = saved ? 'saved' : synced ? connection : 'loading'
    return [text, state, unsaved === 0 ? 'nothing unsaved' : 'unsaved', names.join()].join(' | ')
  }
  const page = await mount(h(WeftProvider, provider, h(Editor)))
  return { page, document: () => open ?? assert.fail('not open') }
}

test('D3: the server is killed while two React pages type; both show the truth, find each other again, and what they showed as saved is stored', async (context) => {
  const server = await ServerProcess.start()
  context.after(() => server.dispose())
  const provider = { url: server.url, options: { logger: silentLogger, backoff: { baseMs: 20, capMs: 200 } } }
  const [ada, grace] = [await person(provider, 'Ada'), await person(provider, 'Grace')]
  const shows = (who: Person, text: string): Promise<void> => waitFor(() => assert.equal(who.page.text(), text), patient)
  try {
    await shows(ada, ' | saved | nothing unsaved | Grace')
    await shows(grace, ' | saved | nothing unsaved | Ada')
    await act(async () => type(ada.document().doc, 'before'))
    for (const who of [ada, grace]) await shows(who, `before | saved | nothing unsaved | ${who === ada ? 'Grace' : 'Ada'}`)

    await server.kill()
    await shows(ada, 'before | offline | nothing unsaved | ')
    await act(async () => type(ada.document().doc, ', meanwhile'))
    await shows(ada, 'before, meanwhile | offline | unsaved | ')
    await shows(grace, 'before | offline | nothing unsaved | ')

    await server.restart()
    await shows(ada, 'before, meanwhile | saved | nothing unsaved | Grace')
    await shows(grace, 'before, meanwhile | saved | nothing unsaved | Ada')
    await grace.page.unmount()
    await shows(ada, 'before, meanwhile | saved | nothing unsaved | ')
    await server.kill()
    const stored = new Y.Doc()
    Y.applyUpdate(stored, await storedDocument(server.dataFolder, 'notes/react'))
    assert.equal(stored.getText('body').toString(), 'before, meanwhile')
    stored.destroy()
    assert.deepEqual(
      [...ada.page.complaints, ...grace.page.complaints].filter((text) => !text.includes('not wrapped in act')),
      [],
    )
  } finally {
    await ada.page.unmount()
    await server.dispose()
  }
})

test('D3: a page typed into while the server is dead, and then left, is saved when the server is back', async (context) => {
  const server = await ServerProcess.start()
  context.after(() => server.dispose())
  const provider = { url: server.url, options: { logger: silentLogger, backoff: { baseMs: 20, capMs: 200 } } }
  let open: OpenDocument | null = null
  const Editor = (): ReactNode => {
    const document = useDocument('notes/left')
    useEffect(() => {
      open = document ?? open
    }, [document])
    return null
  }
  const All = (): ReactNode => {
    const { saved, synced, connection } = useAllSaved()
    return `${connection} ${saved} ${synced}`
  }
  const page = await mount(h(WeftProvider, provider, h(Editor), h(All)))
  const shows = (text: string): Promise<void> => waitFor(() => assert.equal(page.text(), text), patient)
  try {
    await shows('connected true true')
    await server.kill()
    await shows('offline false true')
    const document: OpenDocument = open ?? assert.fail()
    await act(async () => type(document.doc, 'left behind'))
    await page.show(h(WeftProvider, provider, h(All)))
    await shows('offline false true')
    assert.equal(document.doc.isDestroyed, false)
    await server.restart()
    await shows('connected true true')
    assert.equal(document.doc.isDestroyed, true)
    await server.kill()
    const stored = new Y.Doc()
    Y.applyUpdate(stored, await storedDocument(server.dataFolder, 'notes/left'))
    assert.equal(stored.getText('body').toString(), 'left behind')
    stored.destroy()
  } finally {
    await page.unmount()
    await server.dispose()
  }
})
