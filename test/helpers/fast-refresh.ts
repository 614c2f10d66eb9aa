// React's fast refresh, as bundlers drive it while somebody edits the code of a page that is open. It has to be imported before React's renderer is.
import { createRequire } from 'node:module'
import type { FunctionComponent } from 'react'

interface Runtime {
  injectIntoGlobalHook(global: object): void
  register(type: unknown, id: string): void
  setSignature(type: unknown, key: string, forceReset: boolean, getCustomHooks?: () => readonly unknown[]): void
  performReactRefresh(): unknown
}

const runtime: Runtime = createRequire(import.meta.url)('react-refresh/runtime')
runtime.injectIntoGlobalHook(globalThis)

/** Says that `component` is what is called `id` in the code now. With the same hooks as before, React keeps the state, and runs effects and what is memoised anew. */
export function register<Props>(id: string, component: FunctionComponent<Props>): void {
  runtime.register(component, id)
  runtime.setSignature(component, 'the same hooks', false)
}

export function refresh(): void {
  runtime.performReactRefresh()
}
