// A React page in which one component is given an open document, on a scripted server.
import { strict as assert } from 'node:assert'
import { createElement as h, memo, type ReactNode } from 'react'
import { Awareness, encodeAwarenessUpdate } from 'y-protocols/awareness.js'
import * as Y from 'yjs'
import { type OpenDocument, useDocument, WeftProvider } from '../../client/react/index.js'
import { type ClientFixture, clientFixture } from './client-fixture.js'
import { mount, type ReactPage, scripted, settled } from './react-page.js'

interface Mounted extends ClientFixture {
  readonly page: ReactPage
  readonly document: OpenDocument
}

interface DocumentOptions {
  /** Before anything is mounted. */
  readonly before?: (fixture: ClientFixture) => void
  /** Strict mode draws everything twice. Default: without. */
  readonly strict?: boolean
}

/** Opens document `a`, and mounts a component that is given it. */
export async function withDocument(
  Inner: (props: { readonly document: OpenDocument }) => ReactNode,
  { before, strict = false }: DocumentOptions = {},
): Promise<Mounted> {
  const fixture = clientFixture()
  before?.(fixture)
  let open: OpenDocument | null = null
  const Stable = memo(Inner)
  const Outer = (): ReactNode => {
    const document = useDocument('a')
    open = document
    return document === null ? null : h(Stable, { document })
  }
  const page = await mount(h(WeftProvider, scripted(fixture), h(Outer)), { strict, settle: () => fixture.clock.settle() })
  return { ...fixture, page, document: open ?? assert.fail('not open') }
}

export async function end({ page, clock }: Mounted): Promise<void> {
  await page.unmount()
  await clock.settle()
  assert.equal(clock.timerCount, 0)
  assert.deepEqual(page.complaints, [])
}

/** Somebody else in the document. */
export class Guest {
  readonly #awareness = new Awareness(new Y.Doc())
  readonly #mounted: Mounted
  readonly clientId = this.#awareness.clientID

  constructor(mounted: Mounted) {
    this.#mounted = mounted
  }

  /** Says something to everybody in the document; null: goodbye. */
  async says(state: Record<string, unknown> | null): Promise<void> {
    this.#awareness.setLocalState(state)
    const update = encodeAwarenessUpdate(this.#awareness, [this.clientId])
    await settled(this.#mounted, () => this.#mounted.server.tell('a', (channel) => ({ type: 'awareness', channel, update })))
  }

  leave(): void {
    this.#awareness.destroy()
  }
}
