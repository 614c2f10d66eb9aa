// A whole simulation from one seed: a disk, a node, clients, and what happens to them; then peace, and a comparison of everything with everything.
import { strict as assert } from 'node:assert'
import * as Y from 'yjs'
import { type CounterName, counterNames } from '../../core/counters.js'
import { type Random, seededRandom } from '../../core/random.js'
import { MemoryDisk, MemoryStore } from '../../persistence/memory/memory-store.js'
import { encodeAwareness } from '../../protocol/awareness.js'
import { canonicalState } from '../helpers/states.js'
import { editRandomly } from './edits.js'
import { Ledger } from './ledger.js'
import { SimulatedNetwork } from './network.js'
import { SimulatedNode } from './node.js'
import type { Participant, SimulatedClient } from './participant.js'
import { type Action, calm, drawAction, drawProfile, type Profile } from './profile.js'
import { StockClient } from './stock-client.js'
import { HostClock, SimulatedTime } from './time.js'
import { type ClientOptions, WeftClient } from './weft-client.js'

/**
 * What a negative control breaks: a store that answers before it has written, a server that shows edits before they are committed though it promised not to,
 * and one whose messages get lost now and then.
 */
export type Sabotage = 'none' | 'acknowledges-early' | 'shows-early' | 'loses-messages'

export interface Outcome {
  readonly counters: ReadonlyMap<CounterName, number>
  readonly actions: ReadonlyMap<Action, number>
  readonly virtualMs: number
  /** The documents in the end, and how many events led there. */
  readonly states: readonly string[]
  readonly events: number
}

const ADDRESS = 'node-1:1234'
const QUIET_MS = 45_000
const CALM_MS_MAX = 400

export class World {
  readonly #random: Random
  readonly #profile: Profile
  readonly #time = new SimulatedTime()
  readonly #ledger = new Ledger()
  readonly #disk = new MemoryDisk()
  readonly #network: SimulatedNetwork
  readonly #node: SimulatedNode
  /** Whether everything that clients are shown is on the disk. */
  readonly #shownIsDurable: boolean
  readonly #actions = new Map<Action, number>()
  #clients: SimulatedClient[] = []
  #lastClientId = 0
  #peace = false

  private constructor(seed: number, sabotage: Sabotage) {
    this.#random = seededRandom(seed)
    const profile = drawProfile(this.#random)
    this.#profile = profile
    this.#network = new SimulatedNetwork(this.#time, this.#random)
    const { limits, tuning, compactionMsMax } = profile
    // Each control is seen by the check that it is meant for: early acknowledgements not by what is shown with them.
    const expected = sabotage === 'shows-early' ? 'after-commit' : sabotage === 'acknowledges-early' ? 'before-commit' : profile.broadcast
    this.#shownIsDurable = expected === 'after-commit'
    this.#node = new SimulatedNode({
      name: 'node-1',
      address: ADDRESS,
      time: this.#time,
      network: this.#network,
      random: this.#random,
      skew: { offsetMs: this.#random.below(10_000), rate: 1 },
      disk: this.#disk,
      ledger: this.#ledger,
      limits,
      tuning,
      broadcast: sabotage === 'shows-early' ? 'before-commit' : expected,
      expectations: { broadcast: expected, outboxBytesHigh: limits.outboxBytesHigh },
      trouble: () => (this.#peace ? calm : profile.trouble),
      compactionMsMax,
      acknowledgesEarly: sabotage === 'acknowledges-early',
      losesMessages: sabotage === 'loses-messages',
    })
  }

  /** Throws at the first broken promise. */
  static async run(seed: number, sabotage: Sabotage = 'none'): Promise<Outcome> {
    const world = new World(seed, sabotage)
    await world.#begin()
    for (let step = 0; step < world.#profile.steps; step++) await world.#step()
    await world.#quiet()
    await world.#checkSpoofing()
    await world.#end()
    const states = world.#ledger.documentIds.map((documentId) => canonicalState(world.#ledger.replica(documentId)))
    const { nowMs: virtualMs, eventCount: events } = world.#time
    return { counters: world.#node.totals, actions: world.#actions, virtualMs, states, events }
  }

  async #begin(): Promise<void> {
    this.#background(this.#node.start())
    for (let index = 0; index < this.#profile.clientCount; index++) this.#join()
    await this.#advance(this.#random.below(1_000))
  }

  /** Clients check themselves wherever time has moved. */
  async #advance(ms: number): Promise<void> {
    await this.#time.advance(ms)
    for (const client of this.#clients) client.check()
  }

  async #step(): Promise<void> {
    const random = this.#random
    const action = drawAction(random, this.#profile.weights)
    this.#actions.set(action, (this.#actions.get(action) ?? 0) + 1)
    const client = this.#clients[random.below(this.#clients.length)]
    if (client === undefined) this.#join()
    else this.#act(action, client)
    await this.#advance(random.below(3) === 0 ? 0 : random.below(CALM_MS_MAX))
  }

  #act(action: Action, client: SimulatedClient): void {
    const random = this.#random
    const participant = client.participants[random.below(client.participants.length)] as Participant
    switch (action) {
      case 'edit':
        editRandomly(participant.doc, random)
        return
      case 'burst': {
        const text = participant.doc.getText('text')
        if (random.below(3) === 0) text.insert(0, 'long '.repeat(60 + random.below(200)))
        else for (let count = 0; count < 20; count++) editRandomly(participant.doc, random)
        return
      }
      case 'move':
        participant.awareness.move()
        return
      case 'cut':
        for (const connection of this.#network.connections(client.clock)) connection.cut()
        return
      case 'silence':
        for (const connection of this.#network.connections(client.clock)) connection.silence()
        return
      case 'slow-reader':
        for (const connection of this.#network.connections(client.clock)) {
          connection.client.pause()
          this.#later(random.below(9_000), () => connection.client.resume())
        }
        return
      case 'offline':
        this.#network.block(client.clock)
        for (const connection of this.#network.connections(client.clock)) random.below(2) === 0 ? connection.cut() : connection.silence()
        this.#later(random.below(8_000), () => this.#network.unblock(client.clock))
        return
      case 'join':
        if (this.#clients.length < 8) this.#join()
        return
      case 'leave':
        this.#remove(client)
        this.#background(this.#leave(client))
        return
      case 'abandon':
        this.#remove(client)
        client.clock.kill()
        this.#network.ended(client.clock, random.below(2) === 0 ? 'process' : 'machine')
        return
      case 'crash':
        this.#node.crash(random.below(3) === 0 ? 'machine' : 'process')
        this.#later(random.below(1_500), () => this.#background(this.#node.start()))
        return
      case 'drain':
        this.#background(this.#drain(random.below(500)))
        return
      case 'pause':
        return
    }
  }

  /** Until peace, when everything is set right at once. */
  #later(delayMs: number, run: () => void): void {
    this.#time.after(delayMs, () => {
      if (!this.#peace) run()
    })
  }

  async #drain(windowMs: number): Promise<void> {
    const { trouble, limits } = this.#profile
    // A store that stalls for longer than a drain waits, or bounds at which edits are refused, may cost what was not acknowledged.
    await this.#node.drain(
      windowMs,
      trouble.stall + trouble.failAfter + trouble.failBefore === 0 && limits.pendingBytesPerDocumentMax > 10_000,
    )
    await this.#node.start()
  }

  /** Runs in the background; what it throws ends the simulation. */
  #background(running: Promise<void>): void {
    running.catch((error: unknown) => this.#time.fail(error))
  }

  #join(): void {
    const { documentIds } = this.#profile
    const random = this.#random
    const clock = new HostClock(this.#time, `client-${this.#lastClientId + 1}`, { offsetMs: random.below(100_000), rate: 1 })
    const options: ClientOptions = {
      time: this.#time,
      clock,
      network: this.#network,
      random: seededRandom(random.below(2 ** 31)),
      url: `ws://${ADDRESS}`,
      ledger: this.#ledger,
      shownIsDurable: this.#shownIsDurable,
    }
    const documentId = (): string => documentIds[random.below(documentIds.length)] as string
    if (random.below(2) === 0) this.#clients.push(new StockClient(options, documentId(), this.#nextClientId()))
    else {
      const chosen = documentIds.filter(() => random.below(2) === 0)
      const ids = new Map((chosen.length > 0 ? chosen : [documentId()]).map((id) => [id, this.#nextClientId()]))
      this.#clients.push(new WeftClient(options, ids))
    }
  }

  #nextClientId(): number {
    this.#lastClientId += 1
    return this.#lastClientId
  }

  #remove(client: SimulatedClient): void {
    this.#clients = this.#clients.filter((other) => other !== client)
  }

  async #leave(client: SimulatedClient): Promise<void> {
    await client.close()
    if (client.clock.timerCount > 0) throw new Error(`${client.clock.timerCount} timers are left after ${client.clock.name} was closed`)
  }

  /** Everything is set right, nobody does anything, and in the end everybody has the same (S1, S6, A4, A5). */
  async #quiet(): Promise<void> {
    this.#peace = true
    for (const connection of this.#network.connections()) connection.client.resume()
    for (const client of this.#clients) this.#network.unblock(client.clock)
    if (this.#clients.length === 0) this.#join()
    // A drain that is under way ends and starts the next process by itself.
    if (this.#node.state === 'down') this.#background(this.#node.start())
    await this.#advance(QUIET_MS)
    assert.equal(this.#node.state, 'up')
    await this.#checkEqual()
  }

  async #checkEqual(): Promise<void> {
    for (const client of this.#clients) client.checkQuiet()
    const store = new MemoryStore({ clock: new HostClock(this.#time, 'reader'), disk: this.#disk })
    const participants = this.#clients.flatMap((client) => client.participants)
    for (const documentId of this.#profile.documentIds) {
      const replayed = canonicalState(this.#ledger.replica(documentId))
      const stored = await store.openDocument(documentId)
      assert.equal(stored.head, this.#ledger.rows(documentId).length, `D5: the head of ${documentId}`)
      assert.equal(canonicalState(read(stored)), replayed, `D6: ${documentId} as stored differs from the log replayed`)
      const here = participants.filter((participant) => participant.documentId === documentId)
      for (const { doc } of here)
        assert.equal(canonicalState(doc), replayed, `S1: ${documentId} of client ${doc.clientID} differs from the log replayed`)
      const present = new Map(here.map(({ doc, awareness }) => [doc.clientID, awareness.getLocalState()]))
      for (const { doc, awareness } of here)
        assert.deepEqual(
          new Map([...awareness.getStates()].sort()),
          new Map([...present].sort()),
          `A4: who client ${doc.clientID} sees in ${documentId}`,
        )
    }
  }

  /** A2: a client that speaks for all others is not heard, and the others are not disturbed. */
  async #checkSpoofing(): Promise<void> {
    const spoofer = this.#clients.find((client) => client instanceof StockClient)
    if (spoofer === undefined) return
    const [own] = spoofer.participants
    const id = own?.doc.clientID
    const state = new TextEncoder().encode(JSON.stringify({ id }))
    const others = this.#clients.filter((client) => client !== spoofer).flatMap((client) => client.participants)
    const entries = others.map(({ doc }) => ({ clientId: doc.clientID, clock: 1_000, state }))
    const removals = others.map(({ doc }) => ({ clientId: doc.clientID, clock: 1_001, state: new TextEncoder().encode('null') }))
    spoofer.sendAwarenessAs(encodeAwareness(entries.filter(({ clientId }) => this.#isWith(own, clientId))))
    spoofer.sendAwarenessAs(encodeAwareness(removals.filter(({ clientId }) => this.#isWith(own, clientId))))
    await this.#advance(9_000)
    await this.#checkEqual()
  }

  #isWith(own: Participant | undefined, clientId: number): boolean {
    const participants = this.#clients.flatMap((client) => client.participants)
    return participants.some(({ documentId, doc }) => doc.clientID === clientId && documentId === own?.documentId)
  }

  async #end(): Promise<void> {
    for (const client of this.#clients) this.#background(this.#leave(client))
    this.#clients = []
    // Long enough for documents to be compacted and then evicted.
    await this.#time.advance(30_000)
    assert.equal(this.#node.openDocuments, 0, 'idle documents are evicted')
    this.#background(this.#node.drain(0, true))
    await this.#time.advance(1_000)
    assert.equal(this.#node.state, 'down', 'the node has stopped')
  }
}

function read(stored: Awaited<ReturnType<MemoryStore['openDocument']>>): Y.Doc {
  const doc = new Y.Doc()
  if (stored.snapshot !== null) Y.applyUpdate(doc, stored.snapshot.state)
  for (const row of stored.tail) Y.applyUpdate(doc, row.update)
  return doc
}

/** Adds one run's counters to a sum. */
export function addOutcome(totals: Map<string, number>, { counters, actions, virtualMs }: Outcome): void {
  const add = (name: string, amount: number): void => void totals.set(name, (totals.get(name) ?? 0) + amount)
  for (const name of counterNames) add(name, counters.get(name) ?? 0)
  for (const [action, count] of actions) add(`action ${action}`, count)
  add('virtual seconds', virtualMs / 1000)
}
