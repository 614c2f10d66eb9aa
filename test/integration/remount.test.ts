// A component that mounts, unmounts and mounts again, as React does it in development: the same document, opened again (A4, A5).
import { strict as assert } from 'node:assert'
import { after, before, describe, test } from 'node:test'
import { WebsocketProvider as Provider4 } from '@y/websocket'
import * as Y14 from '@y/y'
import WebSocket from 'ws'
import { WebsocketProvider as Provider3 } from 'y-websocket'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { type LocalServer, startLocalServer } from '../helpers/local-server.js'
import { eventually } from '../helpers/states.js'

interface Mounted {
  /** Whether it has been connected, so that others have seen it. */
  isConnected(): boolean
  move(at: number): void
  /** The states of others that it sees, by client id. */
  seen(): ReadonlyMap<number, unknown>
  unmount(): void
}

/** A component over one document, which lives longer than each mount. */
interface Component {
  readonly clientId: number
  mount(): Mounted
  destroy(): void
}

const stock = { WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket, disableBc: true, maxBackoffTime: 100 }

function version3(url: string, documentId: string): Component {
  const doc = new Y.Doc()
  return {
    clientId: doc.clientID,
    mount: () => {
      const provider = new Provider3(url, documentId, doc, stock)
      return {
        isConnected: () => provider.synced,
        move: (at) => provider.awareness.setLocalStateField('at', at),
        seen: () => provider.awareness.getStates(),
        unmount: () => {
          provider.destroy()
          provider.awareness.destroy()
        },
      }
    },
    destroy: () => doc.destroy(),
  }
}

function version4(url: string, documentId: string): Component {
  const doc = new Y14.Doc()
  return {
    clientId: doc.clientID,
    mount: () => {
      const provider = new Provider4(url, documentId, doc, stock)
      return {
        isConnected: () => provider.synced,
        move: (at) => provider.awareness.setLocalStateField('at', at),
        seen: () => provider.awareness.getStates(),
        unmount: () => {
          provider.destroy()
          provider.awareness.destroy()
        },
      }
    },
    destroy: () => doc.destroy(),
  }
}

function ours(url: string, documentId: string): Component {
  const doc = new Y.Doc()
  const connection = connect(url)
  return {
    clientId: doc.clientID,
    mount: () => {
      const session = connection.open(documentId, doc)
      return {
        isConnected: () => session.status.state === 'saved',
        move: (at) => session.awareness.setLocalStateField('at', at),
        seen: () => session.awareness.getStates(),
        unmount: () => void session.close(),
      }
    },
    destroy: () => {
      void connection.close()
      doc.destroy()
    },
  }
}

describe('mounting again', () => {
  let local: LocalServer
  before(async () => {
    local = await startLocalServer()
  })
  after(() => local.server.close())

  for (const [title, create] of [
    ['y-websocket 3.1', version3],
    ['@y/websocket 4 with Yjs 14', version4],
    ['the weft client', ours],
  ] as const) {
    test(`A4: ${title}: a document that is opened again is seen by those who saw it before, and is gone when it is closed`, async () => {
      const documentId = `again ${title}`
      const watching = version3(local.webSocketUrl, documentId)
      const component = create(local.webSocketUrl, documentId)
      const watcher = watching.mount()
      const at = (): unknown => (watcher.seen().get(component.clientId) as { at?: number } | undefined)?.at
      try {
        const first = component.mount()
        await eventually('the first mount is connected', () => first.isConnected())
        for (let step = 1; step <= 30; step++) first.move(step)
        await eventually('it is seen', () => at() === 30)
        first.unmount()
        await eventually('it is gone', () => !watcher.seen().has(component.clientId))
        const second = component.mount()
        second.move(-1)
        await eventually('it is seen again', () => at() === -1)
        second.unmount()
        // Double mounting, as in React's strict mode: the first of the two never comes to anything.
        component.mount().unmount()
        const fourth = component.mount()
        fourth.move(-2)
        await eventually('it is seen after a double mount', () => at() === -2)
        fourth.unmount()
        await eventually('A4: it is gone in the end', () => !watcher.seen().has(component.clientId))
      } finally {
        watcher.unmount()
        component.destroy()
        watching.destroy()
      }
      assert.equal(local.server.counters.get('awareness_entries_foreign'), 0)
    })
  }
})
