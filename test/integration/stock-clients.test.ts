// Clients that exist, unchanged: y-websocket 3.1 with Yjs 13 and the pre-release of its version 4 with Yjs 14, twenty at once, with cut connections.
import { strict as assert } from 'node:assert'
import { after, before, describe, test } from 'node:test'
import { WebsocketProvider as Provider4 } from '@y/websocket'
import * as Y14 from '@y/y'
import WebSocket from 'ws'
import { WebsocketProvider as Provider3 } from 'y-websocket'
import * as Y from 'yjs'
import { seededRandom } from '../../core/random.js'
import { ServerProcess } from '../helpers/server-process.js'
import { canonicalState, eventually } from '../helpers/states.js'

interface StockClient {
  edit(step: number): void
  disconnect(): void
  connect(): void
  isSynced(): boolean
  /** The client's whole state as a Yjs 13 document. */
  copy(): Y.Doc
  destroy(): void
}

const options = { WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket, disableBc: true, maxBackoffTime: 200 }

function loadState(state: Uint8Array): Y.Doc {
  const copy = new Y.Doc()
  Y.applyUpdate(copy, state)
  return copy
}

function version3(url: string, documentId: string, name: number): StockClient {
  const doc = new Y.Doc()
  const provider = new Provider3(url, documentId, doc, options)
  return {
    edit: (step) => {
      const text = doc.getText('body')
      text.insert((step * 7 + name) % (text.length + 1), `${name}é${step} `)
      if (step % 4 === 0 && text.length > 12) text.delete(step % (text.length - 6), 5)
      doc.getMap('last').set(String(name % 5), step)
    },
    disconnect: () => provider.disconnect(),
    connect: () => provider.connect(),
    isSynced: () => provider.synced,
    copy: () => loadState(Y.encodeStateAsUpdate(doc)),
    destroy: () => {
      provider.destroy()
      doc.destroy()
    },
  }
}

function version4(url: string, documentId: string, name: number): StockClient {
  const doc = new Y14.Doc()
  const provider = new Provider4(url, documentId, doc, options)
  return {
    edit: (step) => {
      const text = doc.get('body')
      text.insert((step * 7 + name) % (text.length + 1), `${name}é${step} `)
      if (step % 4 === 0 && text.length > 12) text.delete(step % (text.length - 6), 5)
      doc.get('last').setAttr(String(name % 5), step)
    },
    disconnect: () => provider.disconnect(),
    connect: () => provider.connect(),
    isSynced: () => provider.synced,
    copy: () => loadState(Y14.encodeStateAsUpdate(doc)),
    destroy: () => {
      provider.destroy()
      doc.destroy()
    },
  }
}

describe('stock clients', () => {
  let server: ServerProcess
  before(async () => {
    server = await ServerProcess.start()
  })
  after(() => server.dispose())

  for (const { title, create } of [
    { title: 'y-websocket 3.1', create: version3 },
    { title: '@y/websocket 4 with Yjs 14', create: version4 },
    {
      title: 'both versions mixed',
      create: (url: string, id: string, name: number) => (name % 2 === 0 ? version3 : version4)(url, id, name),
    },
  ]) {
    test(`S1: 20 × ${title} edit concurrently, lose their connections at random, and converge`, async () => {
      const seed = 4711
      console.log(`seed ${seed}`)
      const random = seededRandom(seed)
      const documentId = `stock ${title}`
      const clients = Array.from({ length: 20 }, (_, name) => create(server.webSocketUrl, documentId, name))
      try {
        await eventually('all clients synced', () => clients.every((client) => client.isSynced()))
        for (let step = 1; step <= 60; step++) {
          for (const client of clients) {
            if (random.below(2) === 0) client.edit(step)
            const chance = random.below(40)
            if (chance === 0) client.disconnect()
            else if (chance < 8) client.connect()
          }
          await new Promise((resolve) => setTimeout(resolve, random.below(10)))
        }
        for (const client of clients) client.connect()
        await eventually('all clients synced again', () => clients.every((client) => client.isSynced()))
        const states = (): Set<string> => new Set(clients.map((client) => canonicalState(client.copy())))
        await eventually('S1: all states are equal', () => states().size === 1)
        // A newcomer gets the same from the server alone.
        const newcomer = version3(server.webSocketUrl, documentId, 99)
        await eventually('the newcomer is synced', () => newcomer.isSynced())
        assert.deepEqual(new Set([canonicalState(newcomer.copy())]), states())
        newcomer.destroy()
      } finally {
        for (const client of clients) client.destroy()
      }
    })
  }
})
