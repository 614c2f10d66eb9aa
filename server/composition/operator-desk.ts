// Gathers what operators see of this server, for the routes that answer it: what it did lately, and what it is now.
import { unreachable } from '../../core/assert.js'
import { SHARD_COUNT } from '../../core/document-id.js'
import { WeftError } from '../../core/errors.js'
import { memoryAccountNames } from '../../core/memory-budget.js'
import type { AuditEntry, AuditTrail } from '../access/audit-trail.js'
import type { RegisteredSession } from '../access/session-registry.js'
import type { AdminNode, AdminOverview, AdminSession, AdminSessions } from '../api/routes/admin.js'
import type { Readiness } from '../api/routes/probes.js'
import type { DocumentObserver } from '../document/observer.js'
import { BusyDocuments } from '../operators/busy-documents.js'
import { EventLoopWatch } from '../operators/event-loop.js'
import { type NewRefusal, RecentRefusals } from '../operators/recent-refusals.js'
import { SAMPLE_PERIOD_MS, type Sample, Samples } from '../operators/samples.js'
import { askDesk, type DeskQuestion, decodeQuestion } from './desk-link.js'
import type { Component } from './life-cycle.js'
import type { ServerNode } from './node.js'
import type { NodeBase, StartedNode } from './started-node.js'

type DeskBase = Pick<NodeBase, 'clock' | 'counters' | 'budget' | 'access'>

export interface DeskOptions {
  readonly version: string
  /** A setting names a Redis. */
  readonly hasRedis: boolean
  readonly isCluster: boolean
  /** Null while there is none. */
  readonly node: () => ServerNode | null
  /** Null while it does not serve. */
  readonly started: () => StartedNode | null
  readonly readiness: () => Readiness
  /** Hands everything over and stops; resolves when that is done. */
  readonly drain: () => Promise<void>
}

const NODES_LISTED_MAX = 100
/** Of a server that stops, and of documents that move: no refusals, and many. */
const NO_REFUSALS: ReadonlySet<string> = new Set(['draining', 'owner-moved'])

/** What happens, as it is heard of; it is there before the node and all that it is shown with. */
export class OperatorNotes {
  readonly busy: BusyDocuments
  readonly refusals: RecentRefusals

  constructor(clock: NodeBase['clock']) {
    this.busy = new BusyDocuments(clock)
    this.refusals = new RecentRefusals(clock)
  }

  refused(refusal: NewRefusal): void {
    if (!NO_REFUSALS.has(refusal.code)) this.refusals.record(refusal)
  }

  /** The same observer, seen by this one, too. */
  observing(observer: DocumentObserver): DocumentObserver {
    return {
      firstContent: observer.firstContent,
      committed: (documentId, seq, users, bytes) => {
        this.busy.committed(documentId, bytes)
        observer.committed(documentId, seq, users, bytes)
      },
      becameIdle: (documentId) => observer.becameIdle(documentId),
    }
  }

  /** A trail that ends here too: of what the API does, what it refuses is shown. */
  trail(other: AuditTrail | null): AuditTrail {
    return {
      record: (entry) => other?.record(entry),
      recordRefusal: (entry: AuditEntry) => {
        const { act, code, user, address, documentId } = entry
        this.refused({ act, code: code ?? 'forbidden', user, address, documentId })
        other?.recordRefusal(entry)
      },
    }
  }
}

export class OperatorDesk {
  readonly #base: DeskBase
  readonly #notes: OperatorNotes
  readonly #options: DeskOptions
  readonly #samples: Samples
  readonly #startedAt: number

  constructor(base: DeskBase, notes: OperatorNotes, options: DeskOptions) {
    const { clock, counters, budget, access } = base
    this.#base = base
    this.#notes = notes
    this.#options = options
    this.#startedAt = clock.now()
    this.#samples = new Samples({
      clock,
      counters,
      loop: new EventLoopWatch(),
      levels: () => ({
        connections: options.node()?.gateway.connectionCount ?? 0,
        sessions: access.sessions.size,
        countedBytes: budget.bytes,
      }),
    })
  }

  get component(): Component {
    return {
      name: 'the desk of the operators',
      start: () => {
        this.#samples.start()
        this.#notes.busy.start()
      },
      stop: () => {
        this.#samples.stop()
        this.#notes.busy.stop()
      },
    }
  }

  /** `boot`: of which node, null for this one. Rejects as `askDesk` does. */
  async overview(samplesAfter: number, boot: string | null): Promise<AdminOverview> {
    const other = this.#other(boot)
    return other === null ? this.#overview(samplesAfter) : this.#ask(other, { kind: 'overview', samplesAfter })
  }

  /** Those that lag first, then the newest; or those that `find` names. Rejects as `askDesk` does, and with `overloaded` while the node is not there. */
  async sessions(find: string | null, limit: number, boot: string | null): Promise<AdminSessions> {
    const other = this.#other(boot)
    return other === null ? this.#sessions(find, limit) : this.#ask(other, { kind: 'sessions', find, limit })
  }

  /** Begins it, and resolves when it has begun. Rejects as `askDesk` does. */
  async drain(boot: string | null): Promise<void> {
    const other = this.#other(boot)
    if (other === null) this.#drain()
    else await this.#ask(other, { kind: 'drain' })
  }

  /** What another node asks of this one. May throw. */
  answer(question: Uint8Array): Uint8Array {
    return Buffer.from(JSON.stringify(this.#answer(decodeQuestion(question))))
  }

  #answer(question: DeskQuestion): unknown {
    switch (question.kind) {
      case 'overview':
        return this.#overview(question.samplesAfter)
      case 'sessions':
        return this.#sessions(question.find, question.limit)
      case 'drain':
        this.#drain()
        return {}
      default:
        return unreachable(question)
    }
  }

  /** Null: this node is meant. */
  #other(boot: string | null): string | null {
    return boot === this.identity()?.boot ? null : boot
  }

  async #ask<Answer>(boot: string, question: DeskQuestion): Promise<Answer> {
    const ownership = this.#options.node()?.ownership
    if (ownership === undefined) throw notServing()
    return askDesk(this.#base.clock, ownership.desks, boot, question)
  }

  #drain(): void {
    // Whoever asked is answered before the listener closes. A step that fails is in the log, and ends the program.
    void this.#options.drain().catch(() => {})
  }

  #sessions(find: string | null, limit: number): AdminSessions {
    const node = this.identity()
    if (node === null) throw notServing()
    const { sessions } = this.#base.access
    const found = find === null ? sessions.latest(limit) : [...sessions.search(find, limit)]
    return { node, items: found.map(shown), total: sessions.size }
  }

  /** Null while the node is not there. */
  identity(): AdminNode | null {
    const ownership = this.#options.node()?.ownership
    if (ownership === undefined) return null
    const { nodeId, boot } = ownership
    return { nodeId, boot }
  }

  #overview(samplesAfter: number): AdminOverview {
    const { clock, counters, budget, access } = this.#base
    const { version, isCluster, hasRedis, node, started, readiness } = this.#options
    const { ready, text } = readiness()
    const serving = node()
    const nodes = serving?.ownership.nodes() ?? []
    const owned = nodes.reduce((sum, { ownedShards }) => sum + ownedShards, 0)
    return {
      node: {
        ...(this.identity() ?? { nodeId: '', boot: '' }),
        version,
        mode: isCluster ? 'cluster' : 'alone',
        ready,
        state: text,
        startedAt: this.#startedAt,
        now: clock.now(),
        redis: !hasRedis ? 'none' : started()?.crossesNodes() === true ? 'connected' : 'away',
      },
      totals: {
        connections: serving?.gateway.connectionCount ?? 0,
        sessions: access.sessions.size,
        laggingSessions: serving?.gateway.laggingSessions ?? 0,
        documents: serving?.documents.documentCount ?? 0,
        webhooksWaiting: serving?.webhooks.waiting ?? 0,
      },
      memory: {
        budgetBytes: budget.bytesMax,
        countedBytes: budget.bytes,
        level: budget.level,
        accounts: Object.fromEntries(memoryAccountNames.map((name) => [name, budget.account(name).bytes])),
      },
      shards: { total: SHARD_COUNT, unowned: Math.max(0, SHARD_COUNT - owned) },
      nodes: nodes.slice(0, NODES_LISTED_MAX).map((one) => ({ ...one, version: one.version ?? version })),
      busiest: this.#notes.busy.top().map((one) => ({ ...one, sessions: access.sessions.countOn(one.documentId) })),
      refusals: [...this.#notes.refusals.list()],
      refusalsByCode: Array.from(counters.refusals(), ([code, count]) => ({ code, count })),
      samples: { through: this.#samples.through, periodMs: SAMPLE_PERIOD_MS, ...columns(this.#samples.after(samplesAfter)) },
    }
  }
}

function notServing(): WeftError {
  return new WeftError('overloaded', 'This node is not serving yet.')
}

function shown(session: RegisteredSession): AdminSession {
  const { sessionId, documentId, user, name, address, since, permission, admin, expiresAt } = session
  return { sessionId, documentId, user, name, address, since, permission, admin, expiresAt, lag: session.lag() }
}

type Columns = { [Name in keyof Sample]: Sample[Name][] }

function columns(rows: readonly Sample[]): Columns {
  const column = <Name extends keyof Sample>(name: Name): Sample[Name][] => rows.map((row) => row[name])
  return {
    at: column('at'),
    connections: column('connections'),
    sessions: column('sessions'),
    countedBytes: column('countedBytes'),
    loopDelayP99Ms: column('loopDelayP99Ms'),
    loopDelayMaxMs: column('loopDelayMaxMs'),
    loopBusyShare: column('loopBusyShare'),
    residentBytes: column('residentBytes'),
    heapBytes: column('heapBytes'),
    editsPerSecond: column('editsPerSecond'),
    commitsPerSecond: column('commitsPerSecond'),
    bytesInPerSecond: column('bytesInPerSecond'),
    bytesOutPerSecond: column('bytesOutPerSecond'),
    acknowledgementP99Ms: column('acknowledgementP99Ms'),
    deliveryP99Ms: column('deliveryP99Ms'),
  }
}
