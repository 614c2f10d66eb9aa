// Weft, other servers, and a bare relay under the same loads, one after the other, several times: `npm run bench -- --peers [--rounds=3] [--quick] [--save]`.
// Prints the medians of all rounds. `--quick` takes the two shapes that most deployments have, once, in some two minutes. `--save` writes
// bench/results/DATE.json, which scripts/benchmarks.mjs shows in docs/benchmarks.md.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import readline from 'node:readline'
import { fileURLToPath } from 'node:url'
import { percentile, type Report, reportPrefix } from './harness.js'

/** A load, and who can be put under it. */
interface Shape {
  readonly title: string
  readonly benchmark: string
  readonly flags: readonly string[]
  readonly contenders: readonly string[]
  readonly isQuick: boolean
}

const servers = ['weft', 'hocuspocus', 'y-websocket'] as const
const everybody = [...servers, 'relay'] as const

const shapes: readonly Shape[] = [
  { title: '200 documents, 2 writers each at 5/s', benchmark: 'documents', flags: [], contenders: everybody, isQuick: true },
  {
    title: 'a room of 100, all typing at 10/s',
    benchmark: 'room',
    flags: ['--writers=100', '--rate=10'],
    contenders: servers,
    isQuick: true,
  },
  { title: 'a room of 250, all typing at 5/s', benchmark: 'room', flags: [], contenders: servers, isQuick: false },
  {
    title: 'a quiet room of 100, 10 typing at 2/s',
    benchmark: 'room',
    flags: ['--writers=100', '--typing=10', '--rate=2'],
    contenders: servers,
    isQuick: false,
  },
  // The load does not speak Hocuspocus' cursors.
  { title: '50 cursors at 10/s', benchmark: 'cursors', flags: [], contenders: ['weft', 'y-websocket'], isQuick: false },
]

/** What each of them has done when somebody else sees an edit. */
const durability: Readonly<Record<string, string>> = {
  weft: 'committed to disk, with its sync, before anybody sees it',
  hocuspocus: 'in memory; SQLite has it two seconds after the last edit, ten at most',
  'y-websocket': 'in memory; LevelDB has it soon, without a sync',
  relay: 'passed on, never stored: the floor for any server on ws',
}

type Numbers = Readonly<Record<string, number>>

export interface Measured {
  readonly title: string
  /** By contender: the median of each number over the rounds. */
  readonly medians: Readonly<Record<string, Numbers>>
}

export interface SideBySide {
  readonly date: string
  readonly machine: { readonly processors: number; readonly model: string; readonly node: string; readonly load: readonly number[] }
  readonly command: string
  readonly rounds: number
  readonly durability: Readonly<Record<string, string>>
  readonly shapes: readonly Measured[]
}

/** Measures and prints. A contender that cannot be started is named and left out. */
export async function sideBySide(flags: readonly string[]): Promise<void> {
  const isQuick = flags.includes('--quick')
  const rounds = isQuick ? 1 : numberOf(flags, 'rounds', 3)
  const node = await programFor()
  installPeers()
  const wanted = shapes.filter((shape) => shape.isQuick || !isQuick)
  const measured: Measured[] = []
  for (const shape of wanted) {
    const runs = new Map<string, Numbers[]>(shape.contenders.map((contender) => [contender, []]))
    for (let round = 0; round < rounds; round++)
      for (const contender of shape.contenders) {
        const numbers = await measure(shape, contender, node)
        if (numbers !== null) runs.get(contender)?.push(numbers)
      }
    const medians = Object.fromEntries([...runs].flatMap(([contender, all]) => (all.length === 0 ? [] : [[contender, medianOf(all)]])))
    measured.push({ title: shape.title, medians })
    print(shape.title, medians)
  }
  if (!flags.includes('--save')) return
  const date = new Date().toISOString().slice(0, 10)
  const [processor] = os.cpus()
  const machine = { processors: os.cpus().length, model: processor?.model ?? 'unknown', node: versionOf(node), load: os.loadavg() }
  const command = `npm run bench -- --peers ${flags.filter((flag) => flag !== '--peers').join(' ')}`
  const saved: SideBySide = { date, machine, command, rounds, durability, shapes: measured }
  mkdirSync('bench/results', { recursive: true })
  writeFileSync(`bench/results/${date}.json`, `${JSON.stringify(saved, null, 2)}\n`)
  console.log(`\nbench/results/${date}.json`)
}

/** The same Node for all of them: what Hocuspocus stores in needs version 22. */
async function programFor(): Promise<string> {
  if (Number(process.versions.node.split('.')[0]) >= 22) return process.execPath
  const script: string = '../../scripts/runtimes.mjs'
  const { ensureRuntimes } = (await import(script)) as { ensureRuntimes(): { readonly WEFT_TEST_NODE22: string } }
  return ensureRuntimes().WEFT_TEST_NODE22
}

/** y-websocket 2 with LevelDB; the others come with the development dependencies. */
function installPeers(): void {
  if (existsSync('bench/peers/node_modules')) return
  spawnSync('npm', ['install', '--prefix', 'bench/peers', '--no-audit', '--no-fund', '--loglevel=error'], { stdio: 'inherit' })
}

/** Null if it could not be measured, which is then said. */
async function measure({ benchmark, flags }: Shape, contender: string, node: string): Promise<Numbers | null> {
  const script = fileURLToPath(new URL(`./${benchmark}.js`, import.meta.url))
  const args = [script, ...flags, ...(contender === 'weft' ? [] : [`--peer=${contender}`])]
  const isPinned = spawnSync('taskset', ['--version']).status === 0 && os.cpus().length > 1
  const child = spawn(isPinned ? 'taskset' : node, isPinned ? ['-c', '1', node, ...args] : args, {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let errors = ''
  child.stderr.on('data', (data: Buffer) => {
    errors += data.toString()
  })
  let numbers: Numbers | null = null
  for await (const line of readline.createInterface({ input: child.stdout })) {
    if (!line.startsWith(reportPrefix)) continue
    const report = JSON.parse(line.slice(reportPrefix.length)) as Report
    numbers = Object.fromEntries(
      Object.entries(report.numbers).flatMap(([name, value]) => (typeof value === 'number' ? [[name, value]] : [])),
    )
  }
  if (numbers === null) console.error(`${contender} was not measured: ${/Error: .*/.exec(errors)?.[0] ?? errors.slice(0, 200)}`)
  return numbers
}

function medianOf(runs: readonly Numbers[]): Numbers {
  const names = Object.keys(runs[0] ?? {})
  return Object.fromEntries(
    names.map((name) => [
      name,
      percentile(
        runs.map((numbers) => numbers[name] ?? Number.NaN),
        0.5,
      ),
    ]),
  )
}

function print(title: string, medians: Readonly<Record<string, Numbers>>): void {
  console.log(`\n${title}`)
  for (const [contender, numbers] of Object.entries(medians)) {
    const cells = Object.entries(numbers).map(([name, value]) => `${name} ${Number(value.toPrecision(3))}`)
    console.log(`  ${contender.padEnd(12)} ${cells.join(' · ')}`)
  }
}

function versionOf(node: string): string {
  return spawnSync(node, ['--version']).stdout.toString().trim()
}

function numberOf(flags: readonly string[], name: string, fallback: number): number {
  const given = flags.find((flag) => flag.startsWith(`--${name}=`))
  return given === undefined ? fallback : Number(given.slice(name.length + 3))
}
