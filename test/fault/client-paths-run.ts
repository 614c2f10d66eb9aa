// One node, and people who reach it over paths that are slow, narrow or lossy. After each fault the server is killed and the disk read: what was acknowledged or
// shown must be there.
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { seededRandom } from '../../core/random.js'
import { ServerProcess } from '../helpers/server-process.js'
import { canonicalState, eventually } from '../helpers/states.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'
import { breakPaths, type PathFault } from './client-paths.js'
import { bounded, ClusterLoad, tokensOf } from './cluster-load.js'
import { readFromDisk } from './on-disk.js'

const documentIds = ['busy', 'plan/2026', 'notes', 'board with space']
const [busiest] = documentIds as [string]
const serverScript = fileURLToPath(new URL('./crash-server.js', import.meta.url))
/** Generous: a slow machine is no failure; a hang is. */
const settleMsMax = 60_000
const PASTE_CHARACTERS = 40_000

export interface ClientPathsOptions {
  readonly seed: number
  readonly fault: PathFault
  readonly times: number
  /** Called after each fault with its number. */
  readonly progress?: (time: number) => void
}

export interface ClientPathsResult {
  readonly edits: number
  readonly acknowledged: number
  /** How often a socket was lost that its client did not close. */
  readonly socketsLost: number
  /** Everything that was wrong. Empty if the server keeps its word. */
  readonly wrong: readonly string[]
}

export async function runClientPaths({ seed, fault, times, progress }: ClientPathsOptions): Promise<ClientPathsResult> {
  const random = seededRandom(seed)
  const folder = await mkdtemp(path.join(os.tmpdir(), 'weft-paths-'))
  const proxy = await TcpProxy.start()
  const server = await ServerProcess.start({
    dataFolder: folder,
    script: { file: serverScript, arguments: (port) => [String(port), folder, 'honest'] },
  })
  proxy.aim(server.port)
  const load = new ClusterLoad({
    random,
    documentIds,
    nodes: () => [server],
    addressOf: () => `ws://${proxy.address}`,
    connections: 4,
    stockClients: 2,
    pauseMs: 25,
  })
  const wrong: string[] = []

  /** The server is not running, so nobody can be told anything meanwhile. */
  const check = async (time: number): Promise<Map<string, string>> => {
    const disk = await readFromDisk(folder, documentIds)
    for (const writer of load.everybody) {
      const stored = new Set(tokensOf(disk.get(writer.documentId)?.doc ?? writer.doc))
      for (const { token, acknowledgedAt } of writer.edits)
        if (acknowledgedAt !== null && !stored.has(token))
          wrong.push(`D1 D3: time ${time}: ${writer.documentId} lacks ${token}, which was acknowledged`)
      for (const token of writer.seen())
        if (!stored.has(token)) wrong.push(`D2: time ${time}: ${writer.documentId} lacks ${token}, which ${writer.name} was shown`)
    }
    wrong.push(...load.problems)
    return new Map([...disk].map(([documentId, { doc }]) => [documentId, canonicalState(doc)]))
  }

  try {
    await bounded(load.ready(), settleMsMax, () => `every client is synced; ${server.output}`)
    load.startTyping()
    for (let time = 1; time <= times && wrong.length === 0; time++) {
      await breakPaths(fault, [proxy], random, async () => {
        await load.paste(busiest, PASTE_CHARACTERS, settleMsMax)
        await load.editEverywhere(busiest, performance.now(), settleMsMax)
      })
      await server.kill()
      await check(time)
      await server.restart()
      // Nobody was left behind by what the path did.
      await load.editEverywhere(busiest, performance.now(), settleMsMax)
      progress?.(time)
    }
    load.stopTyping()
    if (wrong.length === 0) {
      await load.saved(settleMsMax)
      // What stock clients typed last is on its way: they are told of nothing.
      await server.stop()
      await server.restart()
      await load.saved(settleMsMax)
      await eventually('S1: every copy equals the others', () => {
        const states = new Map(load.everybody.map(({ documentId, doc }) => [documentId, canonicalState(doc)]))
        return load.everybody.every(({ documentId, doc }) => canonicalState(doc) === states.get(documentId))
      })
      await server.stop()
      const disk = await check(times + 1)
      for (const { name, documentId, doc } of load.everybody)
        if (canonicalState(doc) !== disk.get(documentId)) wrong.push(`S1: ${name} has another ${documentId} than the log replays to`)
    }
    return { edits: load.edits, acknowledged: load.acknowledged(), socketsLost: load.chooser.closes.length, wrong }
  } finally {
    await load.close()
    await server.dispose()
    await proxy.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
