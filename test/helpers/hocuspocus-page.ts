// A page full of Hocuspocus' published providers, unchanged, of three major versions: each has a document of its own, types, loses its connection now and then,
// and keeps account of what its provider has called synced.
import type { Browser, Page } from 'playwright-core'
import { openScript } from './scripted-page.js'

const script = `
  import * as v2 from 'hocuspocus-provider-2'
  import * as v3 from 'hocuspocus-provider-3'
  import * as v4 from '@hocuspocus/provider'
  import * as Y from 'yjs'
  const packages = { 2: v2, 3: v3, 4: v4 }
  const clients = []
  let timer
  globalThis.hocuspocus = {
    open(url, name, who, version, sessions, tokens) {
      const { HocuspocusProvider, HocuspocusProviderWebsocket } = packages[version]
      const socket = new HocuspocusProviderWebsocket({ url, delay: 50, minDelay: 50, maxDelay: 200 })
      for (let session = 0; session < sessions; session++) {
        const document = new Y.Doc()
        const client = { who: who + '.' + session, version, document, socket, typed: [], settled: 0, asked: 0, denied: null }
        // Each token is shown once, the last one from then on.
        const token = () => tokens[Math.min(client.asked++, tokens.length - 1)]
        const provider = new HocuspocusProvider({
          name, document, token, websocketProvider: socket, broadcast: false, sessionAwareness: sessions > 1,
        })
        provider.attach?.()
        client.provider = provider
        provider.on('authenticationFailed', ({ reason }) => (client.denied = reason))
        provider.setAwarenessField('user', { name: client.who })
        clients.push(client)
      }
    },
    type(who, word) {
      const { document } = clients.find((client) => client.who === who)
      document.getText('body').insert(document.getText('body').length, word)
    },
    // Each types a word in turn; now and then one loses its connection for a moment.
    work(everyMs, seed) {
      let state = seed
      const random = (n) => (state = (state * 48271) % 2147483647) % n
      timer = setInterval(() => {
        for (const client of clients) client.settled = Math.max(client.settled, this.settle(client))
        const client = clients[random(clients.length)]
        const word = client.who + '-' + client.typed.length + ';'
        client.document.getText('body').insert(client.document.getText('body').length, word)
        client.typed.push(word)
        if (random(12) === 0) {
          client.socket.disconnect()
          setTimeout(() => void client.socket.connect(), 100 + random(200))
        }
      }, everyMs)
    },
    rest() {
      clearInterval(timer)
    },
    // A provider that is told to connect while it is still closing stays as it is.
    connectAll() {
      for (const { socket } of clients) if (socket.status === 'disconnected') void socket.connect()
    },
    // What was typed before a moment at which nothing was unsynced.
    settle({ provider, typed }) {
      return provider.synced && provider.unsyncedChanges === 0 ? typed.length : 0
    },
    report() {
      for (const client of clients) client.settled = Math.max(client.settled, this.settle(client))
      return clients.map(({ who, version, socket, document, provider, typed, settled, asked, denied }) => ({
        who,
        asked,
        denied,
        scope: provider.authorizedScope ?? null,
        unsynced: provider.unsyncedChanges,
        typed,
        settled: typed.slice(0, settled),
        text: document.getText('body').toString(),
        inStep: provider.synced && provider.unsyncedChanges === 0,
        provider: JSON.stringify([version, provider.synced, provider.unsyncedChanges, provider.isAuthenticated, socket.status]),
        people: [...provider.awareness.getStates().values()].map(({ user }) => user?.name).sort(),
      }))
    },
    states: () => clients.map(({ document }) => [...Y.encodeStateAsUpdate(document)]),
  }
`

interface Providers {
  open(url: string, name: string, who: string, version: 2 | 3 | 4, sessions: number, tokens: readonly string[]): void
  type(who: string, word: string): void
  work(everyMs: number, seed: number): void
  rest(): void
  connectAll(): void
  report(): ClientReport[]
  states(): number[][]
}
declare const hocuspocus: Providers

export interface ClientReport {
  readonly who: string
  /** How many times it was asked for a token. */
  readonly asked: number
  /** Why it was refused; null: it was not. */
  readonly denied: string | null
  /** What the server lets it do, as its provider says it. */
  readonly scope: string | null
  readonly unsynced: number
  /** Every word, in order. */
  readonly typed: readonly string[]
  /** Those of them that the provider had as synced. */
  readonly settled: readonly string[]
  readonly text: string
  readonly inStep: boolean
  /** Of its provider, for people: version, whether it is synced, unsynced changes, whether it is authenticated, its socket's status. */
  readonly provider: string
  /** Whom it sees, itself included. */
  readonly people: readonly string[]
}

export class HocuspocusPage {
  readonly page: Page

  private constructor(page: Page) {
    this.page = page
  }

  static async open(browser: Browser, name: string): Promise<HocuspocusPage> {
    return new HocuspocusPage(await openScript(browser, name, script))
  }

  /** A socket of its own with so many sessions on the document, each of which shows the tokens one after another, and the last one from then on. */
  connect(url: string, document: string, who: string, version: 2 | 3 | 4, sessions = 1, tokens: readonly string[] = ['']): Promise<void> {
    return this.page.evaluate(([to, name, client, major, count, shown]) => hocuspocus.open(to, name, client, major, count, shown), [
      url,
      document,
      who,
      version,
      sessions,
      tokens,
    ] as const)
  }

  /** Types a word with one of them, called as in its report. */
  type(who: string, word: string): Promise<void> {
    return this.page.evaluate(([client, text]) => hocuspocus.type(client, text), [who, word] as const)
  }

  work(everyMs: number, seed: number): Promise<void> {
    return this.page.evaluate(([ms, from]) => hocuspocus.work(ms, from), [everyMs, seed] as const)
  }

  rest(): Promise<void> {
    return this.page.evaluate(() => hocuspocus.rest())
  }

  /** Those that were told to leave and have not come back. */
  connectAll(): Promise<void> {
    return this.page.evaluate(() => hocuspocus.connectAll())
  }

  report(): Promise<ClientReport[]> {
    return this.page.evaluate(() => hocuspocus.report())
  }

  /** Each client's document, encoded. */
  async states(): Promise<Uint8Array[]> {
    return (await this.page.evaluate(() => hocuspocus.states())).map((state) => Uint8Array.from(state))
  }
}
