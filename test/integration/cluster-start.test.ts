// Starting nodes of a cluster as processes: what is wrong with a setting is refused with the name of the setting; what will pass is waited for.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createTcpServer } from 'node:net'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { silentLogger } from '../../core/log.js'
import { migrations } from '../../persistence/postgres/migrations/index.js'
import { createServer } from '../../server/index.js'
import { freePort } from '../helpers/free-port.js'
import { type PostgresServer, startPostgres } from '../helpers/postgres.js'
import { RawClient } from '../helpers/raw-client.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { repositoryRoot } from '../helpers/repository.js'
import { ServerProcess } from '../helpers/server-process.js'
import { until } from '../helpers/until.js'

const mainFile = fileURLToPath(new URL('../../weft/main.js', import.meta.url))
const secret = 'the secret of this test'

let postgres: PostgresServer
let redis: RedisServer
before(async () => {
  const started = await Promise.all([startPostgres({ settings: ['fsync = off'] }), startRedis()])
  postgres = started[0]
  redis = started[1]
})
after(() => Promise.all([postgres.stop(), redis.stop()]))

interface Ended {
  readonly code: number | null
  /** What it wrote for people, to either stream. */
  readonly says: string
}

/** Runs the program until it ends by itself. */
async function run(...args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [mainFile, ...args, '--log-level', 'silent'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, CLUSTER_SECRET: secret },
  })
  let says = ''
  const hear = (text: string): void => {
    says += text
  }
  child.stdout.setEncoding('utf8').on('data', hear)
  child.stderr.setEncoding('utf8').on('data', hear)
  const killWithParent = (): void => void child.kill('SIGKILL')
  process.once('exit', killWithParent)
  await once(child, 'close')
  process.off('exit', killWithParent)
  return { code: child.exitCode, says }
}

/** Runs a node that should not come up. */
const refused = (databaseUrl: string, ...flags: readonly string[]): Promise<Ended> =>
  run('serve', '--port', '0', '--database-url', databaseUrl, ...flags)

const readiness = async (node: ServerProcess): Promise<string> => (await fetch(`${node.url}/readyz`)).text()

describe('a setting that is wrong', { concurrency: 3 }, () => {
  test('G5: a database that is not there, or not this cluster’s: exit code 2, naming DATABASE_URL or the secret', async () => {
    const url = await postgres.createDatabase()
    const missing = await refused(`${url}-missing`)
    assert.equal(missing.code, 2)
    assert.match(missing.says, /does not exist.*DATABASE_URL/s)
    const node = await ServerProcess.start({ environment: { DATABASE_URL: url, CLUSTER_SECRET: secret } })
    try {
      await until(async () => (await fetch(`${node.url}/readyz`)).ok, 'the first cluster to be ready')
      const second = await refused(url, '--cluster-secret', 'another secret of the right length')
      assert.equal(second.code, 2)
      assert.match(second.says, /CLUSTER_SECRET|--cluster-secret/)
      assert.ok((await fetch(`${node.url}/readyz`)).ok, 'the first cluster goes on')
    } finally {
      await node.dispose()
    }
  })

  test('G5: an advertised address that nobody can reach, or at which something else listens: exit code 2, naming --advertise', async () => {
    const url = await postgres.createDatabase()
    const other = createTcpServer((socket) => socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'))
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = other.address()
    assert.ok(address !== null && typeof address === 'object')
    try {
      const [nobody, unknown, something] = await Promise.all([
        refused(url, '--advertise', `127.0.0.1:${await freePort()}`),
        refused(url, '--advertise', 'nowhere.invalid:1234'),
        refused(url, '--advertise', `127.0.0.1:${address.port}`),
      ])
      for (const { code, says } of [nobody, unknown, something]) {
        assert.equal(code, 2)
        assert.match(says, /cannot be reached.*--advertise \(ADVERTISE\)/s)
      }
      assert.match(nobody.says, /ECONNREFUSED/)
      assert.match(something.says, /HTTP 404/)
      assert.equal((await postgres.run('SELECT FROM weft.node', new URL(url).pathname.slice(1))).rows.length, 0, 'none of them joined')
    } finally {
      other.close()
    }
  })

  test('G5: the address of another node of the cluster: refused, and taken with --no-advertise-check, for which dialling says what is wrong', async () => {
    const url = await postgres.createDatabase()
    const environment = { DATABASE_URL: url, CLUSTER_SECRET: secret }
    const node = await ServerProcess.start({ environment })
    try {
      await until(async () => (await fetch(`${node.url}/readyz`)).ok, 'the first node to be ready')
      const advertise = ['--advertise', `127.0.0.1:${node.port}`]
      const second = await refused(url, ...advertise)
      assert.equal(second.code, 2)
      assert.match(second.says, /another node listens there.*--advertise/s)
      const unchecked = await ServerProcess.start({ environment, flags: [...advertise, '--no-advertise-check'] })
      try {
        await until(async () => (await fetch(`${unchecked.url}/readyz`)).ok, 'the second node to be ready')
        // Some of these documents are the second node's, and to reach it the first would have to reach itself.
        const clients = await Promise.all(
          Array.from({ length: 20 }, (_, number) => RawClient.connect(`${node.webSocketUrl}/document-${number}`)),
        )
        await until(() => /leads back to this node.*--advertise/.test(node.output), 'the first node to say what is wrong')
        for (const client of clients) client.socket.terminate()
      } finally {
        await unchecked.dispose()
      }
    } finally {
      await node.dispose()
    }
  })

  test('G5: a Redis that does not let this user publish: exit code 2, naming REDIS_URL', async () => {
    await redis.run('ACL', 'SETUSER', 'mute', 'on', '>mute', '~*', '+@all', '-publish', '-subscribe', '-spublish', '-ssubscribe')
    const { code, says } = await refused(await postgres.createDatabase(), '--redis-url', `redis://mute:mute@127.0.0.1:${redis.port}`)
    assert.equal(code, 2)
    assert.match(says, /REDIS_URL/)
  })
})

test('G5: a start that fails in the middle says so to whoever asks, and leaves no connection to the database or to Redis behind', async () => {
  await redis.run('ACL', 'SETUSER', 'dumb', 'on', '>dumb', '~*', '+@all', '-publish', '-subscribe', '-spublish', '-ssubscribe')
  const databaseUrl = await postgres.createDatabase()
  const server = await createServer({
    cluster: { databaseUrl, secret, redisUrl: `redis://dumb:dumb@127.0.0.1:${redis.port}` },
    demo: false,
    logger: silentLogger,
  })
  try {
    await server.listen(0)
    await assert.rejects(server.ready, { code: 'invalid-configuration' })
    const readiness = await fetch(`${server.url}/readyz`)
    assert.deepEqual([readiness.status, await readiness.text()], [503, 'failed: a setting has to change; the log says more\n'])
    const connections = `SELECT FROM pg_stat_activity WHERE datname = '${new URL(databaseUrl).pathname.slice(1)}'`
    await until(async () => (await postgres.run(connections)).rows.length === 0, 'the connections to the database to be gone')
    await until(async () => !String(await redis.run('CLIENT', 'LIST')).includes('user=dumb'), 'the connections to Redis to be gone')
  } finally {
    await server.close()
  }
})

test('weft migrate brings a database up to date, says so when there is nothing to do, and refuses a wrong address with exit code 2', async () => {
  const url = await postgres.createDatabase()
  const early = await refused(url, '--no-migrate')
  assert.equal(early.code, 2)
  assert.match(early.says, /weft migrate/)
  assert.deepEqual(await run('migrate', '--database-url', url), {
    code: 0,
    says: `Migrated the database from version 0 to ${migrations.length}.\n`,
  })
  assert.deepEqual(await run('migrate', '--database-url', url), {
    code: 0,
    says: `The database is up to date (version ${migrations.length}).\n`,
  })
  const wrong = await run('migrate', '--database-url', `${url}-missing`)
  assert.equal(wrong.code, 2)
  assert.match(wrong.says, /DATABASE_URL/)
})

test('G5: a cluster takes another secret as docs/operations.md says; before that it is refused with the setting to change', async (context) => {
  const [, statement = ''] =
    /`(UPDATE weft\.cluster [^`]+)`/.exec(readFileSync(path.join(repositoryRoot, 'docs/operations.md'), 'utf8')) ?? []
  const database = await postgres.createDatabase()
  const started = async (CLUSTER_SECRET: string): Promise<ServerProcess> => {
    const node = await ServerProcess.start({ environment: { DATABASE_URL: database, CLUSTER_SECRET } })
    context.after(() => node.dispose())
    await until(async () => (await fetch(`${node.url}/readyz`)).status === 200, 'the node is ready')
    return node
  }
  await (await started(secret)).stop()
  const other = 'another secret of this test'
  const early = await refused(database, '--cluster-secret', other)
  assert.equal(early.code, 2)
  assert.match(early.says, /cluster-secret|CLUSTER_SECRET/)
  await postgres.run(statement, new URL(database).pathname.slice(1))
  await (await started(other)).stop()
  assert.equal((await refused(database)).code, 2, 'and the one before is refused')
})

test('a node in a program: a database and a secret are enough; without Redis it says that it knows only its own presence', async () => {
  const server = await createServer({
    cluster: { databaseUrl: await postgres.createDatabase(), secret },
    demo: false,
    logger: silentLogger,
  })
  try {
    await server.listen(0)
    await server.ready
    const { complete, clients } = await (await fetch(`${server.url}/api/v1/documents/plan/presence`)).json()
    assert.deepEqual([complete, clients], [false, []])
  } finally {
    await server.close()
  }
})

describe('what will pass', () => {
  test('G5: a node that starts while PostgreSQL is down says so, and serves when it comes', async (context) => {
    const own = await startPostgres({ settings: ['fsync = off'] })
    context.after(() => own.stop())
    const url = await own.createDatabase()
    await own.kill('SIGKILL')
    const node = await ServerProcess.start({ environment: { DATABASE_URL: url, CLUSTER_SECRET: secret } })
    try {
      await until(async () => (await readiness(node)) === 'starting: waiting for the database\n', 'the node to say what it waits for')
      assert.equal((await fetch(`${node.url}/readyz`)).status, 503)
      assert.equal((await fetch(`${node.url}/healthz`)).status, 200)
      assert.match(node.output, /the database does not answer; waiting for it/)
      await own.start()
      await until(async () => (await fetch(`${node.url}/readyz`)).ok, 'the node to be ready')
    } finally {
      await node.dispose()
      await own.stop()
    }
  })
})
