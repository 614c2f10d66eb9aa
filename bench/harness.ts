// Runs the server as a process of its own, held to one core where the machine can do that, and reads what it costs.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import readline from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePort } from '../test/helpers/free-port.js'
import { type MeasuredDatabase, startDatabase } from './database.js'
import { cpuSecondsOf } from './processes.js'

const mainScript = fileURLToPath(new URL('../weft/main.js', import.meta.url))

export interface MeasuredServer {
  /** `ws://host:port`, without a slash at the end. */
  readonly url: string
  /** User plus system time of the process so far, all threads. */
  cpuSeconds(): number
  memory(): Memory
  /** Null on the embedded store, and for peers. */
  readonly database: MeasuredDatabase | null
  stop(): Promise<void>
}

/** Resident bytes of a process. */
export interface Memory {
  /** Everything, pages of the data file that are mapped and in memory among it: those are the kernel's cache, and go when others need memory. */
  readonly rss: number
  /** What the process holds for itself. */
  readonly anonymous: number
}

interface Program {
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Finds the address in what the program prints. */
  address(line: string): string | null
}

function weft(folder: string, flags: readonly string[], database: MeasuredDatabase | null): Program {
  return {
    args: [mainScript, 'serve', '--port', '0', '--data', folder, '--log-level', 'warn', '--no-demo', ...flags],
    env: database === null ? {} : { DATABASE_URL: database.url, CLUSTER_SECRET: 'a secret for one machine only' },
    address: (line) => /listens on http:\/\/(\S+?)\/?$/.exec(line)?.[1] ?? null,
  }
}

/** The servers that `--peer` can name. What `docs/benchmarks.md` says of a peer names what it has stored when an edit arrives. */
const peers: Readonly<Record<string, (folder: string) => Promise<Program>>> = {
  /** The reference server of y-websocket 2, with its LevelDB persistence, installed by `npm install --prefix bench/peers`. */
  'y-websocket': async (folder) => {
    const script = path.resolve('bench/peers/node_modules/y-websocket/bin/server.cjs')
    if (!fs.existsSync(script)) throw new Error('The peers are not installed: run `npm install --prefix bench/peers` first.')
    const port = await freePort()
    return {
      args: [script],
      env: { HOST: '127.0.0.1', PORT: String(port), YPERSISTENCE: folder },
      address: (line) => (line.startsWith('running at') ? `127.0.0.1:${port}` : null),
    }
  },
  hocuspocus: async (folder) => peerOfOurs('hocuspocus', folder),
  relay: async (folder) => peerOfOurs('relay', folder),
}

function peerOfOurs(name: string, folder: string): Program {
  return {
    args: [fileURLToPath(new URL(`./peers/${name}.js`, import.meta.url)), folder],
    env: {},
    address: (line) => /^running at (\S+)/.exec(line)?.[1] ?? null,
  }
}

/** The server that `--peer` names, or null for Weft. */
export const peer = process.argv.find((argument) => argument.startsWith('--peer='))?.slice('--peer='.length) ?? null

/**
 * Starts `weft serve`, or the peer that `--peer` names, on a free port with a new data folder, on core 0. `flags` go to Weft. WEFT_BENCH_NODE_FLAGS goes to its
 * `node`, for profiles: `--cpu-prof --cpu-prof-dir=profiles`, for example. With `--store=postgres` Weft is the only node of a cluster. `filled` is a data folder that is there already; it goes with the server all the same.
 */
export async function startServer(flags: readonly string[] = [], filled: string | null = null): Promise<MeasuredServer> {
  const folder = filled ?? fs.mkdtempSync(path.join(os.tmpdir(), 'weft-bench-'))
  const startPeer = peers[peer ?? '']
  if (peer !== null && startPeer === undefined) throw new Error(`Unknown peer: ${peer}. There are: ${Object.keys(peers).join(', ')}.`)
  const database = startPeer === undefined && process.argv.includes('--store=postgres') ? await startDatabase() : null
  const program = startPeer === undefined ? weft(folder, flags, database) : await startPeer(folder)
  const nodeFlags = (process.env['WEFT_BENCH_NODE_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '')
  const node = [process.execPath, ...nodeFlags, ...program.args]
  const pinned = spawnSync('taskset', ['--version']).status === 0 && os.cpus().length > 1
  const [command = '', ...args] = pinned ? ['taskset', '-c', '0', ...node] : node
  const child: ChildProcess = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, WEFT_CONNECTIONS_PER_SECOND_MAX: '100000', ...program.env },
  })
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`The server ended with ${code} before it listened.`)))
    if (child.stdout === null) throw new Error('no stdout')
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
      const address = program.address(line)
      if (address !== null) resolve(`ws://${address}`)
    })
  })
  // A member of a cluster listens before it owns anything.
  if (database !== null) while ((await fetch(`${url.replace('ws:', 'http:')}/readyz`)).status !== 200) await wait(50)
  const pid = child.pid ?? 0
  return {
    url,
    cpuSeconds: () => cpuSecondsOf(pid),
    memory: () => {
      const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8')
      const field = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) * 1024
      return { rss: field('VmRSS'), anonymous: field('RssAnon') }
    },
    database,
    stop: async () => {
      await new Promise((resolve) => {
        child.once('exit', resolve)
        child.kill('SIGTERM')
      })
      await database?.stop()
      fs.rmSync(folder, { recursive: true, force: true })
    },
  }
}

export const nowMs = (): number => performance.now()

export const wait = (delayMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, delayMs))

/** The value below which `fraction` of the samples lie; NaN without samples. */
export function percentile(samples: readonly number[], fraction: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN
}

/** What one benchmark measured of one server, for those who collect it. */
export interface Report {
  /** Null: Weft. */
  readonly peer: string | null
  readonly name: string
  readonly numbers: Readonly<Record<string, string | number>>
}

export const reportPrefix = '#report '

/** Prints a name and its numbers: a line for people, and one for programs. */
export function report(name: string, numbers: Readonly<Record<string, string | number>>): void {
  console.log(`${reportPrefix}${JSON.stringify({ peer, name, numbers } satisfies Report)}`)
  const cells = Object.entries(numbers).map(([key, value]) => `${key} ${typeof value === 'number' ? Number(value.toPrecision(4)) : value}`)
  console.log(`${(peer === null ? name : `[${peer}] ${name}`).padEnd(34)} ${cells.join(' · ')}`)
}

/** A target and what came of it: printed, and collected by `npm run bench` into its table. */
export function judge(target: string, value: number, limit: number, unit: string): void {
  // The targets are ours.
  if (peer !== null) return
  const met = value <= limit
  console.log(`${resultPrefix}${JSON.stringify({ target, value: Number(value.toPrecision(3)), limit, unit, met } satisfies Verdict)}`)
}

export interface Verdict {
  readonly target: string
  readonly value: number
  readonly limit: number
  readonly unit: string
  readonly met: boolean
}

export const resultPrefix = '#target '

/** Waits until the server uses nearly no processor time: what runs in the background, such as compactions, is over. */
export async function untilQuiet(server: MeasuredServer, secondsMax = 60): Promise<void> {
  let quietRounds = 0
  for (let round = 0; round < secondsMax * 2 && quietRounds < 4; round++) {
    const before = server.cpuSeconds()
    await wait(500)
    quietRounds = server.cpuSeconds() - before <= 0.02 ? quietRounds + 1 : 0
  }
}

/** A number from the command line (`--name=value`), or its default. */
export function option(name: string, fallback: number): number {
  const given = process.argv.find((argument) => argument.startsWith(`--${name}=`))
  return given === undefined ? fallback : Number(given.slice(name.length + 3))
}
