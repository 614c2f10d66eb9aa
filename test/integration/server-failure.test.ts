// Servers whose store fails, at the start or later: they say so in words for people, nobody is left waiting, and they can be stopped.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { systemClock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import { silentLogger } from '../../core/log.js'
import { MemoryStore } from '../../persistence/index.js'
import { createServer, type WeftServer } from '../../server/index.js'
import { FaultyStore } from '../helpers/faulty-store.js'
import { freePort } from '../helpers/free-port.js'
import { type PostgresServer, startPostgres } from '../helpers/postgres.js'
import { until } from '../helpers/until.js'

let postgres: PostgresServer
before(async () => {
  postgres = await startPostgres({ settings: ['fsync = off'] })
})
after(() => postgres.stop())

const readiness = async (server: WeftServer): Promise<readonly [number, string]> => {
  const response = await fetch(`${server.url}/readyz`)
  return [response.status, (await response.text()).trim()]
}

const nodeOn = (databaseUrl: string): Promise<WeftServer> =>
  createServer({
    cluster: { databaseUrl, secret: 'the secret of this test' },
    demo: false,
    logger: silentLogger,
    onFatal: () => assert.fail('not expected to end'),
  })

test('D7: a server whose store has failed for good says so once, shows it in readyz, and lets nobody wait', async (context) => {
  const store = new FaultyStore(new MemoryStore({ clock: systemClock }))
  const fatal: WeftError[] = []
  const server = await createServer({ store, demo: false, logger: silentLogger, onFatal: (error) => void fatal.push(error) })
  context.after(() => server.close())
  await server.listen(0)
  const client = connect(server.url.replace('http', 'ws'))
  try {
    const doc = new Y.Doc()
    const session = client.open('a', doc)
    await session.synced
    assert.deepEqual(await readiness(server), [200, 'serving'])
    store.failBefore('append', new WeftError('store-failed', 'The disk at /secret/place failed a sync.'))
    doc.getText('t').insert(0, 'not stored')
    await until(() => fatal.length > 0, 'the server to end')
    assert.equal(fatal[0]?.code, 'store-failed')
    assert.deepEqual(await readiness(server), [503, 'failed: the store takes no edits any more; the log says more'])
    await until(() => session.status.state === 'offline', 'the client to be let go')
  } finally {
    await client.close()
    await server.close()
  }
  assert.equal(fatal.length, 1)
})

test('D7: an SQLSTATE that nobody knows ends the document that it is about; the others are saved and the node goes on', async () => {
  const url = await postgres.createDatabase()
  const server = await nodeOn(url)
  await server.listen(0)
  const client = connect(server.url.replace('http', 'ws'))
  try {
    await server.ready
    await until(async () => (await readiness(server))[0] === 200, 'the node to serve')
    await postgres.run(
      `CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF (SELECT id FROM weft.document WHERE key = NEW.key) = 'odd'::bytea THEN RAISE EXCEPTION 'odd' USING ERRCODE = 'ZZ999'; END IF;
         RETURN NEW; END $$;
       CREATE TRIGGER odd BEFORE INSERT ON weft.log FOR EACH ROW EXECUTE FUNCTION odd()`,
      new URL(url).pathname.slice(1),
    )
    const [odd, sound] = [new Y.Doc(), new Y.Doc()]
    const sessions = [client.open('odd', odd), client.open('sound', sound)] as const
    await Promise.all(sessions.map((session) => session.synced))
    for (let edit = 0; edit < 20; edit++) {
      odd.getText('t').insert(0, 'x')
      sound.getText('t').insert(0, 'x')
    }
    await sessions[1].saved()
    assert.equal((await readiness(server))[0], 200)
    await postgres.run('DROP TRIGGER odd ON weft.log', new URL(url).pathname.slice(1))
    await sessions[0].saved()
  } finally {
    await client.close()
    await server.close()
  }
})

test('G5: a start that fails says so, without hosts and settings, and the server can be closed', async () => {
  const url = `${await postgres.createDatabase()}-missing`
  const server = await nodeOn(url)
  try {
    await server.listen(0)
    await assert.rejects(server.ready, { code: 'invalid-configuration' })
    assert.deepEqual(await readiness(server), [503, 'failed: a setting has to change; the log says more'])
  } finally {
    await server.close()
  }
})

test('G4: a start that waits for a database that is not there can be cancelled', async () => {
  const server = await nodeOn(`postgres://weft@127.0.0.1:${await freePort()}/weft`)
  await server.listen(0)
  await until(async () => (await readiness(server))[1].includes('waiting'), 'the node to wait')
  assert.deepEqual(await readiness(server), [503, 'starting: waiting for the database'])
  await server.close()
  await assert.rejects(server.ready, { code: 'draining' })
})

test('G4: a start that waits for its first heartbeat can be cancelled', async () => {
  const url = await postgres.createDatabase()
  const first = await nodeOn(url)
  await first.listen(0)
  await first.ready
  await first.close()
  // No heartbeat passes from here on; everything else does.
  const blocker = new pg.Client({ connectionString: url })
  await blocker.connect()
  await blocker.query('BEGIN; LOCK TABLE weft.node IN ACCESS EXCLUSIVE MODE')
  const server = await nodeOn(url)
  try {
    await server.listen(0)
    await until(async () => (await postgres.run(`SELECT FROM pg_locks WHERE NOT granted`)).rows.length > 0, 'a heartbeat to hang')
    assert.deepEqual(await readiness(server), [503, 'starting: joining the cluster'])
    await server.close()
    await assert.rejects(server.ready, { code: 'draining' })
  } finally {
    await blocker.end()
  }
})
