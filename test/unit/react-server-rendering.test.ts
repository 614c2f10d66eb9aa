// React where a server renders: nothing is opened, and the page takes over what was rendered without making it anew.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { createElement as h, type ReactNode } from 'react'
import { renderToString } from 'react-dom/server'
import {
  useAllSaved,
  useConnection,
  useCursors,
  useDocument,
  useDraft,
  useOthers,
  usePresence,
  useSelf,
  useStatus,
  useSubdocument,
  useUndo,
  useY,
  WeftProvider,
  type WeftProviderProps,
} from '../../client/react/index.js'
import { clientFixture, updateWith } from '../helpers/client-fixture.js'
import { mount, scripted } from '../helpers/react-page.js'

function Page(): ReactNode {
  const document = useDocument('a')
  const connection = useConnection()
  const { synced } = useStatus(document)
  const { unsaved } = useAllSaved()
  const text = useY(document?.doc.getText('body'))
  const presence = usePresence(document)
  // Nothing of a document that is not there yet; in the page each of them follows.
  const [draft, undo, part] = [useDraft(document), useUndo(document), useSubdocument(document, 'part')]
  const [self, others, cursors] = [useSelf(document), useOthers(presence), useCursors(presence)]
  const followed = [draft?.changed, undo.manager !== null, part, self?.state, others.length, cursors.length]
  return h(
    'p',
    null,
    `${connection?.status.state ?? 'no connection'}, ${synced ? text : 'loading'}, ${unsaved}, ${useOthers(document).length} ${JSON.stringify(followed)}`,
  )
}

test('a server that renders opens nothing; the page takes over its text and then opens the document', async () => {
  const fixture = clientFixture()
  const { network, clock, server } = fixture
  server.write('a', updateWith('written before'))
  const app = (provider: WeftProviderProps): ReactNode => h(WeftProvider, provider, h(Page))
  // On a server a relative URL is no URL: `connect` would throw.
  const html = renderToString(app({ ...scripted(fixture), url: '/' }))
  await clock.settle()
  assert.equal(html, '<p>no connection, loading, 0, 0 [null,false,null,null,0,0]</p>')
  assert.equal(network.sockets.length, 0)
  assert.equal(clock.timerCount, 0)

  const page = await mount(app(scripted(fixture)), { html, settle: () => clock.settle() })
  assert.equal(page.text(), 'connected, written before, 0, 0 [false,true,null,{},0,0]')
  assert.equal(network.sockets.length, 1)
  assert.deepEqual(page.complaints, [], 'the first drawing in the page is that of the server')
  await page.unmount()
  assert.equal(clock.timerCount, 0)
})
