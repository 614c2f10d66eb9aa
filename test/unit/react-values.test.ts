// React's useStatus, useOthers, useSelf and useY: the truth at each moment, and no drawing when what is shown stays the same.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { createElement as h, useLayoutEffect, useState } from 'react'
import * as Y from 'yjs'
import {
  type DocumentStatus,
  type OpenDocument,
  type Person,
  useDocument,
  useOthers,
  useStatus,
  useY,
  WeftProvider,
} from '../../client/react/index.js'
import { type, updateWith } from '../helpers/client-fixture.js'
import { end, Guest, withDocument } from '../helpers/react-document.js'
import { renderHook, settled } from '../helpers/react-page.js'

test('D1: saved is shown only while every edit is acknowledged; synced, the count, the connection and the permission are true at each drawing', async () => {
  const drawn: DocumentStatus[] = []
  const mounted = await withDocument(
    ({ document }) => {
      drawn.push(useStatus(document))
      assert.equal(drawn.at(-1)?.saved, document.session.status.state === 'saved' && document.session.unsaved === 0)
      return null
    },
    {
      before: ({ server }) => {
        server.acknowledges = 'by hand'
        server.holdsState = true
      },
    },
  )
  const { document, server, network, clock } = mounted
  const last = (): DocumentStatus => drawn.at(-1) ?? assert.fail()
  assert.deepEqual(last(), {
    ...{ saved: false, synced: false, unsaved: 0, connection: 'connected', refusal: null },
    ...{ state: 'syncing', permission: 'read-write' },
  })
  server.holdsState = false
  await settled(mounted, () => network.last.end())
  assert.equal(last().connection, 'offline')
  await settled(mounted, () => clock.advanceAsync(1_000))
  assert.deepEqual([last().saved, last().synced, last().connection], [true, true, 'connected'])
  await settled(mounted, () => type(document.doc, 'x'))
  assert.deepEqual([last().saved, last().unsaved, last().state], [false, 1, 'saving'])
  await settled(mounted, () => type(document.doc, 'y'))
  assert.deepEqual([last().saved, last().unsaved, last().state], [false, 2, 'saving'])
  await settled(mounted, () => server.acknowledge('a'))
  assert.deepEqual([last().saved, last().unsaved], [true, 0])

  const count = drawn.length
  await settled(mounted, () => server.write('a', updateWith('by somebody else')))
  assert.equal(drawn.length, count, 'nothing of it has changed')
  await settled(mounted, () => network.last.end())
  assert.deepEqual([last().saved, last().synced, last().connection], [false, true, 'offline'])
  await end(mounted)
})

test('G5: a refusal is shown with its reason, as one object, and is gone when the server takes the document after all', async () => {
  const drawn: DocumentStatus[] = []
  const mounted = await withDocument(({ document }) => {
    drawn.push(useStatus(document))
    return null
  })
  const { document, server, network } = mounted
  server.refuses = () => ({ closeCode: 4413, code: 'document-too-large', reason: 'Too much.', retryable: false })
  await settled(mounted, () => type(document.doc, 'x'))
  const refused = drawn.at(-1)
  assert.deepEqual(refused?.refusal, { closeCode: 4413, code: 'document-too-large', reason: 'Too much.' })
  assert.equal(refused?.unsaved, 1)
  await settled(mounted, () => type(document.doc, 'y'))
  server.refuses = () => null
  await settled(mounted, () => document.session.retry())
  assert.deepEqual([drawn.at(-1)?.saved, drawn.at(-1)?.refusal], [true, null])

  const forbidden = { closeCode: 4403, code: 'forbidden', reason: 'Not any more.' }
  await settled(mounted, () => server.tell('a', (channel) => ({ type: 'closed', channel, ...forbidden, retryable: false })))
  const closed = drawn.at(-1)
  assert.deepEqual([closed?.refusal, closed?.connection], [forbidden, 'connected'])
  await settled(mounted, () => network.last.end())
  assert.deepEqual([drawn.at(-1)?.refusal === closed?.refusal, drawn.at(-1)?.connection], [true, 'offline'])
  await end(mounted)
})

test('A5: the others come, say something else and go; whoever says the same stays the same object, and the own cursor draws nothing', async () => {
  const drawn: (readonly Person[])[] = []
  const mounted = await withDocument(({ document }) => {
    drawn.push(useOthers(document))
    return null
  })
  const guests = [new Guest(mounted), new Guest(mounted)] as const
  const [grace, ada] = guests
  assert.deepEqual(drawn.at(-1), [])
  await grace.says({ name: 'Grace' })
  await ada.says({ name: 'Ada' })
  const both = drawn.at(-1) ?? []
  assert.deepEqual(both.map(({ state }) => state['name']).sort(), ['Ada', 'Grace'])

  const count = drawn.length
  await settled(mounted, () => mounted.document.session.awareness.setLocalStateField('cursor', 1))
  await grace.says({ name: 'Grace' })
  assert.equal(drawn.length, count)

  await ada.says({ name: 'Ada', cursor: 2 })
  assert.equal(drawn.length, count + 1)
  const of = (people: readonly Person[] | undefined, { clientId }: Guest) => people?.find((person) => person.clientId === clientId)
  assert.equal(of(drawn.at(-1), grace), of(both, grace))
  assert.deepEqual(of(drawn.at(-1), ada)?.state, { name: 'Ada', cursor: 2 })
  await ada.says(null)
  assert.deepEqual(drawn.at(-1), [of(both, grace)])
  await settled(mounted, () => mounted.network.last.end())
  assert.deepEqual(drawn.at(-1), [], 'nothing is known of the others while offline')
  for (const guest of guests) guest.leave()
  await end(mounted)
})

test('who selects names of the others is not drawn for a cursor, also with a new function each time, and leaves out who has none', async () => {
  const drawn: (readonly Person<string>[])[] = []
  const mounted = await withDocument(({ document }) => {
    drawn.push(useOthers(document, ({ name }) => (typeof name === 'string' ? name : undefined)))
    return null
  })
  const guests = [new Guest(mounted), new Guest(mounted)] as const
  const [grace, odd] = guests
  await grace.says({ name: 'Grace' })
  await odd.says({ name: { not: 'a name' } })
  const count = drawn.length
  for (const cursor of [1, 2, 3]) await grace.says({ name: 'Grace', cursor })
  assert.equal(drawn.length, count)
  assert.deepEqual(drawn.at(-1), [{ clientId: grace.clientId, state: 'Grace' }])
  for (const guest of guests) guest.leave()
  await end(mounted)
})

test('a component is drawn when what it selects of a shared type is another value, and not else', async () => {
  const drawn: { readonly title: unknown; readonly tags: unknown; readonly length: number }[] = []
  const mounted = await withDocument(({ document }) => {
    const title = useY(document.doc.getMap('settings'), (settings) => settings.get('title'))
    const tags = useY(document.doc.getArray('tags'), (list) => list.toJSON())
    const length = useY(document.doc.getText('body'), (text) => Math.min(text.length, 3))
    drawn.push({ title, tags, length })
    return null
  })
  const { doc } = mounted.document
  assert.deepEqual(drawn, [{ title: undefined, tags: [], length: 0 }])
  const drawnBy = async (step: () => unknown): Promise<number> => {
    const before = drawn.length
    await settled(mounted, step)
    return drawn.length - before
  }
  assert.equal(await drawnBy(() => doc.getMap('settings').set('title', 'Plans')), 1)
  assert.equal(await drawnBy(() => doc.getMap('settings').set('colour', 'red')), 0)
  assert.equal(await drawnBy(() => doc.getMap('settings').set('title', 'Plans')), 0)
  assert.equal(await drawnBy(() => doc.getArray('tags').push([{ name: 'one' }])), 1)
  const tags = drawn.at(-1)?.tags
  assert.equal(await drawnBy(() => type(doc, 'abc')), 1)
  assert.equal(await drawnBy(() => type(doc, 'd')), 0)
  assert.equal(drawn.at(-1)?.tags, tags, 'the same array while its content is the same')
  // Deep changes are changes, and what others write too.
  const nested = new Y.Map<string>()
  assert.equal(await drawnBy(() => doc.getMap('settings').set('title', nested)), 1)
  assert.equal(await drawnBy(() => mounted.server.write('a', updateWith('much'))), 0)
  assert.deepEqual(drawn.at(-1)?.tags, [{ name: 'one' }])
  await end(mounted)
})

test('what changes between drawing and listening is not missed, and another type or another selection is read at once', async () => {
  let choose: (choice: { readonly map: string; readonly key: string }) => void = () => {}
  const mounted = await withDocument(({ document }) => {
    const [{ map, key }, setChoice] = useState({ map: 'first', key: 'k' })
    choose = setChoice
    const value = useY(document.doc.getMap<string>(map), (entries) => entries.get(key) ?? 'nothing')
    useLayoutEffect(() => {
      document.doc.getMap('first').set('k', 'from a layout effect')
    }, [document])
    return value
  })
  const { page, document } = mounted
  assert.equal(page.text(), 'from a layout effect')
  await settled(mounted, () => choose({ map: 'first', key: 'other' }))
  assert.equal(page.text(), 'nothing')
  document.doc.getMap('second').set('k', 'of the second')
  await settled(mounted, () => choose({ map: 'second', key: 'k' }))
  assert.equal(page.text(), 'of the second')
  await settled(mounted, () => document.doc.getMap('second').set('k', 'changed'))
  assert.equal(page.text(), 'changed')
  await end(mounted)
})

test('hooks of a document that is not open yet answer what is true of none', async () => {
  const { result } = renderHook(() => {
    const { saved, synced, state } = useStatus(null)
    return [saved, synced, state, useOthers(null), useY<Y.Text, string>(null, (body) => body.toString())]
  })
  assert.deepEqual(result.current, [false, false, 'connecting', [], undefined])
})

/** The types, as the compiler sees them. */
export function Types(document: OpenDocument): void {
  const length: number = useY(document.doc.getText('body'), (text) => text.length)
  const title: string | undefined = useY(document.doc.getMap<string>('settings'), (settings) => settings.get('title'))
  // @ts-expect-error Of what may be null, the selection may be undefined.
  const missing: number = useY(null as Y.Text | null, (text) => text.length)
  // @ts-expect-error A document is no shared type.
  useY(document.doc, () => 1)
  // @ts-expect-error What others share has whatever shape they gave it.
  const name: string | undefined = useOthers(document)[0]?.state['name']
  const names: readonly Person<string>[] = useOthers(document, (state) => (typeof state['name'] === 'string' ? state['name'] : undefined))
  // @ts-expect-error Either a URL or a connection.
  h(WeftProvider, { url: '/', connection: document.session })
  // @ts-expect-error The Awareness is the document's own.
  useDocument('a', { awareness: null })
  // @ts-expect-error What is shown cannot be set.
  useStatus(document).saved = true
  void [length, title, missing, name, names]
}
