// What a React component has of a document for as long as it is mounted: a draft, an undo history, a subdocument. In strict mode, which mounts everything twice.

import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { Component, createElement as h, type ReactNode, useState } from 'react'
import * as Y from 'yjs'
import {
  type Draft,
  type OpenDocument,
  type Undo,
  useAllSaved,
  useDraft,
  useStatus,
  useSubdocument,
  useUndo,
  useY,
} from '../../client/react/index.js'
import { type, updateWith } from '../helpers/client-fixture.js'
import type { ClientNetwork } from '../helpers/client-network.js'
import { refresh, register } from '../helpers/fast-refresh.js'
import { end, withDocument } from '../helpers/react-document.js'
import { settled } from '../helpers/react-page.js'

const opens = ({ sockets }: ClientNetwork): string[] =>
  sockets.flatMap((socket) => socket.receivedOf('open').map(({ documentId }) => documentId))
const closes = ({ sockets }: ClientNetwork): number => sockets.flatMap((socket) => socket.receivedOf('close')).length
const textOf = (doc: Y.Doc): string => doc.getText('body').toString()

test('a draft is one for as long as its component is mounted, also when its code is replaced; it is merged as an edit, or discarded', async () => {
  const drafts: (Draft | null)[] = []
  const Page = ({ document }: { readonly document: OpenDocument }): ReactNode => {
    const draft = useDraft(document)
    const text = useY(draft?.doc.getText('body'))
    drafts.push(draft)
    return `${text} ${draft?.changed}`
  }
  const Edited = ({ document }: { readonly document: OpenDocument }): ReactNode => `edited: ${Page({ document })}`
  register('Page', Page)
  const mounted = await withDocument(Page, { strict: true, before: ({ server }) => server.write('a', updateWith('soup')) })
  const { page, document, server, network } = mounted
  const draft = (): Draft => drafts.at(-1) ?? assert.fail('it is there')
  assert.equal(page.text(), 'soup false')
  const { doc } = draft()
  await settled(mounted, () => type(doc, ' and bread'))
  await settled(mounted, () => server.write('a', updateWith('salad, ')))
  assert.match(page.text(), /and bread.* true$/)
  assert.match(page.text(), /salad/)
  assert.doesNotMatch(textOf(document.doc), /bread/)

  await settled(mounted, () => {
    register('Page', Edited)
    refresh()
  })
  assert.match(page.text(), /^edited: .*bread.* true$/)
  assert.equal(draft().doc, doc, 'what was written is not given up')
  assert.deepEqual([opens(network), closes(network)], [['a'], 0])

  await settled(mounted, () => draft().merge())
  assert.match(server.text('a'), /and bread/)
  assert.match(page.text(), / false$/)
  const before = server.text('a')
  await settled(mounted, () => type(draft().doc, ' no'))
  await settled(mounted, () => draft().discard())
  assert.deepEqual([page.text(), doc.isDestroyed], [`edited: ${before} false`, true])
  const last = draft().doc
  await end(mounted)
  assert.equal(last.isDestroyed, true)
})

test('undo takes back what was edited since the component is mounted, of the types that it names, and is drawn when it can do something else', async () => {
  const drawn: Undo[] = []
  const Page = ({ document }: { readonly document: OpenDocument }): ReactNode => {
    const undo = useUndo(document, (doc) => doc.getText('body'), { captureTimeoutMs: 0 })
    drawn.push(undo)
    return `${undo.canUndo} ${undo.canRedo}`
  }
  const mounted = await withDocument(Page, { before: ({ server }) => server.write('a', updateWith('theirs')) })
  const { page, document, server } = mounted
  const last = (): Undo => drawn.at(-1) ?? assert.fail('it is drawn')
  assert.equal(drawn[0]?.manager, null)
  assert.equal(page.text(), 'false false')
  await settled(mounted, () => type(document.doc, ' mine'))
  const count = drawn.length
  await settled(mounted, () => type(document.doc, '!'))
  await settled(mounted, () => server.write('a', updateWith('more of theirs, ')))
  await settled(mounted, () => document.doc.getMap('elsewhere').set('a', 1))
  assert.deepEqual([drawn.length, page.text()], [count, 'true false'])
  await settled(mounted, () => last().undo())
  await settled(mounted, () => last().undo())
  assert.equal(page.text(), 'false true')
  assert.doesNotMatch(server.text('a'), /mine/)
  assert.match(server.text('a'), /more of theirs/)
  await settled(mounted, () => last().redo())
  assert.match(server.text('a'), /mine/)
  assert.equal(page.text(), 'true true')
  await settled(mounted, () => server.tell('a', (channel) => ({ type: 'permission', channel, permission: 'read-only' })))
  assert.equal(page.text(), 'false false')
  await end(mounted)
})

test('D3: a subdocument is loaded and open while a component shows it, and its unsaved work keeps it, and the document that it is in, open', async () => {
  let show: (guid: string | null) => void = () => {}
  let open: OpenDocument | null = null
  const Chapter = ({ document, guid }: { readonly document: OpenDocument; readonly guid: string }): ReactNode => {
    const chapter = useSubdocument(document, guid)
    open = chapter
    return `${chapter?.name}: ${useY(chapter?.doc.getText('body'))} ${useStatus(chapter).state}`
  }
  const Page = ({ document }: { readonly document: OpenDocument }): ReactNode => {
    const [guid, setGuid] = useState<string | null>('one')
    show = setGuid
    return [guid === null ? 'none' : h(Chapter, { key: 'chapter', document, guid }), ` ${useAllSaved().unsaved} to save`]
  }
  const mounted = await withDocument(Page, { strict: true, before: ({ server }) => server.write('a/one', updateWith('Once')) })
  const { page, document, server, network, clock } = mounted
  assert.equal(page.text(), 'undefined: undefined connecting 0 to save')
  await settled(mounted, () => document.doc.getMap('chapters').set('first', new Y.Doc({ guid: 'one' })))
  assert.equal(page.text(), 'a/one: Once saved 0 to save')
  const chapter = (): OpenDocument => open ?? assert.fail('it is open')
  await settled(mounted, () => type(chapter().doc, ' upon'))
  assert.equal(server.text('a/one'), 'Once upon')

  // Somebody unloads it by hand: what is shown is loaded again.
  const before = chapter().doc
  await settled(mounted, () => before.destroy())
  assert.notEqual(chapter().doc, before)
  assert.equal(page.text(), 'a/one: Once upon saved 0 to save')

  server.acknowledges = 'by hand'
  await settled(mounted, () => type(chapter().doc, ' a time'))
  const left = chapter().doc
  await settled(mounted, () => show(null))
  assert.equal(page.text(), 'none 1 to save')
  await settled(mounted, () => show('one'))
  assert.equal(chapter().doc, left)
  await page.unmount()
  await clock.settle()
  assert.deepEqual([left.isDestroyed, document.doc.isDestroyed, network.last.closedByClient], [false, false, null])
  server.acknowledge('a/one')
  await clock.settle()
  assert.deepEqual([left.isDestroyed, document.doc.isDestroyed], [true, true])
  assert.notEqual(network.last.closedByClient, null)
  assert.equal(clock.timerCount, 0)
  assert.deepEqual(page.complaints, [])
})

class Boundary extends Component<{ readonly children?: ReactNode }, { readonly code: string | null }> {
  override state = { code: null }

  static getDerivedStateFromError({ code }: { readonly code: string }): { readonly code: string } {
    return { code }
  }

  override render(): ReactNode {
    return this.state.code ?? this.props.children
  }
}

test('a subdocument that is removed is gone from the page, and one whose id cannot be sent is thrown to React and harms nothing else', async () => {
  const Page = ({ document }: { readonly document: OpenDocument }): ReactNode =>
    useSubdocument(document, 'one', { id: 'chapters/one' })?.name ?? 'none'
  const mounted = await withDocument(Page)
  const { page, document, network } = mounted
  await settled(mounted, () => document.doc.getMap('chapters').set('first', new Y.Doc({ guid: 'one' })))
  assert.deepEqual([page.text(), opens(network)], ['chapters/one', ['a', 'chapters/one']])
  await settled(mounted, () => document.doc.getMap('chapters').delete('first'))
  assert.deepEqual([page.text(), closes(network)], ['none', 1])
  await end(mounted)

  const Odd = ({ document: open }: { readonly document: OpenDocument }): ReactNode =>
    useSubdocument(open, 'one', { id: 'half a character: \ud83d' })?.name ?? 'none'
  const failing = await withDocument((props) => h(Boundary, null, h(Odd, props)))
  let heard = 0
  failing.document.doc.on('subdocs', () => {
    heard += 1
  })
  await settled(failing, () => failing.document.doc.getMap('chapters').set('first', new Y.Doc({ guid: 'one' })))
  assert.deepEqual([failing.page.text(), heard], ['invalid-document-id', 1])
  assert.deepEqual(opens(failing.network), ['a'])
  await failing.page.unmount()
})
