// `npm run bench [-- name …]`: runs the benchmarks one after another, each in a process of its own, on core 1 where there are two, and prints at the end
// which targets were met. With `--peers`: Weft, other servers and a bare relay, in turns (see side-by-side.ts).
import { spawn, spawnSync } from 'node:child_process'
import os from 'node:os'
import readline from 'node:readline'
import { fileURLToPath } from 'node:url'
import { reportPrefix, resultPrefix, type Verdict } from './harness.js'
import { sideBySide } from './side-by-side.js'

const oneMachine = ['latency', 'transports', 'room', 'documents', 'joins', 'cursors', 'scoped-cursors', 'dialects', 'memory', 'connections']
/** These need PostgreSQL or Redis as the tests do, and run by name. */
const cluster = ['postgres', 'link', 'redis', 'takeover', 'viewers']
/** Some minutes, by name. */
const long = ['limits']
const parts = ['store', 'updates', 'history']
const names = [...oneMachine, ...cluster, ...parts, ...long]
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const flags = process.argv.slice(2).filter((argument) => argument.startsWith('--'))
const unknown = wanted.filter((name) => !names.includes(name))
if (unknown.length > 0) {
  console.error(`Unknown benchmark: ${unknown.join(', ')}. There are: ${names.join(', ')}.`)
  process.exit(2)
}
const load = os
  .loadavg()
  .map((value) => value.toFixed(1))
  .join(' ')
console.log(`Node ${process.version}, ${os.cpus().length} × ${os.cpus()[0]?.model ?? 'unknown processor'}, load ${load}`)
const pinned = spawnSync('taskset', ['--version']).status === 0 && os.cpus().length > 1
const verdicts: Verdict[] = []

/** Runs one benchmark and passes its lines on. True if it ended well. */
async function run(name: string): Promise<boolean> {
  const script = [process.execPath, fileURLToPath(new URL(`./${name}.js`, import.meta.url)), ...flags]
  const [command = '', ...args] = pinned ? ['taskset', '-c', '1', ...script] : script
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<boolean>((resolve) => child.once('exit', (code) => resolve(code === 0)))
  for await (const line of readline.createInterface({ input: child.stdout })) {
    if (line.startsWith(reportPrefix)) continue
    if (line.startsWith(resultPrefix)) verdicts.push(JSON.parse(line.slice(resultPrefix.length)) as Verdict)
    else console.log(line)
  }
  return ended
}

if (flags.includes('--peers')) {
  await sideBySide(flags)
  process.exit(0)
}

let failed = false
for (const name of wanted.length > 0 ? wanted : oneMachine) failed = !(await run(name)) || failed

if (verdicts.length > 0) console.log(`\n${'target'.padEnd(46)} ${'measured'.padStart(10)} ${'at most'.padStart(10)}`)
for (const { target, value, limit, unit, met } of verdicts)
  console.log(
    `${target.padEnd(46)} ${String(value).padStart(10)} ${String(limit).padStart(10)} ${unit.padEnd(20)} ${met ? 'met' : 'MISSED'}`,
  )
process.exit(failed ? 1 : 0)
