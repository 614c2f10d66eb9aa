// React's useSelf, usePresence and useCursors: what this client shares, and presence with types, drawn when it is another.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { createElement as h, type ReactNode } from 'react'
import {
  type OpenDocument,
  type Participant,
  type ParticipantCursor,
  type Person,
  type SessionPresence,
  useCursors,
  useOthers,
  usePresence,
  useSelf,
} from '../../client/react/index.js'
import { end, Guest, withDocument } from '../helpers/react-document.js'
import { settled } from '../helpers/react-page.js'

interface Profile {
  readonly name: string
}
interface Point {
  readonly x: number
}

const read = ({ name }: Readonly<Record<string, unknown>>): Profile | undefined => (typeof name === 'string' ? { name } : undefined)

test('what this client shares is drawn when it is another, whole or as selected, and not for what others share', async () => {
  const whole: (Person | null)[] = []
  const names: unknown[] = []
  const Page = ({ document }: { readonly document: OpenDocument }): ReactNode => {
    whole.push(useSelf(document))
    return null
  }
  const mounted = await withDocument(Page)
  const { awareness } = mounted.document.session
  assert.deepEqual(whole.at(-1), { clientId: awareness.clientID, state: {} })
  await settled(mounted, () => awareness.setLocalState({ name: 'Ada' }))
  assert.deepEqual(whole.at(-1)?.state, { name: 'Ada' })
  const count = whole.length
  const guest = new Guest(mounted)
  await guest.says({ name: 'Grace' })
  await settled(mounted, () => awareness.setLocalState({ name: 'Ada' }))
  assert.equal(whole.length, count)
  await settled(mounted, () => awareness.setLocalState(null))
  assert.equal(whole.at(-1), null)
  guest.leave()
  await end(mounted)

  const Named = ({ document }: { readonly document: OpenDocument }): ReactNode => {
    names.push(useSelf(document, ({ name }) => name))
    return null
  }
  const again = await withDocument(Named)
  await settled(again, () => again.document.session.awareness.setLocalState({ name: 'Ada' }))
  const drawn = names.length
  await settled(again, () => again.document.session.awareness.setLocalStateField('cursor', 1))
  assert.deepEqual([names.length, names.at(-1)], [drawn, 'Ada'])
  await end(again)
})

test('presence with types is one object that draws nothing; who shows the others is not drawn for cursors, and cursors are those of the same part', async () => {
  const others: (readonly Participant<Profile>[])[] = []
  const cursors: (readonly ParticipantCursor<Profile, Point>[])[] = []
  const leftmost: number[] = []
  const presences = new Set<SessionPresence<Profile, Point> | null>()
  let pages = 0
  const Others = ({ document }: { readonly document: OpenDocument }): ReactNode => {
    const presence = usePresence<Profile, Point>(document)
    presences.add(presence)
    others.push(useOthers(presence))
    return null
  }
  const Cursors = ({ document }: { readonly document: OpenDocument }): ReactNode => {
    cursors.push(useCursors(usePresence<Profile, Point>(document)))
    return null
  }
  const Leftmost = ({ document }: { readonly document: OpenDocument }): ReactNode => {
    leftmost.push(useCursors(usePresence<Profile, Point>(document), (all) => Math.min(...all.map(({ cursor }) => cursor.x))))
    return null
  }
  const Page = ({ document }: { readonly document: OpenDocument }): ReactNode => {
    pages += 1
    usePresence<Profile, Point>(document, { read })
    return [Others, Cursors, Leftmost].map((Part) => h(Part, { key: Part.name, document }))
  }
  const mounted = await withDocument(Page)
  const presence = [...presences].at(-1) ?? assert.fail('it is there')
  await settled(mounted, () => presence.share({ name: 'Ada' }))
  await settled(mounted, () => presence.look('page 1'))
  assert.deepEqual(mounted.document.session.awareness.getLocalState(), { name: 'Ada', weft: { at: 'page 1', moves: undefined } })
  const guests = [new Guest(mounted), new Guest(mounted), new Guest(mounted)] as const
  const [grace, elsewhere, odd] = guests
  await grace.says({ name: 'Grace', cursor: { x: 3 }, weft: { at: 'page 1' } })
  await elsewhere.says({ name: 'Barbara', cursor: { x: 1 }, weft: { at: 'page 2' } })
  await odd.says({ name: 7, cursor: { x: 2 } })
  const shown = others.at(-1)?.map(({ state, at }) => `${state.name} ${at}`)
  assert.deepEqual(shown?.sort(), ['Barbara page 2', 'Grace page 1'])
  assert.deepEqual(
    cursors.at(-1)?.map(({ cursor }) => cursor),
    [{ x: 3 }],
  )
  const drawn = [others.length, leftmost.length, pages]
  const moved = cursors.length
  await grace.says({ name: 'Grace', cursor: { x: 3, y: 1 }, weft: { at: 'page 1' } })
  assert.deepEqual([others.length, leftmost.length, pages], drawn)
  assert.equal(cursors.length, moved + 1)
  assert.equal(leftmost.at(-1), 3)
  assert.equal(presences.size, 1)
  for (const guest of guests) guest.leave()
  await mounted.page.unmount()
  await mounted.clock.settle()
  assert.equal(mounted.clock.timerCount, 0)
  assert.deepEqual(mounted.page.complaints, [])
})

/** The types, as the compiler sees them. */
export function Types(document: OpenDocument): void {
  const presence = usePresence<Profile, Point>(document)
  const name: string | undefined = useOthers(presence)[0]?.state.name
  const x: number | undefined = useCursors(presence)[0]?.cursor.x
  const count: number = useCursors(presence, (all) => all.length)
  const own: string | null = useSelf(document, (_, clientId) => String(clientId))
  // @ts-expect-error A cursor is what the type says.
  presence?.move({ y: 1 })
  // @ts-expect-error What this client shares has whatever shape it gave it.
  const shared: string | undefined = useSelf(document)?.state['name']
  void [name, x, count, own, shared]
}
