// What every cluster fault plays on: three real nodes with a real PostgreSQL and Redis, people at work on them, and the checker.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { SHARD_COUNT, shardOf } from '../../core/document-id.js'
import { type Random, seededRandom } from '../../core/random.js'
import { rendezvousWinner } from '../../server/cluster/rendezvous.js'
import { LocalCluster, nodeIdOf } from '../helpers/local-cluster.js'
import { readMetric } from '../helpers/metrics.js'
import type { ServerProcess, ServerProcessOptions } from '../helpers/server-process.js'
import { canonicalState, eventually } from '../helpers/states.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'
import { ClusterLedger } from './cluster-ledger.js'
import { bounded, ClusterLoad, impatient } from './cluster-load.js'
import { ClusterObservers } from './cluster-observers.js'

/** Chosen so that each of three nodes owns some. The first is the busiest. */
const documentIds = ['busy', 'plan/2026', 'notes', 'board/with slash', 'alpha', 'beta', 'gamma']

/** How long the cluster may take to come back to rest after a fault. Generous: a slow machine is no failure; a hang is. */
const settleMsMax = 60_000
/** Within this time editing goes on after any fault. Far above the promise, which is printed rather than asserted. */
export const resumeMsMax = 30_000

/** How often a fault that must move nothing is played until nothing else moved something. */
const JUDGED_WITHIN = 5

export interface SceneOptions {
  readonly seed: number
  readonly nodes?: number
  /** Whether a proxy stands in each path between processes, so that paths can be cut. */
  readonly proxied?: boolean
  /** What is different about single nodes. */
  readonly node?: (node: number) => Pick<ServerProcessOptions, 'nodeFlags' | 'environment' | 'script'>
}

/** The paths of one node, if they are proxied: to PostgreSQL, to Redis, and from other nodes and from clients to it. */
export interface NodePaths {
  readonly postgres: TcpProxy
  readonly redis: TcpProxy
  readonly incoming: TcpProxy
  readonly clients: TcpProxy
}

export class ClusterScene {
  readonly cluster: LocalCluster
  readonly load: ClusterLoad
  readonly ledger: ClusterLedger
  readonly random: Random
  readonly paths: readonly NodePaths[]
  /** Measured times in milliseconds, by name. */
  readonly times = new Map<string, number[]>()
  /** Nodes that new clients are not sent to. */
  readonly avoided = new Set<ServerProcess>()
  readonly observers: ClusterObservers

  private constructor(cluster: LocalCluster, random: Random, paths: readonly NodePaths[]) {
    this.cluster = cluster
    this.random = random
    this.paths = paths
    this.ledger = new ClusterLedger(cluster.databaseUrl)
    this.observers = new ClusterObservers(cluster.nodes, random)
    this.load = new ClusterLoad({
      random,
      documentIds,
      nodes: () => cluster.nodes.filter((node) => node.running && !this.avoided.has(node)),
      addressOf: (node) => this.#addressOf(node),
      connections: 6,
      stockClients: 3,
      pauseMs: 25,
    })
  }

  /** Starts everything; resolves when everybody is typing. */
  static async start({ seed, nodes = 3, proxied = false, node }: SceneOptions): Promise<ClusterScene> {
    const paths: NodePaths[] = []
    const throughProxy = async (direct: string, name: keyof NodePaths, index: number): Promise<string> => {
      const url = new URL(direct)
      const pathsOfNode = await pathsOf(paths, index)
      pathsOfNode[name].aim(Number(url.port), url.hostname)
      url.port = String(pathsOfNode[name].port)
      return url.href
    }
    const cluster = await LocalCluster.start({
      nodes,
      flags: ['--log-level', 'info', '--no-demo'],
      ...(node === undefined ? {} : { node }),
      ...(proxied
        ? {
            databaseUrl: (direct, index) => throughProxy(direct, 'postgres', index),
            redisUrl: (direct, index) => throughProxy(direct, 'redis', index),
            advertise: async (index) => (await pathsOf(paths, index)).incoming,
          }
        : {}),
    })
    const scene = new ClusterScene(cluster, seededRandom(seed), paths)
    try {
      await scene.settled()
      await bounded(scene.load.ready(), settleMsMax, () => `every client is synced; ${scene.outputs()}`)
      scene.load.startTyping()
      await scene.turns(10)
    } catch (error) {
      await scene.close()
      throw error
    }
    return scene
  }

  note(name: string, ...ms: readonly number[]): void {
    const times = this.times.get(name) ?? []
    times.push(...ms.map(Math.round))
    this.times.set(name, times)
  }

  /** Lets people type that many edits. */
  async turns(edits: number): Promise<void> {
    const until = this.load.edits + edits
    await eventually(`${edits} edits are typed`, () => this.load.edits >= until)
  }

  nodeOf(nodeId: string | null): ServerProcess {
    const node = this.cluster.nodes.find((_, index) => nodeIdOf(index) === nodeId)
    if (node === undefined) throw new Error(`There is no node ${nodeId}.`)
    return node
  }

  pathsOf(node: ServerProcess): NodePaths {
    const paths = this.paths[this.cluster.nodes.indexOf(node)]
    if (paths === undefined) throw new Error('The paths of this cluster are not proxied.')
    return paths
  }

  #addressOf(node: ServerProcess): string {
    const clients = this.paths[this.cluster.nodes.indexOf(node)]?.clients
    if (clients === undefined) return node.webSocketUrl
    clients.aim(node.port)
    return `ws://${clients.address}`
  }

  /** The node that owns a document now. */
  async ownerOf(documentId: string): Promise<ServerProcess> {
    return this.nodeOf((await this.ledger.ownerOf(documentId)).nodeId)
  }

  /** The documents of this load that a node owns now. */
  async documentsOf(nodeId: string): Promise<string[]> {
    const ownership = await this.ledger.ownership()
    return documentIds.filter((documentId) => ownership.get(shardOf(documentId))?.nodeId === nodeId)
  }

  /** Resolves when every node that runs is ready and each shard is owned by the node that it falls to. */
  async settled(): Promise<void> {
    const { cluster, ledger } = this
    await cluster.ready(settleMsMax)
    const alive = cluster.nodes.flatMap((node, index) => (node.running ? [nodeIdOf(index)] : []))
    await eventually(
      'each shard is owned by the node that it falls to',
      async () => {
        const ownership = await ledger.ownership()
        return ownership.size === SHARD_COUNT && [...ownership].every(([shard, { nodeId }]) => nodeId === rendezvousWinner(shard, alive))
      },
      settleMsMax,
    ).catch(async (error: unknown) => {
      throw new Error(`${String(error)}\n${await this.situation()}`)
    })
  }

  /** What is wrong after a fault, while people go on typing. */
  check(): Promise<string[]> {
    return this.ledger.check(this.load)
  }

  /** Everybody stops; then all copies, those that each node gives to a new client too, must equal the log replayed (S1). People go on afterwards. */
  async converge(): Promise<string[]> {
    const { load, ledger, cluster } = this
    load.stopTyping()
    await load.saved(settleMsMax).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.outputs()}`)
    })
    const wrong: string[] = []
    await eventually(
      'S1: every copy equals the log replayed',
      async () => {
        wrong.length = 0
        wrong.push(...(await ledger.check(load)))
        if (wrong.length > 0) return true
        const states = new Map(documentIds.map((documentId) => [documentId, ledger.state(documentId)]))
        return load.everybody.every(({ doc, documentId }) => canonicalState(doc) === states.get(documentId))
      },
      settleMsMax,
    ).catch((error: unknown) => {
      const states = new Map(documentIds.map((documentId) => [documentId, ledger.state(documentId)]))
      const behind = load.everybody.filter(({ doc, documentId }) => canonicalState(doc) !== states.get(documentId))
      throw new Error(
        `${String(error)}; not equal: ${behind.map(({ name, documentId }) => `${name} on ${documentId}`).join(', ')}\n${this.outputs()}`,
      )
    })
    if (wrong.length > 0) return wrong
    wrong.push(...(await ledger.checkSnapshots()))
    for (const node of cluster.nodes) if (node.running) wrong.push(...(await this.#readThrough(node)))
    load.startTyping()
    return wrong
  }

  /** The document that everybody is on. */
  get busiest(): string {
    const [documentId = ''] = documentIds
    return documentId
  }

  /**
   * Plays `during`, in which no shard may change hands; answers whether some did. On a machine that stands still for seconds PostgreSQL does not answer
   * either, and nodes let go of their shards for that reason: then nothing can be said, and it is played again.
   */
  async ownershipStays(during: () => Promise<void>): Promise<string[]> {
    for (let attempt = 1; attempt <= JUDGED_WITHIN; attempt++) {
      const [before, transitionsBefore] = [await this.ledger.ownership(), await this.#membershipTransitions()]
      await during()
      const [after, transitionsAfter] = [await this.ledger.ownership(), await this.#membershipTransitions()]
      if (transitionsAfter === transitionsBefore) {
        const moved = [...after].filter(([shard, { epoch }]) => before.get(shard)?.epoch !== epoch).length
        return moved === 0 ? [] : [`O4: ${moved} shards changed hands`]
      }
      console.log('a node lost PostgreSQL meanwhile; once more')
      await this.settled()
    }
    return [`O4: nodes lost PostgreSQL ${JUDGED_WITHIN} times in a row, for another reason than this fault`]
  }

  async #membershipTransitions(): Promise<number> {
    const running = this.cluster.nodes.filter((node) => node.running)
    const counts = await Promise.all(running.map((node) => readMetric(node.url, 'membership_transitions_total')))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  /** What everybody knows, for the message of a failure. */
  async situation(): Promise<string> {
    const clients = this.load.writers.map(
      ({ name, documentId, session, node }) =>
        `${name} on ${documentId} by ${node?.url}: ${session.status.state}, ${session.unsaved} unsaved`,
    )
    const owners = await this.ledger.ownership().catch(() => null)
    const documents = documentIds.map(
      (documentId) => `${documentId}: shard ${shardOf(documentId)}, ${JSON.stringify(owners?.get(shardOf(documentId)))}`,
    )
    const wrong = await this.check().catch((error: unknown) => [String(error)])
    return [...clients, ...documents, ...wrong.slice(0, 10), this.outputs()].join('\n')
  }

  /** The end of what every node wrote, for messages. */
  outputs(): string {
    return this.cluster.nodes.map((node, index) => `${nodeIdOf(index)} wrote:\n${node.output.slice(-3_000)}`).join('\n')
  }

  async close(): Promise<void> {
    await this.load.close()
    await this.observers.close()
    for (const node of this.cluster.nodes) node.signal('SIGCONT')
    await this.cluster.stop()
    // For whoever looks for the cause of a failure.
    const folder = process.env['WEFT_FAULT_LOGS']
    if (folder !== undefined)
      this.cluster.nodes.forEach((node, index) => void writeFileSync(path.join(folder, `${nodeIdOf(index)}.log`), node.output))
    await Promise.all(this.paths.flatMap((paths) => Object.values(paths).map((path: TcpProxy) => path.stop())))
  }

  async #readThrough(node: ServerProcess): Promise<string[]> {
    const connection = connect(node.webSocketUrl, impatient)
    try {
      const wrong = await Promise.all(
        documentIds.map(async (documentId) => {
          const doc = new Y.Doc()
          await bounded(
            connection.open(documentId, doc).synced,
            settleMsMax,
            () => `a new client of ${node.url} is synced; ${this.outputs()}`,
          )
          return canonicalState(doc) === this.ledger.state(documentId)
            ? []
            : [`S1: ${node.url} gives a new client another ${documentId} than the log`]
        }),
      )
      return wrong.flat()
    } finally {
      await connection.close()
    }
  }
}

async function pathsOf(paths: NodePaths[], index: number): Promise<NodePaths> {
  const existing = paths[index]
  if (existing !== undefined) return existing
  const [postgres, redis, incoming, clients] = await Promise.all([TcpProxy.start(), TcpProxy.start(), TcpProxy.start(), TcpProxy.start()])
  const created = { postgres, redis, incoming, clients }
  paths[index] = created
  return created
}

/** Makes a node's wall clock wrong: for `SceneOptions.node`. */
export function clockShift(shiftMs: number): Pick<ServerProcessOptions, 'nodeFlags' | 'environment'> {
  const preload = fileURLToPath(new URL('../helpers/clock-shift.js', import.meta.url))
  return { nodeFlags: ['--import', preload], environment: { WEFT_CLOCK_SHIFT_MS: String(shiftMs) } }
}
