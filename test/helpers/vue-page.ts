// Vue with a page in memory (happy-dom): mounts an application with the plugin as a browser would.
import './page-window.js'

import { type Component, createApp, createSSRApp, nextTick, type VNodeChild } from 'vue'
import { createWeft, type WeftSource } from '../../client/vue/index.js'
import type { ClientFixture } from './client-fixture.js'

export interface VuePage {
  /** What is on the page. */
  text(): string
  /** Runs a step, and lets the client and Vue do what is to be done. */
  settled(step?: () => unknown): Promise<void>
  unmount(): Promise<void>
  /** Errors and warnings of Vue. */
  readonly complaints: readonly string[]
}

interface MountOptions {
  /** What a server rendered: it is taken over instead of made anew. */
  readonly html?: string
  /** Lets things settle after each step. */
  readonly settle?: () => Promise<void>
}

export async function mount(root: Component, source: WeftSource, { html, settle = nextTick }: MountOptions = {}): Promise<VuePage> {
  const complaints: string[] = []
  const container = document.createElement('main')
  if (html !== undefined) container.innerHTML = html
  const app = html === undefined ? createApp(root) : createSSRApp(root)
  const settled = async (step: () => unknown = () => {}): Promise<void> => {
    step()
    await settle()
    await nextTick()
  }
  app.config.errorHandler = (error) => void complaints.push((error as { readonly code?: string }).code ?? String(error))
  app.config.warnHandler = (message) => void complaints.push(message)
  app.use(createWeft(source))
  await settled(() => app.mount(container))
  return { text: () => container.textContent ?? '', settled, unmount: () => settled(() => app.unmount()), complaints }
}

/** A component that is what `setup` answers. */
export function component(setup: () => () => VNodeChild): Component {
  return { setup: () => setup() }
}

/** How to connect to the fixture's server. */
export function scriptedSource({ network, clock }: ClientFixture): Extract<WeftSource, { readonly url: string }> {
  const silent = { debug() {}, info() {}, warn() {}, error() {} }
  return { url: 'ws://weft.test', options: { WebSocket: network.WebSocket, clock, logger: silent } }
}
