// Vue's composables: what is open follows the components that show it, unsaved work is never closed, and nothing is drawn for what stays the same.
import '../helpers/page-window.js'

import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { type Component, defineComponent, h, onMounted, type Ref, ref, shallowRef, type VNodeChild, watch } from 'vue'
import { Awareness, encodeAwarenessUpdate } from 'y-protocols/awareness.js'
import * as Y from 'yjs'
import {
  createWeft,
  type DocumentStatus,
  type OpenDocument,
  type Person,
  useAllSaved,
  useDocument,
  useOthers,
  useStatus,
  useY,
} from '../../client/vue/index.js'
import { decodeAwareness } from '../../protocol/awareness.js'
import { clientFixture, type, updateWith } from '../helpers/client-fixture.js'
import type { ClientNetwork } from '../helpers/client-network.js'
import { component, mount, scriptedSource } from '../helpers/vue-page.js'

const opens = ({ sockets }: ClientNetwork): string[] =>
  sockets.flatMap((socket) => socket.receivedOf('open').map(({ documentId }) => documentId))
const closes = ({ sockets }: ClientNetwork): number => sockets.flatMap((socket) => socket.receivedOf('close')).length
/** What this client told the others about itself, oldest first; null: that it is gone. */
const cursors = ({ last }: ClientNetwork): unknown[] =>
  last
    .receivedOf('awareness')
    .flatMap(({ update }) => decodeAwareness(update).map(({ state }) => JSON.parse(Buffer.from(state).toString())))

const seen: OpenDocument[] = []
const Reader = defineComponent({
  props: { name: { type: String, default: null } },
  setup(props) {
    const document = useDocument(() => props.name)
    watch(document, (open) => open !== null && seen.push(open), { immediate: true })
    return () => (document.value === null ? 'not open' : `${document.value.name} is open`)
  },
})
const AllSaved = component(() => {
  const all = useAllSaved()
  return () => ` ${all.value.connection} ${all.value.saved ? 'all saved' : `${all.value.unsaved} unsaved`}`
})

/** Readers that a test chooses, under one application. */
function readers(first: Record<string, string | null>) {
  const shown = ref(first)
  const App = component(() => () => [
    Object.entries(shown.value).map(([key, name]) => h(Reader, { key, name: name as string })),
    h(AllSaved),
  ])
  return { shown, App }
}

test('S5: two components with one document open it once; it is closed when the last of them leaves, in the same turn, and the connection with the application', async () => {
  const fixture = clientFixture()
  const { network, clock } = fixture
  seen.length = 0
  const { shown, App } = readers({ one: 'a', two: 'a' })
  const page = await mount(App, scriptedSource(fixture), { settle: () => clock.settle() })
  assert.equal(page.text(), 'a is opena is open connected all saved')
  assert.deepEqual(opens(network), ['a'])
  const show = (next: Record<string, string | null>): Promise<void> =>
    page.settled(() => {
      shown.value = next
    })
  await show({ two: 'a' })
  await show({ three: 'a' })
  assert.deepEqual([opens(network).length, closes(network), new Set(seen).size], [1, 0, 1])
  await show({ three: 'b' })
  assert.equal(page.text(), 'b is open connected all saved')
  assert.deepEqual([opens(network), closes(network)], [['a', 'b'], 1])
  await show({ three: null })
  assert.equal(page.text(), 'not open connected all saved')
  assert.equal(closes(network), 2)
  assert.equal(network.last.closedByClient, null)
  await page.unmount()
  assert.notEqual(network.last.closedByClient, null)
  assert.equal(clock.timerCount, 0)
  assert.deepEqual(page.complaints, [])
})

test('D3: a document left with unsaved work stays until the server has it, without a cursor; who comes back finds it again, cursor and all', async () => {
  const fixture = clientFixture()
  const { network, server, clock } = fixture
  seen.length = 0
  const { shown, App } = readers({ one: 'a' })
  const page = await mount(App, scriptedSource(fixture), { settle: () => clock.settle() })
  const open = seen[0] ?? assert.fail()
  server.acknowledges = 'by hand'
  await page.settled(() => {
    type(open.doc, 'written and left')
    open.session.awareness.setLocalStateField('user', 'Ada')
  })
  const show = (next: Record<string, string>): Promise<void> =>
    page.settled(() => {
      shown.value = next
    })
  await show({})
  assert.equal(page.text(), ' connected 1 unsaved')
  assert.equal(cursors(network).at(-1), null)
  await show({ two: 'a' })
  assert.equal(seen.at(-1), open)
  assert.deepEqual(cursors(network).at(-1), { user: 'Ada' })
  await page.unmount()
  assert.equal(closes(network), 0)
  server.acknowledge('a')
  await clock.settle()
  assert.equal(open.doc.isDestroyed, true)
  assert.notEqual(network.last.closedByClient, null)
  assert.equal(clock.timerCount, 0)
  assert.deepEqual(page.complaints, [])
})

/** An application whose one component is given document `a`. */
async function withDocument(setup: (document: OpenDocument) => () => VNodeChild) {
  const fixture = clientFixture()
  seen.length = 0
  const Inner: Component = defineComponent({ props: ['open'], setup: (props) => setup((props as { readonly open: OpenDocument }).open) })
  const App = component(() => {
    const document = useDocument('a')
    watch(document, (open) => open !== null && seen.push(open), { immediate: true })
    return () => document.value && h(Inner, { open: document.value })
  })
  const page = await mount(App, scriptedSource(fixture), { settle: () => fixture.clock.settle() })
  return { ...fixture, page, document: seen[0] ?? assert.fail() }
}

test('D1: saved is shown only while every edit is acknowledged, and nothing is drawn while nothing of it changes', async () => {
  const drawn: DocumentStatus[] = []
  const { page, document, server, network } = await withDocument((open) => {
    const state = useStatus(open)
    return () => {
      drawn.push(state.value)
      assert.equal(state.value.saved, open.session.status.state === 'saved' && open.session.unsaved === 0)
      return state.value.state
    }
  })
  assert.equal(page.text(), 'saved')
  server.acknowledges = 'by hand'
  await page.settled(() => type(document.doc, 'x'))
  assert.deepEqual([drawn.at(-1)?.saved, drawn.at(-1)?.unsaved, page.text()], [false, 1, 'saving'])
  await page.settled(() => server.acknowledge('a'))
  assert.equal(page.text(), 'saved')
  const count = drawn.length
  await page.settled(() => server.write('a', updateWith('by somebody else')))
  assert.equal(drawn.length, count)
  await page.settled(() => network.last.end())
  assert.deepEqual([page.text(), drawn.at(-1)?.connection, drawn.at(-1)?.synced], ['offline', 'offline', true])
  await page.unmount()
  assert.deepEqual(page.complaints, [])
})

test('A5: the others come and go; whoever says the same stays the same object, and who selects names is not drawn for cursors', async () => {
  const drawn: (readonly Person<string>[])[] = []
  const { page, server, document } = await withDocument((open) => {
    const people = useOthers(open, ({ name }) => (typeof name === 'string' ? name : undefined))
    return () => {
      drawn.push(people.value)
      return people.value.map(({ state }) => state).join()
    }
  })
  const guest = new Awareness(new Y.Doc())
  const says = (state: Record<string, unknown> | null): Promise<void> => {
    guest.setLocalState(state)
    const update = encodeAwarenessUpdate(guest, [guest.clientID])
    return page.settled(() => server.tell('a', (channel) => ({ type: 'awareness', channel, update })))
  }
  await says({ name: 'Grace' })
  assert.equal(page.text(), 'Grace')
  const count = drawn.length
  await says({ name: 'Grace', cursor: 1 })
  await page.settled(() => document.session.awareness.setLocalStateField('cursor', 2))
  assert.equal(drawn.length, count)
  await says({ name: { not: 'a name' } })
  assert.equal(page.text(), '')
  await says(null)
  guest.destroy()
  await page.unmount()
  assert.deepEqual(page.complaints, [])
})

test('a component is drawn when what it selects of a shared type is another value, by a change of the type, of the selection, or of both', async () => {
  let drawn = 0
  let selected = 0
  const key = ref('title')
  const name = ref('settings')
  const { page, document, clock } = await withDocument((open) => {
    const value = useY(
      () => open.doc.getMap<unknown>(name.value),
      (map) => {
        selected += 1
        return map.get(key.value) ?? 'nothing'
      },
    )
    // After it was drawn, and before anybody listens.
    onMounted(() => open.doc.getMap('settings').set('early', 'set early'))
    const early = useY(open.doc.getMap<string>('settings'), (map) => map.get('early'))
    // As an application might hold it, which would give it Vue's proxy.
    const held = ref(open.doc.getText('body') as unknown) as Ref<Y.Text>
    const length = useY(held, (text) => {
      assert.equal(text, open.doc.getText('body'))
      return Math.min(text.length, 1)
    })
    return () => {
      drawn += 1
      return [early.value, JSON.stringify(value.value), length.value].join(' ')
    }
  })
  assert.equal(page.text(), 'set early "nothing" 0')
  const drawnBy = async (step: () => unknown): Promise<number> => {
    const before = drawn
    await page.settled(step)
    return drawn - before
  }
  const settings = document.doc.getMap<unknown>('settings')
  assert.equal(await drawnBy(() => settings.set('title', ['Plans'])), 1)
  assert.equal(await drawnBy(() => settings.set('title', ['Plans'])), 0, 'equal')
  assert.equal(await drawnBy(() => settings.set('colour', 'red')), 0, 'another key')
  assert.equal(await drawnBy(() => type(document.doc, 'x')), 1)
  assert.equal(await drawnBy(() => type(document.doc, 'y')), 0)
  const choose = (map: string, entry: string) => () => {
    name.value = map
    key.value = entry
  }
  assert.equal(await drawnBy(choose('settings', 'colour')), 1)
  document.doc.getMap('other').set('colour', 'blue')
  assert.equal(await drawnBy(choose('other', 'colour')), 1)
  assert.equal(await drawnBy(() => document.doc.getMap('other').set('colour', 'green')), 1)
  const before = selected
  assert.equal(await drawnBy(() => settings.set('colour', 'nobody looks')), 0)
  assert.equal(selected, before, 'nobody listens to the type before')
  assert.equal(page.text(), 'set early "green" 1')
  await page.unmount()
  assert.equal(clock.timerCount, 0)
  assert.deepEqual(page.complaints, [])
})

test("G5: an id that cannot be sent is thrown with its reason and leaves no connection; the application's own connection is not closed", async () => {
  const fixture = clientFixture()
  const { network, clock } = fixture
  const { App, shown } = readers({ one: '\ud800' })
  const page = await mount(App, scriptedSource(fixture), { settle: () => clock.settle() })
  assert.ok(page.complaints.includes('invalid-document-id'))
  for (const name of ['a', '\ud800'])
    await page.settled(() => {
      shown.value = { one: name }
    })
  assert.match(page.text(), /^not open /, 'the document before is not shown in its place')
  await page.unmount()
  assert.ok(network.sockets.every(({ closedByClient }) => closedByClient !== null))
  assert.equal(clock.timerCount, 0)

  const connection = fixture.connect()
  const own = await mount(readers({ one: 'a' }).App, { connection }, { settle: () => clock.settle() })
  assert.equal(own.text(), 'a is open connected all saved')
  await own.unmount()
  assert.equal(connection.status.state, 'connected')
  assert.equal(closes(network), 2)
  await connection.close()
})

/** The types, as the compiler sees them. */
export function useTypes(open: OpenDocument): void {
  const length: number = useY(open.doc.getText('body'), (text) => text.length).value
  // @ts-expect-error Of what may be null, the selection may be undefined.
  const missing: number = useY(shallowRef<Y.Text | null>(null), (text) => text.length).value
  // @ts-expect-error A document is no shared type.
  useY(open.doc, () => 1)
  // @ts-expect-error What others share has whatever shape they gave it.
  const name: string | undefined = useOthers(open).value[0]?.state['name']
  // @ts-expect-error Either a URL or a connection.
  createWeft({ url: '/', connection: open.session })
  // @ts-expect-error What is shown cannot be set.
  useStatus(open).value = useStatus(null).value
  void [length, missing, name]
}
