// React in a page in memory (happy-dom), with Testing Library: in strict mode unless told otherwise, and taken off the page after each test.
import './page-window.js'

import { strict as assert } from 'node:assert'
import { afterEach } from 'node:test'
import { act, cleanup, type RenderResult, render } from '@testing-library/react'
import type { ReactNode } from 'react'
import type { WeftProviderProps } from '../../client/react/index.js'
import type { ClientFixture } from './client-fixture.js'

// From here, so that the page is there before React looks for one.
export { act, renderHook, waitFor } from '@testing-library/react'

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })

const consoleError = console.error
afterEach(() => {
  cleanup()
  console.error = consoleError
})

export interface ReactPage {
  /** What is on the page. */
  text(): string
  /** Shows something else in the same root. */
  show(element: ReactNode): Promise<void>
  unmount(): Promise<void>
  /** What React recovered from, and what it warned of on the console. */
  readonly complaints: readonly string[]
}

interface MountOptions {
  readonly strict?: boolean
  /** What a server rendered: it is taken over instead of made anew. */
  readonly html?: string
  /** Lets things settle after each step. */
  readonly settle?: () => Promise<void>
}

/** When a promise of the page resolves, everything is done that React and `settle` do about the step. */
export async function mount(element: ReactNode, { strict = true, html, settle = async () => {} }: MountOptions = {}): Promise<ReactPage> {
  const complaints: string[] = []
  const before = console.error
  console.error = (...words) => void complaints.push(words.join(' '))
  const container = document.body.appendChild(document.createElement('main'))
  container.innerHTML = html ?? ''
  const onRecoverableError = (error: unknown): void => void complaints.push(String(error))
  const options = { container, hydrate: html !== undefined, reactStrictMode: strict, onRecoverableError }
  const settled = (step: () => unknown): Promise<void> =>
    act(async () => {
      step()
      await settle()
    })
  const views: Pick<RenderResult, 'rerender' | 'unmount'>[] = []
  await settled(() => views.push(render(element, options)))
  const { rerender, unmount } = views[0] ?? assert.fail('it is drawn')
  return {
    text: () => container.textContent ?? '',
    show: (inner) => settled(() => rerender(inner)),
    unmount: async () => {
      await settled(unmount)
      console.error = before
    },
    complaints,
  }
}

/** The properties of a provider that connects to the fixture's server. */
export function scripted({ network, clock }: ClientFixture): Extract<WeftProviderProps, { readonly url: string }> {
  const silent = { debug() {}, info() {}, warn() {}, error() {} }
  return { url: 'ws://weft.test', options: { WebSocket: network.WebSocket, clock, logger: silent } }
}

/** Lets the client and React do what is to be done, without moving time. */
export async function settled(fixture: ClientFixture, step: () => unknown = () => {}): Promise<void> {
  await act(async () => {
    await step()
    await fixture.clock.settle()
  })
}
