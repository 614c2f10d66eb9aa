// What the limits cost: a room, and many documents, with all limits as they are by default and a quota on everything, and with all of them out of reach; in turns, each several times.
// Target: at most 3 % more, by the median of the rounds. Usage: node dist/bench/limits.js [--rounds=5] [--seconds=10]
import { spawn } from 'node:child_process'
import os from 'node:os'
import readline from 'node:readline'
import { fileURLToPath } from 'node:url'
import { defaultLimits } from '../core/limits.js'
import { settingOf } from '../server/config/settings.js'
import { judge, option, type Report, reportPrefix } from './harness.js'

const rounds = option('rounds', 5)
const seconds = option('seconds', 10)
const QUOTA = '** documents=1000000000 document-bytes=1000000000 log-bytes-per-day=1000000000000'
/** How much and how fast clients may ask. What bounds the server's own work (queues, memory, waits) stays: it is how the server works. */
const ofClients =
  /PerSecondMax$|PerSecondPerSessionMax$|^connections|^sessions|^documents|PerMessageMax$|PerUpdateMax$|PerDocumentMax$|PerSessionMax$|PerConnectionMax$|^gaps|^(message|archive)BytesMax$/

/** The variables that put every such limit out of reach. */
function outOfReach(): Readonly<Record<string, string>> {
  const names = (Object.keys(defaultLimits) as (keyof typeof defaultLimits)[]).filter(
    (name) => ofClients.test(name) && !name.startsWith('pending'),
  )
  return Object.fromEntries(names.map((name) => [settingOf(`limits.${name}`).variable, '1000000000']))
}

const sides = { on: { WEFT_QUOTA: QUOTA }, off: outOfReach() } as const
const benches = ['room', 'documents'] as const
const results = new Map<string, Report['numbers'][]>()

async function run(bench: string, side: keyof typeof sides): Promise<void> {
  const script = fileURLToPath(new URL(`./${bench}.js`, import.meta.url))
  const node = [process.execPath, script, `--seconds=${seconds}`]
  const [command = '', ...args] = os.cpus().length > 1 ? ['taskset', '-c', '1', ...node] : node
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...sides[side] } })
  for await (const line of readline.createInterface({ input: child.stdout })) {
    if (!line.startsWith(reportPrefix)) continue
    const { numbers } = JSON.parse(line.slice(reportPrefix.length)) as Report
    results.set(`${bench} ${side}`, [...(results.get(`${bench} ${side}`) ?? []), numbers])
  }
}

console.log(`${Object.keys(sides.off).length} limits out of reach on one side; ${rounds} rounds in turns`)
for (let round = 0; round < rounds; round++)
  for (const bench of benches)
    for (const side of round % 2 === 0 ? (['on', 'off'] as const) : (['off', 'on'] as const)) await run(bench, side)

/** Of the two in the middle where there is none. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  const half = sorted.length / 2
  return ((sorted[Math.ceil(half) - 1] ?? Number.NaN) + (sorted[Math.floor(half)] ?? Number.NaN)) / 2
}

for (const bench of benches) {
  const valuesOf = (side: string, name: string): readonly number[] =>
    (results.get(`${bench} ${side}`) ?? []).map((numbers) => Number(numbers[name]))
  const name = 'server CPU ms per 1,000 edits'
  const [on, off] = [valuesOf('on', name), valuesOf('off', name)]
  const each = (values: readonly number[]): string => values.map((value) => value.toFixed(1)).join(' ')
  console.log(`${bench}: ${name}: on ${each(on)}, off ${each(off)}`)
  console.log(`${bench}: p99 ms: on ${median(valuesOf('on', 'p99 ms')).toFixed(1)}, off ${median(valuesOf('off', 'p99 ms')).toFixed(1)}`)
  // Of each round by itself: what else the machine does changes from one to the next.
  const ratios = on.map((value, round) => value / (off[round] ?? Number.NaN))
  judge(`${bench}: limits on, beside off`, (median(ratios) - 1) * 100, 3, '%')
}
