// The command line with a PostgreSQL store that breaks its word as WEFT_BREAK says, so that the tests can show that the checker notices. It is the modules, since nothing of the bundled
// program can be replaced.
//   acknowledge-first   says "committed" at once and commits 200 ms later
//   slow                commits 300 ms later, and says so when it has: honest, but a node that is stopped has appends under way when it resumes
//   slow-unfenced       the same, and writes the rows whatever the shard's epoch is
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { PostgresStore } from '../../persistence/postgres/postgres-store.js'
import type { AppendEntry, AppendResult } from '../../persistence/store.js'

const nobodyFenced: AppendResult = { fencedShards: new Set() }
const append = PostgresStore.prototype.append
let last: Promise<unknown> = Promise.resolve()

switch (process.env['WEFT_BREAK']) {
  case 'acknowledge-first':
    PostgresStore.prototype.append = function (entries) {
      last = last
        .then(() => sleep(200))
        .then(() => append.call(this, entries))
        .catch(() => {})
      return Promise.resolve(nobodyFenced)
    }
    break
  case 'slow':
    PostgresStore.prototype.append = async function (entries) {
      await sleep(300)
      return append.call(this, entries)
    }
    break
  case 'slow-unfenced':
    PostgresStore.prototype.append = async function (entries) {
      await sleep(300)
      for (const entry of entries) if (!(await appendUnfenced(entry))) await append.call(this, [entry])
      return nobodyFenced
    }
    break
  default:
    throw new Error('WEFT_BREAK takes acknowledge-first, slow or slow-unfenced.')
}

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 2 })
pool.on('error', () => {})

/** False for a document that is not there yet. */
async function appendUnfenced({ documentId, fence, update }: AppendEntry): Promise<boolean> {
  const { rowCount } = await pool.query(
    `INSERT INTO weft.log (key, seq, epoch, committed_at, bytes)
     SELECT key, (SELECT max(seq) + 1 FROM weft.log WHERE log.key = document.key), $2, weft.now_ms(), $3 FROM weft.document WHERE id = $1`,
    [Buffer.from(documentId), fence.epoch, update],
  )
  return rowCount === 1
}

await import('../../server/command.js')
