// The presence of all nodes, kept in Redis: each node writes its own part when it changes, a few times a minute at most for mere movements,
// and renews a sign of life. What is read is believed of living nodes only, so a dead node's part is gone when its sign ends; Redis emptied
// is noticed and refilled.
import type { Clock, Timer } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import type { Origin } from '../awareness/bus.js'
import type { DocumentAwareness } from '../awareness/document-awareness.js'
import type { DocumentAwarenesses } from '../awareness/hub.js'
import type { ClusterSeal } from '../redis/cluster-seal.js'
import type { CommandClient } from '../redis/redis-client.js'
import {
  decodeDocumentField,
  decodeUserField,
  documentKey,
  encodeDocumentField,
  encodeUserField,
  fieldOf,
  nodeKey,
  type PresenceField,
  userKey,
} from './presence-fields.js'
import {
  CLIENTS_MAX,
  type ClientPresence,
  clientPresence,
  type DocumentPresence,
  type PresenceRegistry,
  type UserConnection,
  userDocuments,
} from './presence-registry.js'

const TICK_MS = 1_000
/** Within A4's 10 s a dead node's clients are gone: its sign of life ends by then. */
const NODE_TTL_MS = 8_000
const NODE_RENEWAL_MS = 2_000
/** Comings and goings are written at the next tick, movements this late. */
const STATES_MS = 5_000
/** Hashes that nobody renews end by themselves. */
const HASH_TTL_MS = 60_000
const HASH_RENEWAL_MS = 20_000
/** Hashes written in one tick; the rest follow in the next. */
const WRITES_PER_TICK = 1_000

export interface RedisPresenceOptions {
  readonly hub: DocumentAwarenesses
  readonly commands: CommandClient
  readonly prefix: string
  readonly seal: ClusterSeal
  readonly self: Origin
  readonly clock: Clock
  readonly counters: Counters
}

interface WrittenDocument {
  readonly document: DocumentAwareness
  readonly changes: number
  readonly comings: number
  readonly sessions: number
  readonly atMs: number
}

interface WrittenUser {
  readonly value: string
  readonly atMs: number
}

type Liveness = { readonly kind: 'unknown' } | { readonly kind: 'written'; readonly atMs: number }

export class RedisPresenceRegistry implements PresenceRegistry {
  readonly #options: RedisPresenceOptions
  readonly #field: string
  readonly #documents = new Map<string, WrittenDocument>()
  readonly #users = new Map<string, WrittenUser>()
  #liveness: Liveness = { kind: 'unknown' }
  #timer: Timer | null = null
  #state: 'open' | 'closed' = 'open'

  /** Begins to write at once. */
  constructor(options: RedisPresenceOptions) {
    this.#options = options
    this.#field = fieldOf(options.self)
    void this.#tick()
  }

  async documentPresence(documentId: string): Promise<DocumentPresence> {
    const { hub, commands, prefix, self } = this.#options
    const seen = new Map<number, ClientPresence>()
    for (const client of hub.presence(documentId)) seen.set(client.clientId, clientPresence(client, self.nodeId))
    let sessionCount = hub.documents().get(documentId)?.sessionCount ?? 0
    let unlisted = 0
    const written = await this.#read(documentKey(prefix, documentId), commands)
    for (const [field, value] of written ?? []) {
      const part = decodeDocumentField(field, value)
      if (part === null) continue
      sessionCount += part.sessionCount
      unlisted += part.clientCount - part.clients.length
      merge(seen, part)
    }
    const clients = [...seen.values()]
    return {
      documentId,
      clients: clients.slice(0, CLIENTS_MAX),
      clientCount: clients.length + unlisted,
      sessionCount,
      complete: written !== null,
    }
  }

  async connectionsOf(user: string): Promise<readonly UserConnection[]> {
    const { hub, commands, prefix, self } = this.#options
    const own = Array.from(userDocuments(hub).get(user) ?? [], ([documentId, sessionCount]) => ({
      documentId,
      node: self.nodeId,
      sessionCount,
    }))
    const written = await this.#read(userKey(prefix, user), commands)
    return [...own, ...(written ?? []).flatMap(([field, value]) => decodeUserField(field, value))]
  }

  /** Takes back this node's sign of life, if Redis is there. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#timer?.cancel()
    const { commands, prefix } = this.#options
    if (commands.status !== 'ready') return
    const gone = [...this.#documents.keys()].slice(0, WRITES_PER_TICK).map((documentId) => this.#remove(documentKey(prefix, documentId)))
    await Promise.allSettled([commands.del(nodeKey(prefix, this.#field)), ...gone])
  }

  /** The fields of the other nodes that live, those that a node of this cluster wrote. Null if Redis did not answer. */
  async #read(key: string, commands: CommandClient): Promise<[string, string][] | null> {
    try {
      if (commands.status !== 'ready') return null
      const fields = Object.entries(await commands.hgetall(key)).filter(([field]) => field !== this.#field)
      const living = await Promise.all(fields.map(([field]) => commands.exists(nodeKey(this.#options.prefix, field))))
      const dead = fields.filter((_, index) => living[index] === 0).map(([field]) => field)
      if (dead.length > 0) commands.hdel(key, ...dead).catch(() => {})
      return fields.flatMap(([field, value], index): [string, string][] => {
        if (living[index] !== 1) return []
        const text = this.#options.seal.openText(placeOf(key, field), value)
        if (text === null) this.#options.counters.add('presence_fields_forged')
        return text === null ? [] : [[field, text]]
      })
    } catch {
      return null
    }
  }

  async #tick(): Promise<void> {
    if (this.#options.commands.status === 'ready') {
      try {
        await this.#renewLife()
        await this.#writeDocuments()
        await this.#writeUsers()
      } catch {
        // Redis went away meanwhile. Nobody knows what was written: everything is written again when it is back.
        this.#options.counters.add('presence_writes_failed')
        this.#forgetWritten()
      }
    } else {
      this.#forgetWritten()
    }
    if (this.#state === 'open') this.#timer = this.#options.clock.after(TICK_MS, () => void this.#tick(), { unref: true })
  }

  #forgetWritten(): void {
    this.#liveness = { kind: 'unknown' }
    this.#documents.clear()
    this.#users.clear()
  }

  /** An answer without the old sign means that Redis has lost it, and everything else with it. */
  async #renewLife(): Promise<void> {
    const { commands, prefix, clock } = this.#options
    const now = clock.monotonic()
    if (this.#liveness.kind === 'written' && now - this.#liveness.atMs < NODE_RENEWAL_MS) return
    const before = await commands.set(nodeKey(prefix, this.#field), '1', 'PX', NODE_TTL_MS, 'GET')
    if (before === null) this.#forgetWritten()
    this.#liveness = { kind: 'written', atMs: now }
  }

  async #writeDocuments(): Promise<void> {
    const { hub, prefix, clock } = this.#options
    const now = clock.monotonic()
    const writes: Promise<unknown>[] = []
    const present = hub.documents()
    for (const documentId of this.#documents.keys()) {
      if (writes.length >= WRITES_PER_TICK) break
      if (present.has(documentId)) continue
      this.#documents.delete(documentId)
      writes.push(this.#remove(documentKey(prefix, documentId)))
    }
    for (const [documentId, document] of present) {
      if (writes.length >= WRITES_PER_TICK) break
      if (!isDue(this.#documents.get(documentId), document, now)) continue
      const { ownChangeCount: changes, ownComingCount: comings, sessionCount: sessions } = document
      this.#documents.set(documentId, { document, changes, comings, sessions, atMs: now })
      writes.push(this.#write(documentKey(prefix, documentId), encodeDocumentField(document)))
    }
    await Promise.all(writes)
  }

  async #writeUsers(): Promise<void> {
    const { hub, prefix, clock } = this.#options
    const now = clock.monotonic()
    const writes: Promise<unknown>[] = []
    const present = userDocuments(hub)
    for (const user of this.#users.keys()) {
      if (writes.length >= WRITES_PER_TICK) break
      if (present.has(user)) continue
      this.#users.delete(user)
      writes.push(this.#remove(userKey(prefix, user)))
    }
    for (const [user, documents] of present) {
      if (writes.length >= WRITES_PER_TICK) break
      const value = encodeUserField(documents)
      const written = this.#users.get(user)
      if (written !== undefined && written.value === value && now - written.atMs < HASH_RENEWAL_MS) continue
      this.#users.set(user, { value, atMs: now })
      writes.push(this.#write(userKey(prefix, user), value))
    }
    await Promise.all(writes)
  }

  #write(key: string, value: string): Promise<unknown> {
    const { commands, counters, seal } = this.#options
    counters.add('presence_writes')
    const sealed = seal.sealText(placeOf(key, this.#field), value)
    return Promise.all([commands.hset(key, this.#field, sealed), commands.pexpire(key, HASH_TTL_MS)])
  }

  #remove(key: string): Promise<unknown> {
    this.#options.counters.add('presence_writes')
    return this.#options.commands.hdel(key, this.#field)
  }
}

function placeOf(key: string, field: string): string {
  return `${key}\n${field}`
}

function isDue(written: WrittenDocument | undefined, document: DocumentAwareness, now: number): boolean {
  if (written === undefined || written.document !== document) return true
  if (written.comings !== document.ownComingCount || written.sessions !== document.sessionCount) return true
  const ageMs = now - written.atMs
  return ageMs >= HASH_RENEWAL_MS || (ageMs >= STATES_MS && written.changes !== document.ownChangeCount)
}

/** What the hub heard itself is newer than what was written, but does not say who it is. */
function merge(seen: Map<number, ClientPresence>, part: PresenceField): void {
  for (const client of part.clients) {
    const heard = seen.get(client.clientId)
    if (heard === undefined) seen.set(client.clientId, client)
    else if (heard.node === client.node && heard.user === null) seen.set(client.clientId, { ...heard, user: client.user })
  }
}
