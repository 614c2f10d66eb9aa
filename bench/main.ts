// `npm run bench [-- name …]`: runs the benchmarks one after another, each in a process of its own, on core 1 where there are two.
import { spawnSync } from 'node:child_process'
import os from 'node:os'
import { fileURLToPath } from 'node:url'

const names = ['latency', 'room', 'documents', 'joins', 'cursors', 'memory', 'connections']
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const flags = process.argv.slice(2).filter((argument) => argument.startsWith('--'))
const unknown = wanted.filter((name) => !names.includes(name))
if (unknown.length > 0) {
  console.error(`Unknown benchmark: ${unknown.join(', ')}. There are: ${names.join(', ')}.`)
  process.exit(2)
}
console.log(`Node ${process.version}, ${os.cpus().length} × ${os.cpus()[0]?.model ?? 'unknown processor'}`)
const pinned = spawnSync('taskset', ['--version']).status === 0 && os.cpus().length > 1
let failed = false
for (const name of wanted.length > 0 ? wanted : names) {
  const script = [process.execPath, fileURLToPath(new URL(`./${name}.js`, import.meta.url)), ...flags]
  const [command = '', ...args] = pinned ? ['taskset', '-c', '1', ...script] : script
  failed = spawnSync(command, args, { stdio: 'inherit' }).status !== 0 || failed
}
process.exit(failed ? 1 : 0)
