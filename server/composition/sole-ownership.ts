// What a server that runs alone owns: every shard, claimed once at the start under a fresh boot id.
import { SHARD_COUNT, shardOf } from '../../core/document-id.js'
import { WeftError } from '../../core/errors.js'
import { failureInWords } from '../../core/public-words.js'
import { type Random, randomId } from '../../core/random.js'
import type { Claimant, DocumentStore, Fence } from '../../persistence/store.js'
import type { DocumentCommands } from '../document/commands.js'
import type { DocumentDirectory } from '../document/port.js'
import type { HttpRelay } from '../gateway/http-transport.js'
import type { NodeStanding, Ownership } from './ownership.js'

const BOOT_ID_BYTES = 16

export class SoleOwnership implements Ownership {
  readonly directory: DocumentDirectory & DocumentCommands
  readonly relay: HttpRelay = { knows: () => false, relay: () => null }
  readonly desks: HttpRelay = this.relay
  readonly #claimant: Claimant
  readonly #store: DocumentStore
  readonly #epochs = new Map<number, number>()
  #failure: WeftError | null = null

  constructor(options: { readonly store: DocumentStore; readonly random: Random; readonly local: DocumentDirectory & DocumentCommands }) {
    this.directory = options.local
    this.#store = options.store
    this.#claimant = { nodeId: 'embedded', boot: randomId(options.random, BOOT_ID_BYTES) }
  }

  get boot(): string {
    return this.#claimant.boot
  }

  get nodeId(): string {
    return this.#claimant.nodeId
  }

  get ownedShards(): number {
    return this.#epochs.size
  }

  get nodesAlive(): number {
    return 1
  }

  nodes(): readonly NodeStanding[] {
    const { nodeId, boot } = this.#claimant
    const unknown = { advertise: null, version: null, startedAt: null }
    return [{ nodeId, boot, ...unknown, heartbeatAgeMs: 0, draining: false, ownedShards: this.ownedShards }]
  }

  /** Claims all shards, whoever had them. Rejects with `store-failed` if somebody else claims at the same time. */
  async start(): Promise<void> {
    const epochs = new Map((await this.#store.readOwnership()).map(({ shard, epoch }) => [shard, epoch]))
    const seen = Array.from({ length: SHARD_COUNT }, (_, shard) => ({ shard, epoch: epochs.get(shard) ?? 0 }))
    const grants = await this.#store.claimShards(this.#claimant, seen)
    if (grants.length < SHARD_COUNT)
      throw new WeftError(
        'store-failed',
        `Only ${grants.length} of ${SHARD_COUNT} shards could be claimed: another server is claiming them.`,
      )
    for (const { shard, epoch } of grants) this.#epochs.set(shard, epoch)
  }

  fenceOf(documentId: string): Fence | null {
    const shard = shardOf(documentId)
    const epoch = this.#epochs.get(shard)
    return epoch === undefined ? null : { shard, epoch, boot: this.boot }
  }

  fenced(shards: ReadonlySet<number>): void {
    for (const shard of shards) this.#epochs.delete(shard)
  }

  fail(error: WeftError): void {
    this.#failure = error
    this.#epochs.clear()
  }

  impediment(): string | null {
    return this.#failure === null ? null : failureInWords(this.#failure)
  }

  /** There is nobody to hand anything to. */
  async handOver(): Promise<void> {}

  async end(): Promise<void> {
    const grants = Array.from(this.#epochs, ([shard, epoch]) => ({ shard, epoch }))
    this.#epochs.clear()
    await this.#store.releaseShards(this.#claimant, grants)
  }
}
