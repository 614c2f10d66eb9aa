// React's useDocument: what is open follows the components that show it, strict mode included, and unsaved work is never closed.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { Component, createElement as h, type ReactNode, StrictMode, Suspense, use, useEffect } from 'react'
import type { LocalCopy } from '../../client/index.js'
import { type OpenDocument, useAllSaved, useConnection, useDocument, WeftProvider } from '../../client/react/index.js'
import { decodeAwareness } from '../../protocol/awareness.js'
import { clientFixture, type } from '../helpers/client-fixture.js'
import type { ClientNetwork } from '../helpers/client-network.js'
import { mount, scripted, settled } from '../helpers/react-page.js'

interface ReaderProps {
  readonly name: string | null
  /** Is given the document. */
  readonly seen?: (document: OpenDocument) => void
  /** Is told each time that a document is opened, also when it is closed again at once. */
  readonly opened?: () => void
}

function Reader({ name, seen, opened }: ReaderProps): ReactNode {
  const open = (): LocalCopy => {
    opened?.()
    return { loaded: Promise.resolve(), close: () => Promise.resolve() }
  }
  const document = useDocument(name, opened === undefined ? {} : { persistence: { open } })
  useEffect(() => {
    if (document !== null) seen?.(document)
  }, [document, seen])
  return document === null ? 'not open' : `${document.name} is open`
}

const opens = ({ sockets }: ClientNetwork): string[] =>
  sockets.flatMap((socket) => socket.receivedOf('open').map(({ documentId }) => documentId))
const closes = ({ sockets }: ClientNetwork): number => sockets.flatMap((socket) => socket.receivedOf('close')).length
/** What this client told the others about itself, oldest first; null: that it is gone. */
const cursors = ({ last }: ClientNetwork): unknown[] =>
  last
    .receivedOf('awareness')
    .flatMap(({ update }) => decodeAwareness(update).map(({ state }) => JSON.parse(Buffer.from(state).toString())))

test('A5: strict mode mounts twice; the document is opened once, and the cursor set in the first mount stays and is never said to be gone', async () => {
  const fixture = clientFixture()
  const { network, clock } = fixture
  const seen = new Set<OpenDocument>()
  let opened = 0
  const look = (document: OpenDocument): void => {
    seen.add(document)
    document.session.awareness.setLocalStateField('user', 'Ada')
  }
  const count = (): void => {
    opened += 1
  }
  const reader = h(Reader, { name: 'a', seen: look, opened: count })
  const page = await mount(h(WeftProvider, scripted(fixture), reader), { settle: () => clock.settle() })
  assert.equal(page.text(), 'a is open')
  assert.equal(network.sockets.length, 1)
  assert.deepEqual(opens(network), ['a'])
  assert.deepEqual([opened, seen.size], [1, 1])
  assert.deepEqual(cursors(network), [{ user: 'Ada' }])

  await page.unmount()
  assert.deepEqual(cursors(network), [{ user: 'Ada' }, null], 'then it is gone')
  assert.equal(closes(network), 1)
  assert.notEqual(network.last.closedByClient, null)
  assert.equal(clock.timerCount, 0)
  assert.deepEqual(page.complaints, [])
})

test('S5: two components with one document open it once; it is closed when the second leaves, in the same turn', async () => {
  const fixture = clientFixture()
  const { network, clock } = fixture
  const documents: OpenDocument[] = []
  const seen = (document: OpenDocument): void => void documents.push(document)
  const provider = (...readers: readonly string[]): ReactNode =>
    h(
      WeftProvider,
      scripted(fixture),
      readers.map((key) => h(Reader, { key, name: 'a', seen })),
    )
  const page = await mount(provider('first', 'second'), { settle: () => clock.settle() })
  assert.deepEqual(opens(network), ['a'])
  assert.equal(new Set(documents).size, 1)
  await page.show(provider('second'))
  assert.equal(closes(network), 0)
  // One gives way to another in one step: it stays open.
  await page.show(provider('third'))
  assert.equal(closes(network), 0)
  assert.equal(new Set(documents).size, 1)
  await page.show(provider())
  assert.equal(closes(network), 1)
  assert.equal(documents[0]?.doc.isDestroyed, true)
  assert.equal(network.last.closedByClient, null, 'the provider is still there, and with it the connection')
  await page.unmount()
  assert.notEqual(network.last.closedByClient, null)
  assert.deepEqual(page.complaints, [])
})

function AllSaved(): ReactNode {
  const { saved, unsaved, connection } = useAllSaved()
  return ` ${connection} ${saved ? 'all saved' : `${unsaved} unsaved`}`
}

test('D3: a document left with unsaved work stays until the server has it, without a cursor; who comes back finds it again, cursor and all', async () => {
  const fixture = clientFixture()
  const { network, server, clock } = fixture
  const documents: OpenDocument[] = []
  const seen = (document: OpenDocument): void => void documents.push(document)
  const provider = (isShown: boolean): ReactNode =>
    h(WeftProvider, scripted(fixture), isShown ? h(Reader, { name: 'a', seen }) : 'elsewhere', h(AllSaved))
  const page = await mount(provider(true), { settle: () => clock.settle() })
  assert.equal(page.text(), 'a is open connected all saved')
  const open = documents[0]
  assert.ok(open !== undefined)
  server.acknowledges = 'by hand'
  await settled(fixture, () => {
    type(open.doc, 'written and left')
    open.session.awareness.setLocalStateField('user', 'Ada')
  })
  await page.show(provider(false))
  assert.equal(page.text(), 'elsewhere connected 1 unsaved')
  assert.equal(closes(network), 0)
  assert.equal(cursors(network).at(-1), null)

  await page.show(provider(true))
  assert.equal(documents.at(-1), open)
  assert.deepEqual(cursors(network).at(-1), { user: 'Ada' })
  assert.equal(page.text(), 'a is open connected 1 unsaved')

  await page.show(provider(false))
  await settled(fixture, () => network.last.end())
  assert.equal(page.text(), 'elsewhere offline 1 unsaved')
  server.acknowledges = 'at once'
  await settled(fixture, () => clock.advanceAsync(1_000))
  assert.equal(page.text(), 'elsewhere connected all saved')
  assert.equal(server.text('a'), 'written and left')
  assert.equal(closes(network), 1)
  assert.equal(open.doc.isDestroyed, true)
  await page.unmount()
  assert.equal(clock.timerCount, 0)
  assert.deepEqual(page.complaints, [])
})

test('D3: the provider is gone too: its connection stays until what was typed is saved', async () => {
  const fixture = clientFixture()
  const { network, server, clock } = fixture
  let open: OpenDocument | null = null
  const seen = (document: OpenDocument): void => {
    open = document
  }
  const page = await mount(h(WeftProvider, scripted(fixture), h(Reader, { name: 'a', seen })), { settle: () => clock.settle() })
  server.acknowledges = 'by hand'
  await settled(fixture, () => type((open ?? assert.fail()).doc, 'last words'))
  await page.unmount()
  assert.equal(network.last.closedByClient, null)
  server.acknowledge('a')
  await clock.settle()
  assert.notEqual(network.last.closedByClient, null)
  assert.equal(clock.timerCount, 0)
})

test('another name, and no name, are another document and none', async () => {
  const fixture = clientFixture()
  const { network, clock } = fixture
  const provider = (name: string | null): ReactNode => h(WeftProvider, scripted(fixture), h(Reader, { name }))
  const page = await mount(provider('a'), { settle: () => clock.settle() })
  await page.show(provider('b'))
  assert.equal(page.text(), 'b is open')
  assert.deepEqual(opens(network), ['a', 'b'])
  assert.equal(closes(network), 1)
  await page.show(provider(null))
  assert.equal(page.text(), 'not open')
  assert.equal(closes(network), 2)
  await page.unmount()
  assert.deepEqual(page.complaints, [])
})

test("a connection of the application's is shared by its providers and not closed; another URL is another connection", async () => {
  const fixture = clientFixture()
  const { network, clock } = fixture
  const connection = fixture.connect()
  const two = [1, 2].map((key) => h(WeftProvider, { key, connection }, h(Reader, { name: 'a' })))
  const page = await mount(two, { settle: () => clock.settle() })
  assert.deepEqual(opens(network), ['a'])
  const at = (url: string): ReactNode => h(WeftProvider, { ...scripted(fixture), url }, h(Reader, { name: 'a' }))
  await page.show(at('ws://first.test'))
  assert.equal(closes(network), 1)
  assert.equal(connection.status.state, 'connected')
  await page.show(at('ws://second.test'))
  assert.deepEqual(
    network.sockets.map(({ url, closedByClient }) => [url, closedByClient === null]),
    [
      ['ws://weft.test/', true],
      ['ws://first.test/', false],
      ['ws://second.test/', true],
    ],
  )
  await page.unmount()
  await connection.close()
  assert.equal(clock.timerCount, 0)
  assert.deepEqual(page.complaints, [])
})

test('a component that React throws away before it is mounted opens nothing', async () => {
  const fixture = clientFixture()
  const { network, clock } = fixture
  const never = new Promise<never>(() => {})
  const Waiting = (): ReactNode => {
    useDocument('a')
    return use(never)
  }
  const page = await mount(h(Suspense, { fallback: 'waiting' }, h(WeftProvider, scripted(fixture), h(Waiting))), {
    settle: () => clock.settle(),
  })
  assert.equal(page.text(), 'waiting')
  assert.equal(network.sockets.length, 0)
  await page.unmount()
})

class Boundary extends Component<{ readonly children: ReactNode }, { readonly code: string | null }> {
  override state = { code: null }
  static getDerivedStateFromError(error: { readonly code?: string }): { readonly code: string } {
    return { code: error.code ?? String(error) }
  }
  override render(): ReactNode {
    return this.state.code ?? this.props.children
  }
}

test('G5: an id that cannot be sent is thrown to the error boundary with its reason, and leaves no connection', async () => {
  const fixture = clientFixture()
  const { network, clock } = fixture
  const page = await mount(h(Boundary, null, h(WeftProvider, scripted(fixture), h(Reader, { name: '\ud800' }))), {
    settle: () => clock.settle(),
  })
  assert.equal(page.text(), 'invalid-document-id')
  assert.ok(network.sockets.every(({ closedByClient }) => closedByClient !== null))
  assert.equal(clock.timerCount, 0)
  await page.unmount()
})

test('the connection is there for as long as the provider is, and hooks without a provider say so', async () => {
  const fixture = clientFixture()
  const { clock } = fixture
  const State = (): ReactNode => useConnection()?.status.state ?? 'none'
  const page = await mount(h(WeftProvider, scripted(fixture), h(State), h(AllSaved)), { settle: () => clock.settle() })
  assert.match(page.text(), /connected all saved$/)
  await page.show(h(Boundary, null, h(State)))
  assert.match(page.text(), /no WeftProvider above/)
  await page.unmount()
  assert.equal(clock.timerCount, 0)
})

test('what another hand destroyed is opened anew by who comes next', async () => {
  const fixture = clientFixture()
  const { network, clock } = fixture
  const documents: OpenDocument[] = []
  const seen = (document: OpenDocument): void => void documents.push(document)
  const provider = (key: string): ReactNode => h(StrictMode, null, h(WeftProvider, scripted(fixture), h(Reader, { key, name: 'a', seen })))
  const page = await mount(provider('one'), { settle: () => clock.settle() })
  await settled(fixture, () => documents[0]?.doc.destroy())
  await page.show(provider('two'))
  assert.equal(new Set(documents).size, 2)
  assert.equal(documents.at(-1)?.session.status.state, 'saved')
  assert.deepEqual(opens(network), ['a', 'a'])
  await page.unmount()
  assert.equal(clock.timerCount, 0)
})
