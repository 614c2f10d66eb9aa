// A PostgreSQL for the server that is measured, and what it costs: `--store=postgres`.
import fs from 'node:fs'
import { startPostgres } from '../test/helpers/postgres.js'
import { cpuSecondsOf } from './processes.js'

export interface MeasuredDatabase {
  readonly url: string
  /** User plus system time of all its processes so far. */
  cpuSeconds(): number
  /** How long its write-ahead log has become, in bytes. */
  walBytes(): Promise<number>
  stop(): Promise<void>
}

/** With its defaults: each commit is synced. */
export async function startDatabase(): Promise<MeasuredDatabase> {
  const postgres = await startPostgres()
  return {
    url: await postgres.createDatabase(),
    cpuSeconds: () => [postgres.pid, ...childrenOf(postgres.pid)].reduce((sum, pid) => sum + cpuSecondsOf(pid), 0),
    walBytes: async () => Number((await postgres.run("SELECT pg_current_wal_lsn() - '0/0' AS bytes")).rows[0].bytes),
    stop: () => postgres.stop(),
  }
}

/** A server has a process for each connection. */
function childrenOf(pid: number): number[] {
  const tasks = fs.readdirSync(`/proc/${pid}/task`)
  return tasks
    .flatMap((task) => fs.readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' '))
    .filter(Boolean)
    .map(Number)
}
