// React with a page in memory (happy-dom): mounts components as a browser would, in strict mode unless told otherwise.
import './page-window.js'

import { act, createElement, type ReactNode, StrictMode } from 'react'
import { createRoot, hydrateRoot } from 'react-dom/client'
import type { WeftProviderProps } from '../../client/react/index.js'
import type { ClientFixture } from './client-fixture.js'

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })

export interface ReactPage {
  /** What is on the page. */
  text(): string
  /** Shows something else in the same root. */
  show(element: ReactNode): Promise<void>
  unmount(): Promise<void>
  /** What React complained about: errors that no boundary caught, those that it recovered from, and warnings on the console. */
  readonly complaints: readonly string[]
}

interface MountOptions {
  readonly strict?: boolean
  /** What a server rendered: it is taken over instead of made anew. */
  readonly html?: string
  /** Lets things settle after each step. */
  readonly settle?: () => Promise<void>
}

/** Mounts within `act`, so that everything that React does about it is done when the promise resolves. */
export async function mount(element: ReactNode, { strict = true, html, settle = async () => {} }: MountOptions = {}): Promise<ReactPage> {
  const complaints: string[] = []
  const consoleError = console.error
  console.error = (...words) => void complaints.push(words.join(' '))
  const complain = (error: unknown): void => void complaints.push(String(error))
  const options = { onUncaughtError: complain, onRecoverableError: complain }
  const wrapped = (inner: ReactNode): ReactNode => (strict ? createElement(StrictMode, null, inner) : inner)
  const container = document.createElement('main')
  if (html !== undefined) container.innerHTML = html
  const root = html === undefined ? createRoot(container, options) : await act(() => hydrateRoot(container, wrapped(element), options))
  const show = (inner: ReactNode): Promise<void> =>
    act(async () => {
      root.render(wrapped(inner))
      await settle()
    })
  if (html === undefined) await show(element)
  else await act(settle)
  return {
    text: () => container.textContent ?? '',
    show,
    unmount: async () => {
      await act(async () => {
        root.unmount()
        await settle()
      })
      console.error = consoleError
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
