// The whole topology as plain processes on this machine: a real PostgreSQL, a real Redis, and nodes that any of which can be killed and started again.
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type PostgresServer, startPostgres } from './postgres.js'
import { type RedisServer, startRedis } from './redis.js'
import { ServerProcess, type ServerProcessOptions } from './server-process.js'

export interface LocalClusterOptions {
  readonly nodes: number
  /** The port of the first node, the next ones follow; without it free ports. */
  readonly firstPort?: number
  /** Where the nodes find PostgreSQL and Redis instead of directly, so that a test can put a proxy in between. Default: directly. */
  readonly databaseUrl?: (direct: string, node: number) => Promise<string>
  readonly redisUrl?: (direct: string, node: number) => Promise<string>
  /** Where other nodes reach a node (host:port), and what is told the port once the node listens. Default: directly. */
  readonly advertise?: (node: number) => Promise<{ readonly address: string; aim(port: number): void }>
  /** Further flags for every node. */
  readonly flags?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** What is different about single nodes: flags of Node itself, environment variables, another script than the product's command line. */
  readonly node?: (node: number) => Pick<ServerProcessOptions, 'nodeFlags' | 'environment' | 'script'>
}

/** What nodes are called in the cluster: their `--node-id`. */
export function nodeIdOf(node: number): string {
  return `node-${node + 1}`
}

/** What two starts bring up. When one of them fails, the other is stopped: it would keep the process from ending. */
async function both<A extends Stoppable, B extends Stoppable>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  try {
    return await Promise.all([one, other])
  } catch (thrown) {
    const outcomes = await Promise.allSettled<Stoppable>([one, other])
    for (const outcome of outcomes) if (outcome.status === 'fulfilled') await outcome.value.stop()
    throw thrown
  }
}

interface Stoppable {
  stop(): Promise<void>
}

const clusterSecret = 'a secret for one machine only'

export class LocalCluster {
  readonly postgres: PostgresServer
  readonly redis: RedisServer
  readonly nodes: ServerProcess[] = []
  readonly databaseUrl: string
  readonly #options: LocalClusterOptions
  readonly #folder: string

  private constructor(options: LocalClusterOptions, postgres: PostgresServer, redis: RedisServer, databaseUrl: string, folder: string) {
    this.#options = options
    this.postgres = postgres
    this.redis = redis
    this.databaseUrl = databaseUrl
    this.#folder = folder
  }

  /** Starts everything; resolves when every node is ready. */
  static async start(options: LocalClusterOptions): Promise<LocalCluster> {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'weft-cluster-'))
    const [postgres, redis] = await both(startPostgres(), startRedis())
    const cluster = new LocalCluster(options, postgres, redis, await postgres.createDatabase(), folder)
    try {
      for (let node = 0; node < options.nodes; node++) await cluster.addNode()
      await cluster.ready()
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  /** Starts one more node; resolves when it listens. */
  async addNode(): Promise<ServerProcess> {
    const { firstPort, databaseUrl, redisUrl, advertise, flags = [], environment = {}, node: differences } = this.#options
    const index = this.nodes.length
    const different = differences?.(index) ?? {}
    const reached = await advertise?.(index)
    const node = await ServerProcess.start({
      ...different,
      dataFolder: this.#folder,
      ...(firstPort === undefined ? {} : { port: firstPort + index }),
      flags: [...flags, '--node-id', nodeIdOf(index), ...(reached === undefined ? [] : ['--advertise', reached.address])],
      environment: {
        ...environment,
        ...different.environment,
        DATABASE_URL: (await databaseUrl?.(this.databaseUrl, index)) ?? this.databaseUrl,
        REDIS_URL: (await redisUrl?.(this.redis.url, index)) ?? this.redis.url,
        CLUSTER_SECRET: clusterSecret,
      },
    })
    reached?.aim(node.port)
    this.nodes.push(node)
    return node
  }

  /** Resolves when every node that runs answers 200 on /readyz. */
  async ready(limitMs = 30_000): Promise<void> {
    const deadline = performance.now() + limitMs
    for (const node of this.nodes) {
      while (node.running) {
        const answer = await fetch(`${node.url}/readyz`).catch(() => null)
        if (answer?.status === 200) break
        if (performance.now() > deadline)
          throw new Error(`${node.url} is not ready after ${limitMs} ms; it wrote:\n${node.output.slice(-4000)}`)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.dispose()))
    await Promise.all([this.postgres.stop(), this.redis.stop()])
    await rm(this.#folder, { recursive: true, force: true })
  }
}
