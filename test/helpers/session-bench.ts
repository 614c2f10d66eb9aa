// One session of the gateway between a socket in memory and a document, rights and an awareness that answer when a test says so.
import { Counters } from '../../core/counters.js'
import { defaultLimits, type Limits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import { MemoryBudget } from '../../core/memory-budget.js'
import { seededRandom } from '../../core/random.js'
import type { Authorization } from '../../server/access/authorize.js'
import { SessionRegistry } from '../../server/access/session-registry.js'
import type { AwarenessSink } from '../../server/awareness/contract.js'
import type { SpeakerIdentity } from '../../server/awareness/stamp.js'
import type { Attachment, AttachRequest, SessionSink } from '../../server/document/port.js'
import { WeftChannel } from '../../server/gateway/dialects/weft-channel.js'
import type { EditGuard } from '../../server/gateway/services.js'
import { Session } from '../../server/gateway/session.js'
import { weftManner } from '../../server/gateway/transfer-manner.js'
import { Connection } from '../../server/transport/connection.js'
import { LoopShare } from '../../server/transport/fair-inbox.js'
import { OutboxMemory } from '../../server/transport/outbox-memory.js'
import { BenchClient } from './gateway-bench.js'
import { ManualClock } from './manual-clock.js'

/** A question that is answered by hand. */
interface Asked<Answer> {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

export interface SessionBenchOptions {
  readonly limits?: Partial<Limits>
  readonly editGuard?: EditGuard
  /** What the awareness does with what the client says. */
  readonly receiveAwareness?: (update: Uint8Array) => void
}

export const mayWrite: Authorization = { user: 'u', permission: 'read-write' }

export function sessionBench(options: SessionBenchOptions = {}) {
  const clock = new ManualClock()
  const limits = { ...defaultLimits, ...options.limits }
  const budget = new MemoryBudget(limits.memoryBytesMax)
  const counters = new Counters()
  const sessions = new SessionRegistry()
  const client = new BenchClient(clock)
  const connection = new Connection({
    id: 1,
    socket: client,
    clock,
    limits,
    counters,
    outboxMemory: new OutboxMemory(budget.account('outboxes')),
    logger: silentLogger,
    mayHoldReading: true,
    share: new LoopShare(clock),
    closed: () => {},
  })
  client.attach(connection)

  /** Everything that the session asked of the document and the awareness, in order. */
  const calls: string[] = []
  const rights: Asked<Authorization>[] = []
  const attaching: Asked<Attachment>[] = []
  const endedWith: string[] = []
  let sink: SessionSink | null = null
  let awarenessSink: AwarenessSink | null = null

  const attachment: Attachment = {
    documentId: 'notes',
    incarnation: 'life-1',
    seq: 7,
    stateVector: () => Uint8Array.of(0),
    sync: (known) => void calls.push(known.kind === 'seq' ? `sync after ${known.seq}` : `sync ${known.kind}`),
    suspend: () => void calls.push('suspend'),
    submit: (submission, _bytes, user) => void calls.push(`submit ${submission} by ${user}`),
    detach: () => void calls.push('detach'),
  }
  const membership = {
    receive: (update: Uint8Array): void => {
      options.receiveAwareness?.(update)
      calls.push('cursor')
    },
    fullState: () => [Uint8Array.of(0)],
    identify: ({ user }: SpeakerIdentity) => void calls.push(`identify ${user}`),
    look: () => void calls.push('look'),
    leave: () => void calls.push('leave'),
  }

  const session = new Session({
    services: {
      clock,
      limits,
      budget,
      counters,
      sessions,
      random: seededRandom(1),
      logger: silentLogger,
      serverId: 'here',
      authorize: () => Promise.reject(new Error('the session is given its own')),
      editGuard: options.editGuard ?? null,
      awareness: {
        join: (_documentId: string, joined: AwarenessSink) => {
          awarenessSink = joined
          return membership
        },
      },
      directory: {
        attach: (_documentId: string, request: AttachRequest) => {
          sink = request.sink
          return new Promise<Attachment>((resolve, reject) => attaching.push({ resolve, reject }))
        },
      },
    },
    connection,
    documentId: 'notes',
    address: null,
    dialect: new WeftChannel(
      1,
      weftManner,
      () => {},
      (error) => void endedWith.push(error.code),
    ),
    authorize: () => ask(),
  })
  connection.start({
    start: () => {},
    message: () => {},
    text: () => {},
    drain: () => {},
    gone: () => null,
    settled: () => session.settled(),
    ended: () => session.leave(),
  })
  const ask = (): Promise<Authorization> => new Promise((resolve, reject) => rights.push({ resolve, reject }))

  /** The oldest question that is not answered yet. */
  function next<Answer>(asked: Asked<Answer>[]): Asked<Answer> {
    const first = asked.shift()
    if (first === undefined) throw new Error('Nothing was asked.')
    return first
  }

  return {
    clock,
    limits,
    budget,
    client,
    connection,
    session,
    sessions,
    calls,
    endedWith,
    ask,
    /** What the client has been sent, by type. */
    get sent(): string[] {
      return client.weft.map(({ type }) => type)
    },
    get registered(): number {
      return sessions.size
    },
    /** How many questions about rights wait for an answer. */
    get asked(): number {
      return rights.length
    },
    async grant(authorization: Authorization = mayWrite): Promise<void> {
      next(rights).resolve(authorization)
      await clock.settle()
    },
    async deny(error: unknown): Promise<void> {
      next(rights).reject(error)
      await clock.settle()
    },
    async attach(): Promise<void> {
      next(attaching).resolve(attachment)
      await clock.settle()
    },
    async failAttach(error: unknown): Promise<void> {
      next(attaching).reject(error)
      await clock.settle()
    },
    /** What the document tells the session. */
    get document(): SessionSink {
      if (sink === null) throw new Error('The session has not asked for its document.')
      return sink
    },
    /** What the awareness tells the session; null before it has joined. */
    get awareness(): AwarenessSink | null {
      return awarenessSink
    },
    /** Ends the socket, too; nothing may be left then. */
    async end(): Promise<void> {
      session.leave()
      client.leave()
      await clock.settle()
    },
  }
}
