// Edits from several clients, kills the server at random moments, and checks after each kill what is on the disk before anybody can repair it.
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect, type DocumentSession, type WeftConnection } from '../../client/index.js'
import { type Random, seededRandom } from '../../core/random.js'
import { ServerProcess } from '../helpers/server-process.js'
import { canonicalState, eventually } from '../helpers/states.js'
import { type DocumentOnDisk, readFromDisk } from './on-disk.js'

const documents = ['alpha', 'beta/with slash', 'gamma', 'short lived']
const serverScript = fileURLToPath(new URL('./crash-server.js', import.meta.url))

export interface CrashOptions {
  readonly seed: number
  readonly kills: number
  /** Whether the server acknowledges before it commits: the negative control. */
  readonly lie?: boolean
  /** Called after each kill with its number. */
  readonly progress?: (kill: number) => void
}

export interface CrashResult {
  readonly kills: number
  readonly edits: number
  readonly acknowledged: number
  readonly rows: number
  /** Acknowledged or seen edits that were missing on the disk after a kill. Empty if the server keeps its word. */
  readonly lost: readonly string[]
}

/** One writer on one document through our client. Every edit is a token that can be found again. */
class Writer {
  readonly documentId: string
  readonly doc = new Y.Doc()
  readonly session: DocumentSession
  readonly acknowledged = new Set<string>()
  readonly #name: string
  edits = 0

  constructor(name: string, connection: WeftConnection, documentId: string) {
    this.#name = name
    this.documentId = documentId
    this.session = connection.open(documentId, this.doc)
  }

  type(random: Random): void {
    this.edits++
    const token = `<${this.#name}.${this.edits}>`
    const text = this.doc.getText('body')
    const filler = this.doc.getArray<string>('filler')
    this.doc.transact(() => {
      // Between two tokens, so that a token is never torn in two.
      const at = text.toString().indexOf('<', random.below(text.length + 1))
      text.insert(at === -1 ? text.length : at, token)
      filler.insert(0, ['x'.repeat(random.below(40))])
      if (filler.length > 10) filler.delete(random.below(filler.length - 5), 5)
    })
    this.session.saved().then(
      () => this.acknowledged.add(token),
      () => {},
    )
  }
}

function tokensOf(doc: Y.Doc): Set<string> {
  return new Set(
    doc
      .getText('body')
      .toString()
      .match(/<[^<>]*>/g) ?? [],
  )
}

/** Runs the whole loop. The seed decides who types what and when the server dies; the interleaving with the disk is the machine's. */
export async function runCrashes(options: CrashOptions): Promise<CrashResult> {
  const random = seededRandom(options.seed)
  const folder = await mkdtemp(path.join(os.tmpdir(), 'weft-crash-'))
  const server = await ServerProcess.start({
    dataFolder: folder,
    script: { file: serverScript, arguments: (port) => [String(port), folder, options.lie === true ? 'lie' : 'honest'] },
  })
  const connections = Array.from({ length: 4 }, () => connect(server.webSocketUrl, { backoff: { baseMs: 5, capMs: 50 } }))
  const writers = connections.flatMap((connection, index) =>
    documents.slice(0, 3).map((documentId) => new Writer(`c${index}${documentId[0]}`, connection, documentId)),
  )
  // A stock client that only watches: what it has seen was broadcast, and what was broadcast is committed (D2).
  const watched = documents.slice(0, 3).map((documentId) => {
    const doc = new Y.Doc()
    const provider = new WebsocketProvider(server.webSocketUrl, encodeURIComponent(documentId), doc, {
      WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
      disableBc: true,
      maxBackoffTime: 100,
    })
    return { documentId, doc, provider }
  })
  const lost: string[] = []

  const check = async (kill: number): Promise<Map<string, DocumentOnDisk>> => {
    const disk = await readFromDisk(folder, documents)
    for (const writer of writers) {
      const stored = tokensOf(disk.get(writer.documentId)?.doc ?? new Y.Doc())
      for (const token of writer.acknowledged)
        if (!stored.has(token)) lost.push(`D1 D3: kill ${kill}: ${writer.documentId} lacks acknowledged ${token}`)
    }
    for (const { documentId, doc } of watched) {
      const stored = tokensOf(disk.get(documentId)?.doc ?? new Y.Doc())
      for (const token of tokensOf(doc)) if (!stored.has(token)) lost.push(`D2 D3: kill ${kill}: ${documentId} lacks broadcast ${token}`)
    }
    return disk
  }

  try {
    await Promise.all(writers.map((writer) => writer.session.synced))
    for (let kill = 1; kill <= options.kills && lost.length === 0; kill++) {
      const dieAfter = 20 + random.below(60)
      let visitors: WeftConnection[] = []
      for (let turn = 0; turn < dieAfter; turn++) {
        for (const writer of writers) if (random.below(3) === 0) writer.type(random)
        if (random.below(8) === 0) {
          // Opens and leaves a document that nobody else has open: loading, eviction and compaction on going idle.
          const visitor = connect(server.webSocketUrl, { backoff: { baseMs: 5, capMs: 50 } })
          const doc = new Y.Doc()
          const session = visitor.open('short lived', doc)
          session.synced.then(() => doc.getArray('visits').push([turn])).catch(() => {})
          visitors.push(visitor)
          if (visitors.length > 2) await visitors.shift()?.close()
        }
        await new Promise((resolve) => setTimeout(resolve, random.below(8)))
      }
      await server.kill()
      await Promise.all(visitors.map((visitor) => visitor.close()))
      visitors = []
      await check(kill)
      await server.restart()
      options.progress?.(kill)
    }
    if (lost.length > 0) return result()

    // Once the traffic stops, everybody has the same, and it is what the log replays to (S1).
    await Promise.all(writers.map((writer) => writer.session.saved()))
    await server.stop()
    const disk = await check(options.kills + 1)
    await server.restart()
    for (const { documentId, doc } of [...writers, ...watched]) {
      const stored = disk.get(documentId)
      if (stored === undefined) throw new Error(`${documentId} was not read`)
      const expected = canonicalState(stored.doc)
      await eventually(`S1: every copy of ${documentId} equals the log replayed`, () => canonicalState(doc) === expected)
    }
    return result(disk)
  } finally {
    for (const { provider, doc } of watched) {
      provider.destroy()
      doc.destroy()
    }
    await Promise.all(connections.map((connection) => connection.close()))
    await server.dispose()
    await rm(folder, { recursive: true, force: true })
  }

  function result(disk?: Map<string, { head: number }>): CrashResult {
    return {
      kills: options.kills,
      edits: writers.reduce((sum, writer) => sum + writer.edits, 0),
      acknowledged: writers.reduce((sum, writer) => sum + writer.acknowledged.size, 0),
      rows: [...(disk?.values() ?? [])].reduce((sum, { head }) => sum + head, 0),
      lost,
    }
  }
}
