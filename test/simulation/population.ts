// The clients of a simulation: who comes, who goes, and what they do by themselves.
import type { TransportName } from '../../client/index.js'
import { type Random, seededRandom } from '../../core/random.js'
import { Adversary } from './adversary.js'
import { editRandomly } from './edits.js'
import { HocuspocusClient } from './hocuspocus-client.js'
import type { Ledger } from './ledger.js'
import type { SimulatedNetwork } from './network.js'
import type { Participant, SimulatedClient } from './participant.js'
import { StockClient } from './stock-client.js'
import { HostClock, type SimulatedTime } from './time.js'
import { type ClientOptions, WeftClient } from './weft-client.js'

export interface PopulationOptions {
  readonly time: SimulatedTime
  readonly network: SimulatedNetwork
  readonly random: Random
  readonly ledger: Ledger
  readonly documentIds: readonly string[]
  readonly shownIsDurable: boolean
  /** Where the next client connects to. */
  readonly url: () => string
}

/** What happens to a client, or by it. */
export type ClientAction = 'edit' | 'burst' | 'move' | 'cut' | 'silence' | 'slow-reader' | 'offline' | 'leave' | 'abandon'

export class Population {
  readonly #options: PopulationOptions
  #clients: SimulatedClient[] = []
  #adversaries: Adversary[] = []
  #lastClientId = 0
  #peace = false

  constructor(options: PopulationOptions) {
    this.#options = options
  }

  get clients(): readonly SimulatedClient[] {
    return this.#clients
  }

  get participants(): readonly Participant[] {
    return this.#clients.flatMap((client) => client.participants)
  }

  join(): void {
    const { documentIds, random, time, network, ledger, shownIsDurable, url } = this.#options
    const clock = new HostClock(time, `client-${this.#lastClientId + 1}`, { offsetMs: random.below(100_000), rate: 1 })
    const seed = random.below(2 ** 31)
    const options: ClientOptions = { time, clock, network, random: seededRandom(seed), url: url(), ledger, shownIsDurable }
    const documentId = (): string => documentIds[random.below(documentIds.length)] as string
    const kind = random.below(5)
    if (kind === 0) this.#clients.push(new StockClient(options, documentId(), this.#nextClientId()))
    else if (kind === 1) this.#clients.push(new HocuspocusClient(options, documentId(), this.#nextClientId()))
    else {
      const chosen = documentIds.filter(() => random.below(2) === 0)
      const ids = new Map((chosen.length > 0 ? chosen : [documentId()]).map((id) => [id, this.#nextClientId()]))
      const down = (['sse', 'poll'] as const)[random.below(2)] as TransportName
      this.#clients.push(new WeftClient(options, ids, kind === 2 ? [down] : ['websocket']))
    }
  }

  /** Somebody who means ill. */
  joinAdversary(): void {
    const { documentIds, random, time, network, url } = this.#options
    const clock = new HostClock(time, `adversary-${this.#adversaries.length + 1}`)
    this.#adversaries.push(new Adversary({ network, clock, random: seededRandom(random.below(2 ** 31)), documentIds, url }))
  }

  /** One of those who mean ill does a few things that it should not. */
  misdeed(): void {
    const { random } = this.#options
    const adversary = this.#adversaries[random.below(this.#adversaries.length)]
    for (let count = 1 + random.below(6); count > 0; count--) adversary?.act()
  }

  /** A2: they speak for everybody else on a document. False if there is nobody who would. */
  speakForOthers(): boolean {
    const [documentId] = this.#options.documentIds
    const [adversary] = this.#adversaries
    if (adversary === undefined || documentId === undefined) return false
    const here = this.participants.filter((participant) => participant.documentId === documentId)
    // Who announces one id and no other is taken for its client, come from another node (docs/decisions/0005-claims-of-a-cursor.md).
    if (here.length < 2) return false
    adversary.speakFor(
      documentId,
      here.map(({ doc }) => doc.clientID),
    )
    return true
  }

  act(action: ClientAction, client: SimulatedClient): void {
    const { random, network } = this.#options
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
        for (const connection of network.connections(client.clock)) connection.cut()
        return
      case 'silence':
        for (const connection of network.connections(client.clock)) connection.silence()
        return
      case 'slow-reader':
        for (const connection of network.connections(client.clock)) {
          connection.client.pause()
          this.#later(random.below(9_000), () => connection.client.resume())
        }
        return
      case 'offline':
        network.block(client.clock)
        for (const connection of network.connections(client.clock)) random.below(2) === 0 ? connection.cut() : connection.silence()
        this.#later(random.below(8_000), () => network.unblock(client.clock))
        return
      case 'leave':
        this.#remove(client)
        this.#leave(client)
        return
      case 'abandon':
        this.abandon(client, random.below(2) === 0 ? 'process' : 'machine')
        return
    }
  }

  /** The client is gone without a word. */
  abandon(client: SimulatedClient, how: 'process' | 'machine'): void {
    this.#remove(client)
    client.clock.kill()
    this.#options.network.ended(client.clock, how)
  }

  /** Clients check themselves wherever time has moved. */
  check(): void {
    for (const client of this.#clients) client.check()
  }

  /** Every client's network is as it should be from now on, and there is at least one client. */
  settleDown(): void {
    const { network } = this.#options
    this.#peace = true
    for (const adversary of this.#adversaries) adversary.leave()
    for (const connection of network.connections()) connection.client.resume()
    for (const client of this.#clients) network.unblock(client.clock)
    if (this.#clients.length === 0) this.join()
  }

  leaveAll(): void {
    for (const adversary of this.#adversaries) adversary.leave()
    for (const client of this.#clients) this.#leave(client)
    this.#clients = []
  }

  #nextClientId(): number {
    this.#lastClientId += 1
    return this.#lastClientId
  }

  #remove(client: SimulatedClient): void {
    this.#clients = this.#clients.filter((other) => other !== client)
  }

  #leave(client: SimulatedClient): void {
    const { time } = this.#options
    const left = (): void => {
      const { timerCount, name } = client.clock
      if (timerCount > 0) throw new Error(`${timerCount} timers are left after ${name} was closed`)
    }
    client
      .close()
      .then(left)
      .catch((error: unknown) => time.fail(error))
  }

  /** Until peace, when everything is set right at once. */
  #later(delayMs: number, run: () => void): void {
    this.#options.time.after(delayMs, () => {
      if (!this.#peace) run()
    })
  }
}
