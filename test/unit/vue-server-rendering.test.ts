// Vue where a server renders: nothing is opened, and the page takes over what was rendered without making it anew.
import '../helpers/page-window.js'

import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { createSSRApp, h } from 'vue'
import { renderToString } from 'vue/server-renderer'
import {
  createWeft,
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
} from '../../client/vue/index.js'
import { clientFixture, updateWith } from '../helpers/client-fixture.js'
import { component, mount, scriptedSource } from '../helpers/vue-page.js'

test('a server that renders opens nothing; the page takes over its text and then opens the document', async () => {
  const fixture = clientFixture()
  const { network, clock, server } = fixture
  server.write('a', updateWith('written before'))
  const Page = component(() => {
    const document = useDocument('a')
    const connection = useConnection()
    const state = useStatus(document)
    const text = useY(
      () => document.value?.doc.getText('body'),
      (body) => body.toString(),
    )
    const presence = usePresence(document)
    // Nothing of a document that is not there yet; in the page each of them follows.
    const [draft, undo, part] = [useDraft(document), useUndo(document), useSubdocument(document, 'part')]
    const [self, others, cursors] = [useSelf(document), useOthers(presence), useCursors(presence)]
    const people = useOthers(document)
    const followed = () => [
      draft.value?.changed,
      undo.value.manager !== null,
      part.value,
      self.value?.state,
      others.value.length,
      cursors.value.length,
    ]
    return () =>
      h(
        'p',
        `${connection.value?.status.state ?? 'no connection'}, ${state.value.synced ? text.value : 'loading'}, ${people.value.length} ${JSON.stringify(followed())}`,
      )
  })
  const html = await renderToString(createSSRApp(Page).use(createWeft({ ...scriptedSource(fixture), url: '/' })))
  await clock.settle()
  assert.equal(html, '<p>no connection, loading, 0 [null,false,null,null,0,0]</p>')
  assert.deepEqual([network.sockets.length, clock.timerCount], [0, 0])

  const page = await mount(Page, scriptedSource(fixture), { html, settle: () => clock.settle() })
  assert.equal(page.text(), 'connected, written before, 0 [false,true,null,{},0,0]')
  assert.equal(network.sockets.length, 1)
  assert.deepEqual(page.complaints, [])
  await page.unmount()
  assert.equal(clock.timerCount, 0)
})
