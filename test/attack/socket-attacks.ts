// Attacks with sockets, channels, frames and requests: many of them, large ones, or ones that are refused.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { until } from '../helpers/until.js'
import type { Attacker } from './attacker.js'
import { bytes } from './report.js'
import type { Attack, AttackScene } from './scene.js'
import { awarenessOf, keystroke, oneString, stateVector } from './shapes.js'
import { SlowLine } from './slow-line.js'

const MiB = 1024 ** 2

/** Lets the event loop and the socket's buffer catch up, so that the attack is limited by the server and not by this process's memory. */
async function takeTurns(attacker: Attacker): Promise<void> {
  while (attacker.open && attacker.socket.bufferedAmount > MiB) await sleep(5)
}

async function openAll(count: number, open: () => Promise<Attacker>, atOnce = 50): Promise<Attacker[]> {
  const opened: Attacker[] = []
  for (let first = 0; first < count; first += atOnce) {
    const results = await Promise.allSettled(Array.from({ length: Math.min(atOnce, count - first) }, open))
    for (const result of results) if (result.status === 'fulfilled') opened.push(result.value)
  }
  return opened
}

/** S6: documents that do not exist. */
const namesThatDoNotExist: Attack = {
  about: '579 sockets open 1,000 names each that do not exist',
  async run(scene) {
    const sockets = await openAll(579, () => scene.weft())
    for (const [socketIndex, socket] of sockets.entries()) {
      if (scene.signal.aborted || scene.server.pid === null) return
      for (let channel = 1; channel <= 1_000 && socket.open; channel++)
        socket.openDocument(channel, scene.documentId(`n${socketIndex}-${channel}`))
      await takeTurns(socket)
      if (socketIndex % 10 === 9) await sleep(1)
    }
    await sleep(5_000)
    scene.note(`${sockets.filter(({ open }) => open).length} of 579 sockets are open`)
    scene.note(`${await scene.server.metric('weft_open_documents')} documents open`)
  },
}

/** S9: a disk that is full while people, or somebody, type. */
const fullDisk: Attack = {
  about: '20 MB of small updates while the disk is full',
  alone: true,
  place() {
    const dataFolder = mkdtempSync(join(tmpdir(), 'weft-small-disk-'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'weft-attack', dataFolder])
    return {
      dataFolder,
      remove: () => {
        execFileSync('umount', ['-l', dataFolder])
        rmSync(dataFolder, { recursive: true, force: true })
      },
    }
  },
  async run(scene) {
    const fillers = await openAll(20, () => scene.weft())
    for (const [index, filler] of fillers.entries()) filler.openDocument(1, scene.documentId(`full-${index}`))
    let submission = 0
    for (let round = 0; round < 25_000 && !scene.signal.aborted && scene.tally.bytesSent < 20_000_000; round++) {
      submission += 1
      for (const [index, filler] of fillers.entries()) filler.submit(1, submission, keystroke(100 + index, round))
      if (round % 50 === 0) await Promise.race([Promise.all(fillers.map(takeTurns)), sleep(2_000)])
    }
    await sleep(10_000)
    scene.note(`commit failures ${await scene.server.metric('weft_commit_failures_total')}`)
  },
}

/** S10: one awareness message of two million entries. */
const awarenessFlood: Attack = {
  about: 'an awareness message of 2 million entries (12 MB), five times',
  async run(scene) {
    const attacker = await scene.weft()
    attacker.openDocument(1, scene.documentId('awareness'))
    await attacker.message('opened')
    for (let round = 0; round < 5 && attacker.open; round++) {
      attacker.send({ type: 'awareness', channel: 1, update: awarenessOf(round, 2_000_000, 1, '0') })
      await sleep(2_000)
    }
  },
}

/** Fills a document with large awareness states: 63 sessions with as many as one is let, or fewer. */
async function crowd(scene: AttackScene, documentId: string, { sessions = 63, each = 16 } = {}): Promise<void> {
  const state = JSON.stringify('s'.repeat(16_000))
  const sockets = await openAll(sessions, () => scene.weft())
  for (const [index, socket] of sockets.entries()) {
    socket.stopReading()
    socket.openDocument(1, documentId)
    socket.send({ type: 'awareness', channel: 1, update: awarenessOf(1_000 + 16 * index, each, 1, state) })
  }
  await sleep(3_000)
}

/** S10: who is here, asked a hundred times, and the answers are not read. */
const unreadPresence: Attack = {
  about: '100 requests for the presence of 1,008 large states, unread',
  async run(scene) {
    const documentId = scene.documentId('presence')
    await crowd(scene, documentId)
    const requests = Array.from({ length: 100 }, () => {
      const request = http.get(`${scene.server.url}/api/v1/documents/${encodeURIComponent(documentId)}/presence`, (response) => {
        response.on('error', () => {})
        scene.tally.add(`HTTP ${response.statusCode}`)
        response.pause()
      })
      request.on('error', (error: NodeJS.ErrnoException) => scene.tally.add(`request failed ${error.code}`))
      return request
    })
    await sleep(12_000, undefined, { signal: scene.signal }).catch(() => {})
    for (const request of requests) request.destroy()
  },
}

/** S10: "who is here?" again and again. */
const queryFlood: Attack = {
  about: '5,000 times "who is here?" of a document with four large states (35 KB)',
  async run(scene) {
    const documentId = scene.documentId('query')
    await crowd(scene, documentId, { sessions: 1, each: 4 })
    const asker = await scene.stock(documentId)
    asker.sendY({ type: 'sync-step-1', stateVector: stateVector() })
    await sleep(500)
    const before = scene.tally.bytesReceived
    for (let count = 0; count < 5_000; count++) asker.sendY({ type: 'query-awareness' })
    await sleep(10_000)
    scene.note(`${bytes(scene.tally.bytesReceived - before)} came out`)
  },
}

/** S12: what is refused, again and again; the answers are read. */
function refusals(what: 'updates' | 'opens'): Attack {
  return {
    about: `${what === 'updates' ? 'updates' : 'documents'} that are refused, for 10 s`,
    async run(scene) {
      const loggedBefore = scene.server.outputBytes
      const sockets = await openAll(10, () => scene.weft())
      for (const socket of sockets) socket.openDocument(1, scene.documentId('refused'))
      let count = 1
      for (const endMs = performance.now() + 10_000; performance.now() < endMs; ) {
        for (let index = 0; index < 200; index++) {
          count += 1
          for (const socket of sockets) {
            if (!socket.open) continue
            if (what === 'updates') socket.submit(1, count - 1, Uint8Array.of(255))
            else socket.openDocument(count, '')
          }
        }
        await Promise.all(sockets.map(takeTurns))
        await sleep(1)
      }
      scene.note(`${bytes(scene.server.outputBytes - loggedBefore)} logged`)
    },
  }
}

/** S13: all the sessions that a document may have, over ten sockets. */
const channels: Attack = {
  about: '10 sockets with 1,000 channels on one document, then one edit, and an honest client',
  async run(scene) {
    const documentId = scene.documentId('channels')
    const sockets = await openAll(10, () => scene.weft())
    for (const socket of sockets) for (let channel = 1; channel <= 1_000; channel++) socket.openDocument(channel, documentId)
    await sleep(3_000)
    const before = scene.tally.bytesReceived
    for (let clock = 0; clock < 20; clock++) sockets[0]?.submit(1, clock + 1, keystroke(5, clock))
    await sleep(2_000)
    scene.note(`20 edits of 17 bytes went out as ${bytes(scene.tally.bytesReceived - before)}`)
    const honest = await scene.weft()
    honest.openDocument(1, documentId)
    scene.note(
      await honest.message('opened', 5_000).then(
        () => 'an honest client gets in',
        () => 'AN HONEST CLIENT IS KEPT OUT',
      ),
    )
  },
}

const providerOptions = { WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket, disableBc: true }

/** F4: what is too large for one message. */
const tooLarge: Attack = {
  about: 'a stock provider with 17 MB to send, for 10 s',
  async run(scene) {
    const doc = new Y.Doc()
    doc.getText('t').insert(0, 'x'.repeat(17 * MiB))
    const closes = new Map<number, number>()
    const provider = new WebsocketProvider(scene.url, scene.documentId('too-large'), doc, providerOptions)
    provider.on('connection-close', (event) => {
      const code = event?.code ?? 0
      closes.set(code, (closes.get(code) ?? 0) + 1)
      scene.tally.bytesSent += 17 * MiB
    })
    const loggedBefore = scene.server.outputBytes
    await sleep(10_000)
    provider.destroy()
    doc.destroy()
    scene.note(
      `closes: ${[...closes].map(([code, count]) => `${code} ×${count}`).join(', ')}; ${bytes(scene.server.outputBytes - loggedBefore)} logged`,
    )
  },
}

/** F1: a large paste over a slow line, up and then down, by either client. */
function slowLine(client: 'ours' | 'stock'): Attack {
  return {
    about: `4 MB pasted and read over 90 kB/s by ${client === 'ours' ? 'our client' : 'the stock provider'}`,
    async run(scene) {
      const documentId = scene.documentId(`slow-${client}`)
      const line = await SlowLine.start(scene.server.port, 90_000)
      try {
        const tookMs = await transfer(client, line.url, scene, documentId, 'up')
        scene.note(`up: ${tookMs}; ${line.connections} connections`)
      } finally {
        await line.stop()
      }
    },
  }
}

function slowDown(client: 'ours' | 'stock'): Attack {
  return {
    about: `4 MB read over 90 kB/s by ${client === 'ours' ? 'our client' : 'the stock provider'}`,
    async run(scene) {
      const documentId = scene.documentId(`down-${client}`)
      const writer = await scene.weft()
      writer.openDocument(1, documentId)
      writer.submit(1, 1, oneString(5, 0, 4_000_000))
      await writer.answered(1, 1)
      const line = await SlowLine.start(scene.server.port, 90_000)
      try {
        const tookMs = await transfer(client, line.url, scene, documentId, 'down')
        scene.note(`down: ${tookMs}; ${line.connections} connections`)
      } finally {
        await line.stop()
      }
    },
  }
}

async function transfer(
  client: 'ours' | 'stock',
  url: string,
  scene: AttackScene,
  documentId: string,
  way: 'up' | 'down',
): Promise<string> {
  const doc = new Y.Doc()
  const text = doc.getText('t')
  const startMs = performance.now()
  const took = (): string => `done after ${((performance.now() - startMs) / 1000).toFixed(0)} s`
  const end = client === 'ours' ? openOurs(url, documentId, doc) : openStock(url, documentId, doc)
  try {
    if (way === 'down') await until(() => text.length >= 4_000_000 || scene.signal.aborted, 'the text', 85_000)
    else {
      await until(() => end.synced() || scene.signal.aborted, 'the first sync', 20_000)
      text.insert(0, 'p'.repeat(4_000_000))
      const reader = await scene.stock(documentId)
      // Somebody else, on a quick line, sees it: then it is on the disk.
      reader.sendY({ type: 'sync-step-1', stateVector: stateVector() })
      await until(() => reader.bytesReceived >= 4_000_000 || scene.signal.aborted, 'the paste at somebody else', 85_000)
    }
    return scene.signal.aborted ? 'NOT DONE' : took()
  } catch (error) {
    return `NOT DONE: ${error instanceof Error ? error.message : String(error)}`
  } finally {
    await end.close()
    doc.destroy()
  }
}

interface Opened {
  synced(): boolean
  close(): Promise<void>
}

function openOurs(url: string, documentId: string, doc: Y.Doc): Opened {
  const connection = connect(url, { WebSocket })
  const session = connection.open(documentId, doc)
  let synced = false
  session.synced.then(
    () => {
      synced = true
    },
    () => {},
  )
  return { synced: () => synced, close: async () => void (await Promise.race([connection.close(), sleep(1_000)])) }
}

function openStock(url: string, documentId: string, doc: Y.Doc): Opened {
  const provider = new WebsocketProvider(url, documentId, doc, providerOptions)
  return {
    synced: () => provider.synced,
    close: async () => provider.destroy(),
  }
}

export const socketAttacks = {
  's6-names': namesThatDoNotExist,
  's9-full-disk': fullDisk,
  's10-awareness': awarenessFlood,
  's10-presence': unreadPresence,
  's10-query': queryFlood,
  's12-updates': refusals('updates'),
  's12-opens': refusals('opens'),
  's13-channels': channels,
  'f4-too-large': tooLarge,
  'f1-up-ours': slowLine('ours'),
  'f1-up-stock': slowLine('stock'),
  'f1-down-ours': slowDown('ours'),
  'f1-down-stock': slowDown('stock'),
} satisfies Record<string, Attack>
