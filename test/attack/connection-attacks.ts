// Attacks with connections alone: very many at once, some that never become one, and heads and frames that cost more than they say.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Attack, AttackScene } from './scene.js'
import type { StormOrder, StormReport } from './storm-generator.js'
import { upgradeOf } from './upgrade-head.js'

const MiB = 1024 ** 2
const STORM_ATTEMPTS = 20_000
const STORM_MS = 2_000
/** How long an answer may take before the attempt counts as unanswered. */
const ANSWER_MS_MAX = 15_000
const HALF_OPEN = 10_000

function open(scene: AttackScene): Socket {
  const { hostname, port } = new URL(scene.url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  scene.tally.connections += 1
  return socket
}

function send(scene: AttackScene, socket: Socket, bytes: string | Uint8Array): boolean {
  scene.tally.bytesSent += bytes.length
  return socket.write(bytes)
}

/** One attempt: what the server made of it. */
function attempt(scene: AttackScene, documentId: string): Promise<string> {
  const socket = open(scene)
  return new Promise((resolve) => {
    let said = ''
    const end = (outcome: string): void => {
      socket.destroy()
      resolve(outcome)
    }
    socket.setTimeout(ANSWER_MS_MAX, () => end('no answer'))
    socket.once('connect', () => send(scene, socket, upgradeOf(documentId)))
    socket.on('data', (bytes: Buffer) => {
      said += bytes.toString('latin1')
      if (!said.includes('\r\n\r\n')) return
      const [, status = '?'] = /^HTTP\/1\.1 (\d+)/.exec(said) ?? []
      end(status === '503' && !/\r\nretry-after: \d+\r\n/i.test(said) ? '503 without a word when to come back' : `HTTP ${status}`)
    })
    socket.once('close', () => resolve('closed without an answer'))
  })
}

/** Everybody comes at once, as after a restart of something in front. */
const storm: Attack = {
  about: `${STORM_ATTEMPTS} connections come within ${STORM_MS / 1000} s`,
  alone: true,
  async run(scene) {
    const { hostname, port } = new URL(scene.url)
    const order: StormOrder = {
      host: hostname,
      port: Number(port),
      attempts: STORM_ATTEMPTS,
      withinMs: STORM_MS,
      prefix: scene.documentId(''),
    }
    const generator = fork(new URL('./storm-generator.js', import.meta.url), [JSON.stringify(order)])
    const end = (): void => void generator.kill('SIGKILL')
    process.once('exit', end)
    scene.signal.addEventListener('abort', end)
    const [report] = (await Promise.race([once(generator, 'message'), once(generator, 'exit').then(() => [null])])) as [StormReport | null]
    process.off('exit', end)
    if (report === null) throw new Error('The process that makes the storm ended before it was done.')
    scene.tally.connections += STORM_ATTEMPTS
    scene.tally.bytesSent += report.bytesSent
    for (const [outcome, count] of report.outcomes) scene.tally.add(outcome, count)
    scene.note(`all had come after ${(report.comeMs / 1000).toFixed(1)} s, answered after ${(report.answeredMs / 1000).toFixed(1)} s`)
  },
}

/** Half of them say nothing, the others a head that does not end. */
const halfOpen: Attack = {
  about: `${HALF_OPEN} sockets that never ask for anything, or drip a head byte by byte`,
  alone: true,
  async run(scene) {
    const sockets: Socket[] = []
    let closed = 0
    for (let count = 0; count < HALF_OPEN && !scene.signal.aborted; count++) {
      const socket = open(scene)
      socket.once('close', () => {
        closed += 1
      })
      sockets.push(socket)
      if (count % 2 === 0) socket.once('connect', () => send(scene, socket, 'GET /a HTTP/1.1\r\nX-Slow: '))
      if (count % 50 === 49) await sleep(5)
    }
    for (let second = 0; second < 20 && !scene.signal.aborted; second++) {
      for (const socket of sockets) if (socket.writable && socket.bytesWritten > 0) send(scene, socket, 'a')
      await sleep(1_000)
    }
    scene.note(`${closed} of ${sockets.length} were closed by the server`)
    scene.tally.add(`a newcomer: ${await attempt(scene, scene.documentId('newcomer'))}`)
    for (const socket of sockets) socket.destroy()
  },
}

/** As much as the server takes, without reading. */
function unread(about: string, frame: Uint8Array, first: Uint8Array = frame): Attack {
  return {
    about,
    async run(scene) {
      const chunk = Buffer.concat(Array.from({ length: 500 }, () => frame))
      const flood = async (): Promise<void> => {
        const socket = open(scene)
        let over = false
        socket.once('close', () => {
          over = true
        })
        send(scene, socket, upgradeOf(scene.documentId('flood')))
        await Promise.race([new Promise((resolve) => socket.once('data', resolve)), sleep(5_000)])
        socket.pause()
        send(scene, socket, first)
        while (!over && !scene.signal.aborted && socket.bytesWritten < 100 * MiB)
          if (
            !send(scene, socket, chunk) &&
            (await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), sleep(2_000, 'stuck')])) === 'stuck'
          )
            break
        socket.destroy()
      }
      for (let round = 0; round < 5 && !scene.signal.aborted; round++) await Promise.all(Array.from({ length: 10 }, flood))
    },
  }
}

/** A frame whose payload is masked with zeros. */
const masked = (first: number, payload: number): Buffer =>
  Buffer.concat([Buffer.of(first, 0x80 | payload, 0, 0, 0, 0), Buffer.alloc(payload, 97)])

/** A head of a megabyte, a hundred times. */
const largeHeads: Attack = {
  about: 'an upgrade with a head of 1 MB, from 10 sockets at once, thirty times',
  async run(scene) {
    for (let round = 0; round < 30 && !scene.signal.aborted; round++)
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          const socket = open(scene)
          const closed = new Promise((resolve) => socket.once('close', resolve))
          socket.on('data', (bytes: Buffer) => scene.tally.add(bytes.toString('latin1').split('\r\n')[0] ?? ''))
          send(scene, socket, upgradeOf(scene.documentId('head'), `X-Large: ${'a'.repeat(MiB)}\r\n`))
          await Promise.race([closed, sleep(5_000)])
          socket.destroy()
        }),
      )
  },
}

export const connectionAttacks = {
  'c1-storm': storm,
  'c2-half-open': halfOpen,
  'c3-pings': unread('50 sockets ping as fast as they can and read nothing', masked(0x89, 125)),
  'c4-fragments': unread('50 sockets send messages of fragments of one byte that never end', masked(0x00, 1), masked(0x02, 1)),
  'c6-no-frames': unread('50 sockets send what is no frame', masked(0x00, 1)),
  'c5-heads': largeHeads,
} satisfies Record<string, Attack>
