// What a Vue component has of a document: a draft, an undo history, a subdocument, and presence with types.
import '../helpers/page-window.js'

import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { ref, type VNodeChild } from 'vue'
import * as Y from 'yjs'
import {
  type Draft,
  type OpenDocument,
  type SessionPresence,
  type Undo,
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
import { clientFixture, type, updateWith } from '../helpers/client-fixture.js'
import { component, mount, scriptedSource } from '../helpers/vue-page.js'

interface Seen {
  document: OpenDocument | null
  draft: Draft | null
  undo: Undo | null
  chapter: OpenDocument | null
  presence: SessionPresence<{ readonly name: string }, { readonly x: number }> | null
  drawn: number
}

async function page(setup: (seen: Seen) => () => VNodeChild) {
  const fixture = clientFixture()
  fixture.server.write('a/one', updateWith('Once'))
  fixture.server.write('a/two', updateWith('Then'))
  const seen: Seen = { document: null, draft: null, undo: null, chapter: null, presence: null, drawn: 0 }
  const mounted = await mount(
    component(() => setup(seen)),
    scriptedSource(fixture),
    { settle: () => fixture.clock.settle() },
  )
  return { ...fixture, ...mounted, seen }
}

test('a draft stays apart until it is merged or discarded, undo takes back what was edited here, and both end with the component', async () => {
  const { settled, text, seen, server, unmount, complaints, clock } = await page((found) => {
    const document = useDocument('a')
    const [draft, undo] = [useDraft(document), useUndo(document)]
    const body = useY(() => draft.value?.doc.getText('body'))
    return () => {
      Object.assign(found, { document: document.value, draft: draft.value, undo: undo.value })
      return `${body.value} ${draft.value?.changed} ${undo.value.canUndo}`
    }
  })
  assert.equal(text(), ' false false')
  const first = seen.draft?.doc ?? assert.fail('it is there')
  await settled(() => type(first, 'perhaps'))
  assert.deepEqual([text(), server.text('a')], ['perhaps true false', ''])
  await settled(() => seen.draft?.merge())
  assert.deepEqual([text(), server.text('a')], ['perhaps false true', 'perhaps'])
  await settled(() => type(first, ' not'))
  await settled(() => seen.draft?.discard())
  assert.deepEqual([text(), first.isDestroyed], ['perhaps false true', true])
  await settled(() => seen.undo?.undo())
  assert.deepEqual([text(), server.text('a')], [' false false', ''])
  const last = seen.draft?.doc
  await unmount()
  assert.deepEqual([last?.isDestroyed, clock.timerCount, complaints], [true, 0, []])
})

test('D3: a subdocument is open while a component shows it, follows the guid, and its unsaved work keeps it and its document open', async () => {
  const guid = ref<string | null>('one')
  const { settled, text, seen, server, unmount, complaints, clock } = await page((found) => {
    const document = useDocument('a')
    const chapter = useSubdocument(document, guid)
    const body = useY(() => chapter.value?.doc.getText('body'))
    const status = useStatus(chapter)
    return () => {
      Object.assign(found, { document: document.value, chapter: chapter.value })
      return `${chapter.value?.name}: ${body.value} ${status.value.state}`
    }
  })
  const chapters = seen.document?.doc.getMap('chapters') ?? assert.fail('it is open')
  assert.equal(text(), 'undefined: undefined connecting')
  await settled(() => chapters.set('first', new Y.Doc({ guid: 'one' })))
  await settled(() => chapters.set('second', new Y.Doc({ guid: 'two' })))
  assert.equal(text(), 'a/one: Once saved')
  await settled(() => {
    guid.value = 'two'
  })
  assert.equal(text(), 'a/two: Then saved')
  server.acknowledges = 'by hand'
  const { chapter, document } = seen
  await settled(() => type((chapter as OpenDocument).doc, ' more'))
  assert.equal(text(), 'a/two: Then more saving')
  await unmount()
  await clock.settle()
  assert.deepEqual([chapter?.doc.isDestroyed, document?.doc.isDestroyed], [false, false])
  server.acknowledge('a/two')
  await clock.settle()
  assert.deepEqual([chapter?.doc.isDestroyed, document?.doc.isDestroyed, clock.timerCount, complaints], [true, true, 0, []])
})

test('presence with types; who shows the others is not rendered for cursors, and what this client shares is there', async () => {
  const { settled, text, seen, unmount, complaints, clock } = await page((found) => {
    const document = useDocument('a')
    const presence = usePresence<{ readonly name: string }, { readonly x: number }>(document)
    const [others, self] = [useOthers(presence), useSelf(document, ({ name }) => name)]
    return () => {
      found.drawn += 1
      Object.assign(found, { document: document.value, presence: presence.value })
      return `${others.value.map(({ state, at }) => `${state.name} on ${at}`).join()} and ${self.value}`
    }
  })
  const cursors = await page((found) => {
    const document = useDocument('a')
    const all = useCursors(usePresence<{ readonly name: string }, { readonly x: number }>(document))
    return () => {
      Object.assign(found, { document: document.value })
      return all.value.map(({ cursor }) => cursor.x).join()
    }
  })
  const says = (in_: Seen, state: Record<string, unknown>): void => {
    const { awareness } = in_.document?.session ?? assert.fail('it is open')
    awareness.states.set(77, state)
    awareness.emit('change', [{ added: [77], updated: [], removed: [] }, 'test'])
  }
  await settled(() => seen.presence?.share({ name: 'Grace' }))
  await settled(() => says(seen, { name: 'Ada', cursor: { x: 1 }, weft: { at: 'p1' } }))
  assert.equal(text(), 'Ada on p1 and Grace')
  const count = seen.drawn
  await settled(() => says(seen, { name: 'Ada', cursor: { x: 2 }, weft: { at: 'p1' } }))
  assert.equal(seen.drawn, count)
  await cursors.settled(() => says(cursors.seen, { name: 'Ada', cursor: { x: 1 } }))
  assert.equal(cursors.text(), '1')
  await cursors.settled(() => says(cursors.seen, { name: 'Ada', cursor: { x: 2 } }))
  assert.equal(cursors.text(), '2')
  await unmount()
  await cursors.unmount()
  assert.deepEqual([clock.timerCount, complaints, cursors.complaints], [0, [], []])
})
