// Hocuspocus' published providers in Node, of three major versions, as applications use them.
import * as v4 from '@hocuspocus/provider'
import * as v2 from 'hocuspocus-provider-2'
import * as v3 from 'hocuspocus-provider-3'
import WebSocket from 'ws'
import type { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'

export type ProviderVersion = 2 | 3 | 4

/** What the tests use of a provider; the three versions have it alike. */
export interface Provider {
  readonly document: Y.Doc
  readonly awareness: Awareness | null
  readonly isAuthenticated: boolean
  readonly unsyncedChanges: number
  readonly synced: boolean
  readonly authorizedScope?: string | undefined
  on(event: string, listener: (event: never) => void): void
  sendToken(): Promise<void>
  /** Step 1 once more. */
  forceSync(): void
  sendStateless(payload: string): void
  destroy(): void
}

/** One socket, which carries several documents. */
export interface ProviderSocket {
  open(
    name: string,
    options?: {
      readonly token?: string | (() => string | Promise<string>)
      readonly sessionAwareness?: boolean
      readonly document?: Y.Doc
    },
  ): Provider
  disconnect(): void
  connect(): void
  destroy(): void
}

interface Package {
  readonly HocuspocusProvider: new (configuration: object) => Provider & { attach?(): void }
  readonly HocuspocusProviderWebsocket: new (
    configuration: object,
  ) => {
    disconnect(): void
    connect(): Promise<unknown>
    destroy(): void
    cancelWebsocketRetry?(): void
  }
}

const packages = { 2: v2, 3: v3, 4: v4 } as unknown as Readonly<Record<ProviderVersion, Package>>

/** `WebSocketPolyfill`: what it connects with. Default: that of `ws`. */
export function providerSocket(version: ProviderVersion, url: string, WebSocketPolyfill: typeof WebSocket = WebSocket): ProviderSocket {
  const { HocuspocusProvider, HocuspocusProviderWebsocket } = packages[version]
  const socket = new HocuspocusProviderWebsocket({ url, WebSocketPolyfill, delay: 50, minDelay: 50, maxDelay: 200 })
  const providers: Provider[] = []
  return {
    open: (name, { token = '', sessionAwareness = false, document = new Y.Doc() } = {}) => {
      const provider = new HocuspocusProvider({ name, document, token, sessionAwareness, websocketProvider: socket, broadcast: false })
      // Version 2 passes what it types between the pages of one browser, which the providers of this process would count as.
      // Since version 3 a provider with a socket of others is attached by hand.
      if (version > 2) provider.attach?.()
      providers.push(provider)
      return provider
    },
    disconnect: () => socket.disconnect(),
    connect: () => void socket.connect(),
    destroy: () => {
      for (const provider of providers) {
        provider.destroy()
        provider.document.destroy()
      }
      socket.destroy()
      // An attempt that is under way would be repeated for ever.
      socket.cancelWebsocketRetry?.()
    },
  }
}
