// A real Redis for tests, benches and the local cluster: `redis-server` from the PATH (or WEFT_TEST_REDIS_SERVER), on a free port of 127.0.0.1, with a
// folder of its own and nothing saved. It can be killed, paused and started again on the same port.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from './free-port.js'

export interface RedisServer {
  readonly port: number
  readonly url: string
  readonly pid: number
  /** Sends one command and answers Redis's reply as text, nested ones flattened into lines. Rejects with Redis's error. */
  run(...command: string[]): Promise<string>
  /** SIGKILL. */
  kill(): Promise<void>
  /** Starts it again on the same port, empty. */
  start(): Promise<void>
  /** SIGSTOP, and SIGCONT. */
  pause(): void
  resume(): void
  /** Stops it and removes its folder. Idempotent. */
  stop(): Promise<void>
}

export interface RedisServerOptions {
  /** Lines for redis.conf, for example `['requirepass secret']`. */
  readonly settings?: readonly string[]
  readonly port?: number
  /** Runs it as a Sentinel. */
  readonly sentinel?: boolean
}

const START_MS_MAX = 60_000

export function redisServerCommand(): string {
  return process.env['WEFT_TEST_REDIS_SERVER'] ?? 'redis-server'
}

export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const port = options.port ?? (await freePort())
  const folder = mkdtempSync(join(tmpdir(), 'weft-redis-'))
  const configuration = join(folder, 'redis.conf')
  const store = options.sentinel === true ? [] : ['save ""', 'appendonly no']
  writeFileSync(configuration, [`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`, ...store, ...(options.settings ?? []), ''].join('\n'))
  const launchOptions = options.sentinel === true ? [configuration, '--sentinel'] : [configuration]
  let child = await launch(launchOptions)
  const ended = (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
    return new Promise((resolve) => {
      child.once('exit', () => resolve())
      child.kill(signal)
    })
  }
  // A test process that dies must not leave a server behind.
  const onExit = (): void => void child.kill('SIGKILL')
  process.once('exit', onExit)
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return child.pid ?? 0
    },
    run: (...command) => runRedisCommand(port, command),
    kill: () => ended('SIGKILL'),
    async start() {
      child = await launch(launchOptions)
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async stop() {
      process.removeListener('exit', onExit)
      await ended('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function launch(args: readonly string[]): Promise<ChildProcess> {
  const command = redisServerCommand()
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  return new Promise((resolve, reject) => {
    const lines: string[] = []
    const timer = setTimeout(() => fail(new Error(`redis-server is not up after ${START_MS_MAX} ms:\n${lines.join('\n')}`)), START_MS_MAX)
    const fail = (error: Error): void => {
      clearTimeout(timer)
      child.kill('SIGKILL')
      reject(error)
    }
    child.once('error', (cause) => fail(new Error(`Cannot start ${command}; install Redis or set WEFT_TEST_REDIS_SERVER.`, { cause })))
    child.once('exit', (code) => fail(new Error(`redis-server ended with ${code}:\n${lines.join('\n')}`)))
    if (child.stdout === null) throw new Error('no stdout')
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (lines.length < 100) lines.push(line)
      if (!/Ready to accept connections|Sentinel ID is|\+monitor/.test(line)) return
      clearTimeout(timer)
      child.removeAllListeners('exit')
      resolve(child)
    })
  })
}

/** One command over a connection of its own, in the inline-safe array form; the reply's lines, without the protocol's marks. */
export function runRedisCommand(port: number, command: readonly string[], password?: string): Promise<string> {
  const commands = [...(password === undefined ? [] : [['AUTH', password]]), command, ['PING']]
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let reply = ''
    socket.setTimeout(5_000, () => void socket.destroy(new Error(`Redis does not answer ${command[0] ?? ''}.`)))
    socket.on('data', (data) => {
      reply += data.toString()
      // The last reply: not all kinds of server know QUIT.
      if (reply.endsWith('+PONG\r\n')) socket.destroy()
    })
    socket.once('error', reject)
    socket.once('close', () => {
      const lines = reply.split('\r\n').filter((line) => line !== '' && !/^[$*]\d+$/.test(line))
      const error = lines.find((line) => line.startsWith('-'))
      if (error !== undefined) reject(new Error(error.slice(1)))
      else
        resolve(
          lines
            .slice(password === undefined ? 0 : 1, -1)
            .map((line) => line.replace(/^[+:]/, ''))
            .join('\n'),
        )
    })
    socket.write(commands.map(encoded).join(''))
  })
}

function encoded(command: readonly string[]): string {
  return `*${command.length}\r\n${command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`
}
