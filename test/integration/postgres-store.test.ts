// The PostgreSQL store against what happens to databases: several nodes starting at once, wrong settings, restarts and kills, a pooler in between.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { shardOf } from '../../core/document-id.js'
import { WeftError } from '../../core/errors.js'
import { silentLogger } from '../../core/log.js'
import { systemRandom } from '../../core/random.js'
import { byteaArray, int4Array, int8Array, textArray } from '../../persistence/postgres/binary-array.js'
import { Database } from '../../persistence/postgres/database.js'
import { migrate, schemaVersion } from '../../persistence/postgres/migrate.js'
import { migrations } from '../../persistence/postgres/migrations/index.js'
import { openPostgresStore, PostgresStore, type PostgresStoreOptions } from '../../persistence/postgres/postgres-store.js'
import type { Claimant, DocumentStore, Fence } from '../../persistence/store.js'
import { bytesOf, contractTest, takeFence } from '../contract/fixture.js'
import { ownershipContract } from '../contract/ownership.js'
import { freePort } from '../helpers/free-port.js'
import { type PostgresServer, startPostgres } from '../helpers/postgres.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'
import { until } from '../helpers/until.js'

// Processes are killed here, not machines: what the server wrote is in the kernel's hands, and syncing it would only make the tests slow.
const settings = ['fsync = off']

let server: PostgresServer
before(async () => {
  server = await startPostgres({ settings })
})
after(() => server.stop())

const open = (url: string, options: Partial<PostgresStoreOptions> = {}): Promise<PostgresStore> =>
  openPostgresStore({ url, logger: silentLogger, random: systemRandom, ...options })

const nameOf = (url: string): string => new URL(url).pathname.slice(1)

async function refusal(promise: Promise<unknown>): Promise<WeftError> {
  const thrown = await promise.then(
    () => null,
    (error: unknown) => error,
  )
  assert.ok(thrown instanceof WeftError, `rejects with a WeftError, not ${String(thrown)}`)
  return thrown
}

describe('migrations', () => {
  test('five nodes that start at once on an empty database agree on one schema and one cluster', async () => {
    const url = await server.createDatabase()
    const stores = await Promise.all(Array.from({ length: 5 }, () => open(url)))
    assert.equal(new Set(stores.map((store) => store.clusterId)).size, 1)
    const applied = await server.run('SELECT version FROM weft.migration', nameOf(url))
    assert.deepEqual(
      applied.rows.map((row) => row.version),
      migrations.map((migration) => migration.version),
    )
    await Promise.all(stores.map((store) => store.close()))
  })

  test('migrating again changes nothing; a failed step leaves the schema as it was', async () => {
    const url = await server.createDatabase()
    const database = new Database({ url, logger: silentLogger })
    const newest = migrations.length
    assert.deepEqual(await migrate(database), { from: 0, to: newest })
    assert.deepEqual(await migrate(database), { from: newest, to: newest })
    const next = { version: newest + 1, name: 'broken', sql: 'CREATE TABLE weft.half (a int); SELECT 1 / 0' }
    await assert.rejects(migrate(database, [...migrations, next]))
    assert.equal(await schemaVersion(database), newest)
    const half = await server.run(`SELECT to_regclass('weft.half') AS half`, nameOf(url))
    assert.equal(half.rows[0].half, null)
    const repaired = { ...next, sql: 'CREATE TABLE weft.half (a int)' }
    assert.deepEqual(await migrate(database, [...migrations, repaired]), { from: newest, to: newest + 1 })
    await database.close()
  })

  test('No migration locks more than one of the tables that were there before it, so it and nodes that write cannot wait for each other', async () => {
    const url = await server.createDatabase()
    const database = new Database({ url, logger: silentLogger })
    await migrate(database, migrations.slice(0, 1))
    for (const migration of migrations.slice(1)) {
      // The modes that conflict with a writer's, as the step holds them at its end.
      const held = `
        CREATE TABLE IF NOT EXISTS weft.held (migration int, name text);
        INSERT INTO weft.held SELECT ${migration.version}, locked.relation::regclass::text FROM pg_locks AS locked
          JOIN pg_class ON pg_class.oid = locked.relation AND pg_class.relkind = 'r' AND pg_class.relnamespace = 'weft'::regnamespace
          WHERE locked.pid = pg_backend_pid() AND locked.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
            AND locked.relation = ANY (SELECT oid FROM pg_temp.before)`
      const sql = `CREATE TEMP TABLE before ON COMMIT DROP AS SELECT oid FROM pg_class WHERE relnamespace = 'weft'::regnamespace; ${migration.sql}; ${held}`
      await migrate(database, [...migrations.slice(0, migration.version - 1), { ...migration, sql }])
    }
    const { rows } = await server.run(
      'SELECT migration, array_agg(name) AS tables FROM weft.held GROUP BY migration ORDER BY migration',
      nameOf(url),
    )
    await database.close()
    assert.ok(rows.length >= 3, `the locks of several migrations are seen: ${JSON.stringify(rows)}`)
    assert.deepEqual(
      rows.filter(({ tables }) => tables.length > 1),
      [],
    )
  })

  test('D6, H5: a node of the version before goes on beside a migration and after it, and its rows are read beside those that name their users', async () => {
    const url = await server.createDatabase()
    const database = new Database({ url, logger: silentLogger })
    await migrate(database, migrations.slice(0, 3))
    const before = new PostgresStore(database, 'a cluster')
    const fence = await takeFence(before, 'a')
    // As that version appends: the functions that it knows, with eight parameters.
    const append = async (documentId: string, seq: number): Promise<void> => {
      const fences = [int4Array([fence.shard]), int8Array([fence.epoch]), textArray([fence.boot]), int4Array([1])]
      const entry = [byteaArray([bytesOf(documentId)]), textArray(['life']), int8Array([seq]), byteaArray([bytesOf(`${seq}`)])]
      await database.run('append', 'SELECT keys FROM weft.append_all($1, $2, $3, $4, $5, $6, $7, $8)', [...fences, ...entry])
    }
    let seq = 0
    let others = 0
    let migrated = false
    const appending = (async () => {
      do await append('a', ++seq)
      while (!migrated)
      for (let more = 0; more < 3; more++) await append('a', ++seq)
    })()
    // First rows take other locks than later ones: a document is made with them.
    const making = (async () => {
      do await append(`other ${++others}`, 1)
      while (!migrated)
    })()
    await until(() => others > 2, 'a document to be made')
    const after = await open(url)
    migrated = true
    await Promise.all([appending, making])
    assert.equal((await after.openDocument('a')).head, seq)
    assert.equal((await after.openDocument(`other ${others}`)).head, 1)
    const next = await takeFence(after, 'a', { nodeId: 'of this version', boot: 'new' })
    const entry = { documentId: 'a', fence: next, seq: seq + 1, incarnation: 'life', update: bytesOf('new') }
    await after.append([{ ...entry, users: ['ann'], firstUses: [{ clientId: 1, user: 'ann' }] }])
    const { items } = await after.readAuthors('a', { afterSeq: seq - 1, limit: 10 })
    assert.deepEqual(
      items.map(({ users }) => users),
      [[], ['ann']],
    )
    // What deletes a document is the same for both, and takes everything.
    const last = await takeFence(before, 'a')
    assert.equal(await before.deleteDocument('a', last), 'written')
    assert.deepEqual((await after.readFirstUses('a', { limit: 10 })).items, [])
    await Promise.all([before.close(), after.close()])
  })

  test('G5: a schema from the future is refused, with or without migrating', async () => {
    const url = await server.createDatabase()
    await (await open(url)).close()
    await server.run(`INSERT INTO weft.migration (version, name) VALUES (99, 'of the future')`, nameOf(url))
    for (const migrateOnStart of [true, false]) {
      const error = await refusal(open(url, { migrate: migrateOnStart }))
      assert.equal(error.code, 'invalid-configuration')
      assert.match(error.message, /schema 99.*newer version of Weft/)
    }
  })

  test('G5: with migrating switched off, an old schema is refused and the command is named', async () => {
    const error = await refusal(open(await server.createDatabase(), { migrate: false }))
    assert.equal(error.code, 'invalid-configuration')
    assert.match(error.message, /weft migrate/)
  })
})

describe('settings', () => {
  test('G5: a database that is not there, a user who may not, a wrong name: refused, naming DATABASE_URL', async () => {
    const url = await server.createDatabase()
    await server.run('CREATE ROLE visitor LOGIN', nameOf(url))
    await server.run(`REVOKE ALL ON DATABASE ${nameOf(url)} FROM PUBLIC; GRANT CONNECT ON DATABASE ${nameOf(url)} TO visitor`, nameOf(url))
    for (const wrong of [
      server.url('no_such_database'),
      server.url(nameOf(url), 'visitor'),
      server.url(nameOf(url), 'nobody_of_that_name'),
    ]) {
      const error = await refusal(open(wrong))
      assert.equal(error.code, 'invalid-configuration', error.message)
      assert.match(error.message, /DATABASE_URL/)
      assert.equal(error.retryable, false)
    }
  })

  test('G5: a user who may use the schema but not create one runs on a migrated database', async () => {
    const url = await server.createDatabase()
    await (await open(url)).close()
    await server.run(
      `CREATE ROLE worker LOGIN; GRANT USAGE ON SCHEMA weft TO worker;
       GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA weft TO worker`,
      nameOf(url),
    )
    const store = await open(server.url(nameOf(url), 'worker'))
    const fence = await takeFence(store, 'a')
    assert.equal((await store.append([{ documentId: 'a', fence, seq: 1, incarnation: 'life', update: bytesOf('x') }])).fencedShards.size, 0)
    await store.close()
  })

  test('G5: who was given the tables of the version before may use those that came since', async () => {
    const url = await server.createDatabase()
    const database = new Database({ url, logger: silentLogger })
    await migrate(database, migrations.slice(0, 3))
    await server.run(
      `CREATE ROLE "An odd name" LOGIN; GRANT USAGE ON SCHEMA weft TO "An odd name";
       GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA weft TO "An odd name"`,
      nameOf(url),
    )
    await migrate(database)
    await database.close()
    const store = await open(server.url(nameOf(url), 'An%20odd%20name'), { migrate: false })
    const fence = await takeFence(store, 'a')
    const entry = { documentId: 'a', fence, seq: 1, incarnation: 'life', update: bytesOf('x') }
    await store.append([{ ...entry, users: ['ann'], firstUses: [{ clientId: 1, user: 'ann' }] }])
    assert.equal((await store.readFirstUses('a', { limit: 1 })).items.length, 1)
    await store.close()
  })

  test('G5: nobody listening is a database that does not answer: retryable', async () => {
    const error = await refusal(open(`postgres://weft@127.0.0.1:${await freePort()}/weft`))
    assert.equal(error.code, 'store-unavailable')
    assert.equal(error.retryable, true)
  })

  test('G5: a second cluster in one database is refused by its name', async () => {
    const url = await server.createDatabase()
    await (await open(url)).close()
    await (await open(url, { clusterName: 'blue' })).close()
    await (await open(url)).close()
    const error = await refusal(open(url, { clusterName: 'green' }))
    assert.equal(error.code, 'invalid-configuration')
    assert.match(error.message, /"blue".*"green"/)
  })
})

describe('behind a transaction pooler', () => {
  let url: string
  before(async () => {
    url = await server.createDatabase()
    await (await open(url)).close()
  })
  // No statement may rely on what an earlier one left on its connection: here each gets a connection that nobody used before.
  ownershipContract(
    contractTest(async () => {
      await server.run(
        'TRUNCATE weft.log, weft.document, weft.snapshot, weft.node, weft.lease, weft.change_cursor; UPDATE weft.shard_owner SET epoch = 0, node_id = NULL, boot = NULL WHERE epoch > 0',
        nameOf(url),
      )
      const database = new Database({ url, logger: silentLogger, usesPerConnectionMax: 1 })
      const store = new PostgresStore(database, 'a cluster')
      return { store, setClockWrong: () => assert.fail('unused'), cleanup: () => store.close() }
    }),
  )

  test('O1: no lock, prepared statement or setting stays behind on a connection', async () => {
    const database = new Database({ url, logger: silentLogger })
    const store = new PostgresStore(database, 'a cluster')
    const fence = await takeFence(store, 'left behind')
    await store.append([{ documentId: 'left behind', fence, seq: 1, incarnation: 'life', update: bytesOf('x') }])
    await store.membership.heartbeat({ nodeId: 'a', boot: 'b', advertise: 'c:1', version: '1', draining: false })
    for (const lane of ['control', 'append', 'bulk'] as const) {
      const [left] = await database.read(
        lane,
        `SELECT (SELECT count(*)::int FROM pg_prepared_statements) AS statements, (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory') AS locks,
           (SELECT count(*)::int FROM pg_settings WHERE source = 'session' AND name NOT IN ('application_name')) AS settings,
           (SELECT count(*)::int FROM pg_listening_channels()) AS channels`,
      )
      assert.deepEqual(left, { statements: 0, locks: 0, settings: 0, channels: 0 }, lane)
    }
    await store.close()
  })
})

describe('a database that goes away', () => {
  /** Appends until told to stop, repeating a batch whose outcome is unknown as the log writer does. Answers the acknowledged updates in order. */
  async function write(store: DocumentStore, documentId: string, fence: Fence, until: () => boolean): Promise<readonly Uint8Array[]> {
    const acknowledged: Uint8Array[] = []
    while (!until()) {
      const update = bytesOf(`${documentId} ${acknowledged.length + 1};`)
      const entry = { documentId, fence, seq: acknowledged.length + 1, incarnation: 'life', update }
      try {
        const { fencedShards } = await store.append([entry])
        assert.equal(fencedShards.size, 0, 'nobody else writes here')
        acknowledged.push(update)
      } catch (error) {
        assert.ok(error instanceof WeftError && error.code === 'store-unavailable', String(error))
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    return acknowledged
  }

  for (const signal of ['SIGKILL', 'SIGQUIT'] as const)
    test(`D3: what was acknowledged survives a database that is ended by ${signal} and started again, three times`, async () => {
      const own = await startPostgres({ settings })
      let stopped = false
      try {
        const store = await open(await own.createDatabase())
        let acknowledged = 0
        const counting: DocumentStore['append'] = async (entries) => {
          const result = await store.append(entries)
          acknowledged += entries.length
          return result
        }
        const counted = new Proxy(store, {
          get: (target, name) => {
            if (name === 'append') return counting
            const member: unknown = Reflect.get(target, name, target)
            return typeof member === 'function' ? member.bind(target) : member
          },
        })
        const ids = ['first', 'second', 'third']
        assert.equal(new Set(ids.map(shardOf)).size, 3)
        const fences = await Promise.all(ids.map((id) => takeFence(store, id)))
        const writing = Promise.all(ids.map((id, index) => write(counted, id, fences[index] as Fence, () => stopped)))
        let failed = false
        writing.catch(() => {
          failed = true
        })
        const thirtyMore = async (): Promise<void> => {
          const goal = acknowledged + 30
          while (acknowledged < goal && !failed) await new Promise((resolve) => setTimeout(resolve, 1))
          if (failed) await writing
        }
        for (let kill = 1; kill <= 3; kill++) {
          await thirtyMore()
          await own.kill(signal)
          await own.start()
        }
        await thirtyMore()
        stopped = true
        const written = await writing
        for (const [index, id] of ids.entries()) {
          const read = await store.openDocument(id)
          assert.deepEqual(
            read.tail.map((row) => row.update.toString()),
            (written[index] ?? []).map((update) => Buffer.from(update).toString()),
            'exactly the acknowledged rows, once and in order',
          )
        }
        await store.close()
      } finally {
        stopped = true
        await own.stop()
      }
    })

  test('D4, D7, O2: what hangs on connections that went silent is given up at once, and what follows takes others', async (context) => {
    const url = new URL(await server.createDatabase())
    const proxy = await TcpProxy.start({ host: url.hostname, port: Number(url.port) })
    context.after(() => proxy.stop())
    const database = nameOf(url.href)
    url.port = String(proxy.port)
    const store = await open(url.href)
    const self = { nodeId: 'a', boot: 'boot-a', advertise: '127.0.0.1:1', version: '1', draining: false }
    try {
      const fence = await takeFence(store, 'doc')
      const entry = { documentId: 'doc', fence, incarnation: 'i', update: bytesOf('a') }
      await store.append([{ ...entry, seq: 1 }])
      // Two connections, of which one is idle when the path goes silent.
      await Promise.all([store.openDocument('doc'), store.openDocument('doc')])
      await store.membership.heartbeat(self)
      const pids = async (): Promise<readonly number[]> => {
        const { rows } = await server.run(
          `SELECT pid FROM pg_stat_activity WHERE application_name = 'weft' AND datname = current_database()`,
          database,
        )
        return rows.map((row) => Number(row.pid))
      }
      const old = await pids()
      assert.ok(old.length >= 4)
      proxy.path = 'hold-both'
      const hanging = [store.append([{ ...entry, seq: 2 }]), store.openDocument('doc'), store.membership.heartbeat(self)].map(refusal)
      await new Promise((resolve) => setImmediate(resolve))
      store.membership.reconnect()
      for (const error of await Promise.all(hanging)) assert.equal(error.code, 'store-unavailable')
      proxy.path = 'open'
      await store.membership.heartbeat(self)
      // Whether the first try took effect is unknown; repeating it is safe.
      assert.equal((await store.append([{ ...entry, seq: 2 }])).fencedShards.size, 0)
      assert.equal((await store.openDocument('doc')).head, 2)
      await until(async () => (await pids()).every((pid) => !old.includes(pid)), 'the old connections to end')
    } finally {
      await store.close()
      await proxy.stop()
    }
  })

  test('O1: ownership that was read before is read anew after every change, a restart and a failover that lost a claim among them', async (context) => {
    const own = await startPostgres({ settings: ['fsync = off'] })
    context.after(() => own.stop())
    const store = await open(await own.createDatabase())
    const database = 'weft_1'
    const [a, b] = ['a', 'b'].map((name) => ({ nodeId: name, boot: `boot-${name}` })) as [Claimant, Claimant]
    const owners = async () => (await store.readOwnership()).map(({ shard, epoch, owner }) => `${shard}:${epoch}:${owner?.nodeId ?? ''}`)
    try {
      assert.deepEqual(await owners(), [])
      const grants = await store.claimShards(a, [
        { shard: 1, epoch: 0 },
        { shard: 2, epoch: 0 },
      ])
      assert.deepEqual(
        [await owners(), await owners()],
        [
          ['1:1:a', '2:1:a'],
          ['1:1:a', '2:1:a'],
        ],
      )
      await store.releaseShards(a, grants.slice(1))
      assert.deepEqual(await owners(), ['1:1:a', '2:1:'])
      await store.claimShards(b, [{ shard: 2, epoch: 1 }])
      assert.deepEqual(await owners(), ['1:1:a', '2:2:b'])
      // The standby that took over never had this claim, and gave the same epoch to somebody else.
      await own.run(`UPDATE weft.shard_owner SET node_id = 'a', boot = 'boot-a' WHERE shard = 2`, database)
      await own.kill('SIGKILL')
      await own.start()
      await until(async () => (await owners().catch(() => [])).join() === '1:1:a,2:2:a', 'the new owner to be seen')
      await own.run(`UPDATE weft.shard_owner SET epoch = 0, node_id = NULL, boot = NULL`, database)
      assert.deepEqual(await owners(), [])
    } finally {
      await store.close()
      await own.stop()
    }
  })

  test('O1: leases of boots that are long gone are forgotten, and one that comes back all the same is not misled by what it remembers', async () => {
    const url = await server.createDatabase()
    const [a, b] = await Promise.all([open(url), open(url)])
    const sql = (text: string) => server.run(text, nameOf(url))
    const leases = async (): Promise<readonly string[]> => {
      const { rows } = await sql('SELECT boot FROM weft.lease ORDER BY boot')
      return rows.map((row) => String(row.boot))
    }
    const shard = shardOf('doc')
    const claimants = { a: { nodeId: 'a', boot: 'boot-a' }, b: { nodeId: 'b', boot: 'boot-b' } }
    const claim = async (store: PostgresStore, claimant: Claimant, epoch: number): Promise<Fence> => {
      const [grant] = await store.claimShards(claimant, [{ shard, epoch }])
      assert.equal(grant?.epoch, epoch + 1)
      return { shard, epoch: epoch + 1, boot: claimant.boot }
    }
    const entry = (fence: Fence, seq: number, text: string) => ({ documentId: 'doc', fence, seq, incarnation: 'i', update: bytesOf(text) })
    try {
      const first = await claim(a, claimants.a, 0)
      await a.append([entry(first, 1, 'a')])
      await a.append([entry(first, 2, 'a')])
      await a.releaseShards(claimants.a, [first])
      await sql(`UPDATE weft.lease SET created_at = now() - interval '2 days'`)
      const second = await claim(b, claimants.b, 1)
      assert.deepEqual(await leases(), ['boot-b'])
      await b.append([entry(second, 3, 'b')])
      await sql(`UPDATE weft.lease SET created_at = now() - interval '2 days'`)
      await b.releaseShards(claimants.b, [second])
      const third = await claim(a, claimants.a, 2)
      assert.deepEqual(await leases(), ['boot-a'])
      // As an owner would that went by what its process remembers, without reading the document anew.
      assert.equal((await a.append([entry(third, 3, 'lost')])).fencedShards.size, 1)
      assert.equal((await a.openDocument('doc')).head, 3)
      assert.equal((await a.append([entry(third, 4, 'a')])).fencedShards.size, 0)
      await sql(`UPDATE weft.lease SET created_at = now() - interval '2 days'`)
      await b.claimShards(claimants.b, [{ shard: shard === 0 ? 1 : 0, epoch: 0 }])
      assert.deepEqual(await leases(), ['boot-a', 'boot-b'], 'an old boot that owns something keeps its lease')
    } finally {
      await Promise.all([a.close(), b.close()])
    }
  })

  test('O1: a statement that fails keeps its connection; refusals cost no new ones', async () => {
    const url = await server.createDatabase()
    const store = await open(url)
    try {
      const pids = async (): Promise<readonly number[]> => {
        const { rows } = await server.run(`SELECT pid FROM pg_stat_activity WHERE application_name = 'weft' ORDER BY pid`, nameOf(url))
        return rows.map((row) => Number(row.pid))
      }
      const fence = await takeFence(store, 'doc')
      const entry = { documentId: 'doc', fence, incarnation: 'i', update: bytesOf('a') }
      await store.append([{ ...entry, seq: 1 }])
      const before = await pids()
      // Raises in both straight ways, and is then refused.
      for (let time = 0; time < 3; time++)
        assert.equal((await store.append([{ ...entry, seq: 2, fence: { ...fence, epoch: fence.epoch + 1 } }])).fencedShards.size, 1)
      assert.deepEqual(await pids(), before)
    } finally {
      await store.close()
    }
  })

  test('D4: a read while the database is away rejects; it never answers an empty document', async () => {
    const own = await startPostgres({ settings })
    try {
      const store = await open(await own.createDatabase())
      const fence = await takeFence(store, 'a')
      await store.append([{ documentId: 'a', fence, seq: 1, incarnation: 'life', update: bytesOf('x') }])
      await own.kill()
      const reads = [store.openDocument('a'), store.readLog('a', 0, 1, 10), store.readAt('a', { seq: 1 })]
      for (const error of await Promise.all(reads.map(refusal))) assert.equal(error.code, 'store-unavailable')
      await own.start()
      assert.equal((await store.openDocument('a')).head, 1)
      await store.close()
    } finally {
      await own.stop()
    }
  })

  test('H5: after a failover that lost the newest authors, their numbers name nobody else', async () => {
    const own = await startPostgres({ settings })
    try {
      const url = await own.createDatabase()
      const store = await open(url)
      const fence = await takeFence(store, 'a')
      const entry = (seq: number, user: string) => ({
        ...{ documentId: 'a', fence, seq, incarnation: 'life', update: bytesOf(`${seq}`) },
        ...{ users: [user], firstUses: [{ clientId: seq, user }] },
      })
      await store.append([entry(1, 'ann')])
      await store.append([entry(2, 'ben')])
      await own.run(
        `DELETE FROM weft.log WHERE seq = 2; DELETE FROM weft.first_use WHERE seq = 2; DELETE FROM weft.author WHERE number = 2;
         ALTER TABLE weft.author ALTER COLUMN number RESTART WITH 2; INSERT INTO weft.author (id) VALUES ('cat')`,
        nameOf(url),
      )
      await own.kill()
      await own.start()
      const append = async (): Promise<void> => {
        for (;;)
          try {
            await store.append([entry(2, 'ben')])
            return
          } catch (thrown) {
            if (!(thrown instanceof WeftError) || thrown.code !== 'store-unavailable') throw thrown
          }
      }
      await append()
      const { items } = await store.readAuthors('a', { afterSeq: 0, limit: 9 })
      assert.deepEqual(
        items.map(({ users }) => users),
        [['ann'], ['ben']],
      )
      assert.deepEqual(
        (await store.readFirstUses('a', { limit: 9 })).items.map(({ user }) => user),
        ['ann', 'ben'],
      )
      await store.close()
    } finally {
      await own.stop()
    }
  })

  test('D5: after a failover that lost rows, an owner that remembers them is refused instead of leaving a hole', async () => {
    const own = await startPostgres({ settings })
    try {
      const url = await own.createDatabase()
      const store = await open(url)
      const fence = await takeFence(store, 'a')
      const entry = (seq: number) => ({ documentId: 'a', fence, seq, incarnation: 'life', update: bytesOf(`${seq}`) })
      for (let seq = 1; seq <= 4; seq++) await store.append([entry(seq)])
      await own.run('DELETE FROM weft.log WHERE seq = 4', nameOf(url))
      await own.kill()
      await own.start()
      let outcome: WeftError
      do outcome = await refusal(store.append([entry(5)]))
      while (outcome.code === 'store-unavailable')
      assert.equal(outcome.code, 'document-corrupt')
      assert.equal((await store.openDocument('a')).head, 3)
      await store.close()
    } finally {
      await own.stop()
    }
  })

  test('D5: rows that vanished from the log are an error that names the document', async () => {
    const url = await server.createDatabase()
    const store = await open(url)
    const fence = await takeFence(store, 'torn')
    for (let seq = 1; seq <= 5; seq++) await store.append([{ documentId: 'torn', fence, seq, incarnation: 'life', update: bytesOf('x') }])
    await server.run('DELETE FROM weft.log WHERE seq = 3', nameOf(url))
    const reads = [store.openDocument('torn'), store.readLog('torn', 0, 5, 1000), store.readAt('torn', { seq: 4 })]
    for (const error of await Promise.all(reads.map(refusal))) {
      assert.equal(error.code, 'document-corrupt')
      assert.match(error.message, /"torn"/)
    }
    await store.close()
  })
})
