// Runs the server as a process of its own, held to one core where the machine can do that, and reads what it costs.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import readline from 'node:readline'
import { fileURLToPath } from 'node:url'

const mainScript = fileURLToPath(new URL('../server/main.js', import.meta.url))
const clockTicksPerSecond = Number(spawnSync('getconf', ['CLK_TCK']).stdout?.toString() ?? '') || 100

export interface MeasuredServer {
  /** `ws://host:port`, without a slash at the end. */
  readonly url: string
  /** User plus system time of the process so far, all threads. */
  cpuSeconds(): number
  /** Resident memory now. */
  rssBytes(): number
  stop(): Promise<void>
}

/**
 * Starts `weft serve` on a free port with a new data folder, on core 0. `flags` are passed on. WEFT_BENCH_NODE_FLAGS goes to its `node`, for profiles:
 * `--cpu-prof --cpu-prof-dir=profiles`, for example.
 */
export async function startServer(flags: readonly string[] = []): Promise<MeasuredServer> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-bench-'))
  const serve = [
    process.execPath,
    ...(process.env['WEFT_BENCH_NODE_FLAGS'] ?? '').split(' ').filter((flag) => flag !== ''),
    mainScript,
    'serve',
    '--port',
    '0',
    '--data',
    folder,
    '--log-level',
    'warn',
    '--no-demo',
    ...flags,
  ]
  const pinned = spawnSync('taskset', ['--version']).status === 0 && os.cpus().length > 1
  const [command = '', ...args] = pinned ? ['taskset', '-c', '0', ...serve] : serve
  const child: ChildProcess = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`The server ended with ${code} before it listened.`)))
    if (child.stdout === null) throw new Error('no stdout')
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
      const match = /listens on http:\/\/(\S+?)\/?$/.exec(line)
      if (match?.[1] !== undefined) resolve(`ws://${match[1]}`)
    })
  })
  const pid = child.pid ?? 0
  return {
    url,
    cpuSeconds: () => {
      // Fields 14 and 15 of /proc/PID/stat, counted after the command name, which may hold spaces.
      const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return (Number(fields[11]) + Number(fields[12])) / clockTicksPerSecond
    },
    rssBytes: () => Number(/VmRSS:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => {
          fs.rmSync(folder, { recursive: true, force: true })
          resolve()
        })
        child.kill('SIGTERM')
      }),
  }
}

export const nowMs = (): number => performance.now()

export const wait = (delayMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, delayMs))

/** The value below which `fraction` of the samples lie; NaN without samples. */
export function percentile(samples: readonly number[], fraction: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN
}

/** Prints one line: a name and its numbers. */
export function report(name: string, numbers: Readonly<Record<string, string | number>>): void {
  const cells = Object.entries(numbers).map(([key, value]) => `${key} ${typeof value === 'number' ? Number(value.toPrecision(4)) : value}`)
  console.log(`${name.padEnd(34)} ${cells.join(' · ')}`)
}

/** A number from the command line (`--name=value`), or its default. */
export function option(name: string, fallback: number): number {
  const given = process.argv.find((argument) => argument.startsWith(`--${name}=`))
  return given === undefined ? fallback : Number(given.slice(name.length + 3))
}
