// `npm run cluster -- --nodes 3 --port 4101`: PostgreSQL, Redis and some nodes as plain processes on this machine, for trying a cluster out. Prints one
// line of JSON for each process, then `ready`; Ctrl-C ends all of them. What they hold is gone afterwards.
import { parseArgs } from 'node:util'
import { build } from './build.mjs'
import { ensureRedis } from './components.mjs'

const { values } = parseArgs({
  options: { nodes: { type: 'string', default: '3' }, port: { type: 'string', default: '4101' } },
})

function wholeNumber(name, least, most) {
  const value = Number(values[name])
  if (Number.isInteger(value) && value >= least && value <= most) return value
  console.error(`--${name} is "${values[name]}"; it takes a whole number from ${least} to ${most}.`)
  process.exit(2)
}

const nodes = wholeNumber('nodes', 1, 20)
const firstPort = wholeNumber('port', 1, 65_000)

Object.assign(process.env, ensureRedis())
await build({ ifStale: true })
const { LocalCluster } = await import('../dist/test/helpers/local-cluster.js')
const cluster = await LocalCluster.start({ nodes, firstPort }).catch((error) => {
  console.error(`The cluster could not be started. ${error.message}`)
  process.exit(1)
})
const line = (role, pid, url) => console.log(JSON.stringify({ role, pid, url }))
line('postgres', cluster.postgres.pid, cluster.databaseUrl)
line('redis', cluster.redis.pid, cluster.redis.url)
for (const node of cluster.nodes) line('node', node.pid, node.url)
console.log('ready')

let stopping = false
const stop = async () => {
  if (stopping) return
  stopping = true
  await cluster.stop()
  process.exit(0)
}
process.on('SIGINT', stop)
process.on('SIGTERM', stop)
// The terminal was closed.
process.on('SIGHUP', stop)
