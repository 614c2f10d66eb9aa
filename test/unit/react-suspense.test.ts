// React's useSuspenseDocument: a component below a boundary waits until the document is there, and what waits for nobody any more is closed.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { Component, createElement as h, type ReactNode, Suspense } from 'react'
import { renderToString } from 'react-dom/server'
import { RefusedError } from '../../client/index.js'
import { useAllSaved, useSuspenseDocument, useY, WeftProvider, type WeftProviderProps } from '../../client/react/index.js'
import { type ClientFixture, clientFixture, updateWith } from '../helpers/client-fixture.js'
import { mount, scripted, settled } from '../helpers/react-page.js'

function Notes({ name }: { readonly name: string }): ReactNode {
  const { doc } = useSuspenseDocument(name)
  return useY(doc.getText('body'), (body) => body.toString())
}

function Unsaved(): ReactNode {
  return ` (${useAllSaved().unsaved} unsaved)`
}

const page = (provider: WeftProviderProps, name: string | null): ReactNode =>
  h(WeftProvider, provider, h(Suspense, { fallback: 'loading' }, name === null ? 'nothing' : h(Notes, { name })), h(Unsaved))

const opens = ({ network }: ClientFixture): string[] =>
  network.sockets.flatMap((socket) => socket.receivedOf('open').map(({ documentId }) => documentId))
const closes = ({ network }: ClientFixture): number => network.sockets.flatMap((socket) => socket.receivedOf('close')).length

test('the boundary shows its fallback until the document is there, which is opened once; then the connection may go, and it is shown all the same', async () => {
  const fixture = clientFixture()
  const { network, server, clock } = fixture
  server.holdsState = true
  const shown = await mount(page(scripted(fixture), 'a'), { settle: () => clock.settle() })
  assert.equal(shown.text(), 'loading (0 unsaved)')
  const updates = [updateWith('written before')]
  await settled(fixture, () => server.tell('a', (channel) => ({ type: 'state', channel, seq: 0, updates })))
  assert.equal(shown.text(), 'written before (0 unsaved)')
  assert.deepEqual(opens(fixture), ['a'])
  await settled(fixture, () => network.last.end())
  assert.equal(shown.text(), 'written before (0 unsaved)')
  await shown.unmount()
  assert.equal(clock.timerCount, 0)
  assert.deepEqual(shown.complaints, [])
})

test('another name waits anew, and the document before is closed', async () => {
  const fixture = clientFixture()
  const { server, clock } = fixture
  for (const name of ['a', 'b']) server.write(name, updateWith(`this is ${name}`))
  const shown = await mount(page(scripted(fixture), 'a'), { settle: () => clock.settle() })
  assert.equal(shown.text(), 'this is a (0 unsaved)')
  await shown.show(page(scripted(fixture), 'b'))
  assert.equal(shown.text(), 'this is b (0 unsaved)')
  assert.deepEqual([opens(fixture), closes(fixture)], [['a', 'b'], 1])
  await shown.unmount()
  assert.equal(closes(fixture), 2)
  assert.equal(clock.timerCount, 0)
  assert.deepEqual(shown.complaints, [])
})

test('a component that waits keeps its document open for as long as it waits; what waits for nobody any more is closed, and its connection with it', async () => {
  const fixture = clientFixture()
  const { network, clock } = fixture
  // Nobody answers.
  network.onSocket(() => {})
  const shown = await mount(page(scripted(fixture), 'a'), { settle: () => clock.settle() })
  for (let waited = 0; waited < 6; waited++) await settled(fixture, () => clock.advanceAsync(9_000))
  assert.equal(shown.text(), 'loading (0 unsaved)')
  await shown.show(page(scripted(fixture), null))
  assert.equal(shown.text(), 'nothing (0 unsaved)')
  await shown.unmount()
  await clock.advanceAsync(60_000)
  assert.equal(clock.timerCount, 0, 'neither a document nor a connection is left')
  assert.deepEqual(shown.complaints, [])
})

class Boundary extends Component<{ readonly children?: ReactNode }, { readonly error: unknown }> {
  override state: { readonly error: unknown } = { error: null }

  static getDerivedStateFromError(error: unknown): { readonly error: unknown } {
    return { error }
  }

  override render(): ReactNode {
    const { error } = this.state
    return error === null ? this.props.children : error instanceof RefusedError ? `refused: ${error.reason}` : String(error)
  }
}

test('a refusal before the document is there goes to the error boundary', async () => {
  const fixture = clientFixture()
  const { network, clock } = fixture
  network.onSocket((end) => {
    end.open()
    end.onMessage((message) => {
      if (message.type === 'hello') end.send({ type: 'welcome', serverId: 's', messageBytesMax: 1_000, pingPeriodMs: 25_000 })
      if (message.type === 'open')
        end.send({ type: 'closed', channel: message.channel, closeCode: 4403, code: 'forbidden', reason: 'Not yours.', retryable: false })
    })
  })
  const shown = await mount(
    h(WeftProvider, scripted(fixture), h(Boundary, null, h(Suspense, { fallback: 'loading' }, h(Notes, { name: 'a' })))),
    { settle: () => clock.settle() },
  )
  assert.equal(shown.text(), 'refused: Not yours.')
  await shown.unmount()
  await clock.advanceAsync(60_000)
  assert.equal(clock.timerCount, 0)
})

test('a server that renders shows the fallback and opens nothing; the page goes on from there', async () => {
  const fixture = clientFixture()
  const { network, server, clock } = fixture
  server.write('a', updateWith('written before'))
  const html = renderToString(page({ ...scripted(fixture), url: '/' }, 'a'))
  assert.match(html, /loading/)
  assert.equal(network.sockets.length, 0)
  assert.equal(clock.timerCount, 0)
  const shown = await mount(page(scripted(fixture), 'a'), { html, settle: () => clock.settle() })
  assert.equal(shown.text(), 'written before (0 unsaved)')
  await shown.unmount()
  assert.equal(clock.timerCount, 0)
})
