// A disk for the journal that loses power: of what was not synced any sectors may be there afterwards, the later without the earlier.
import type { Random } from '../../core/random.js'
import type { JournalDisk, JournalFile } from '../../persistence/lmdb/journal-disk.js'

const SECTOR_BYTES = 512

interface StoredFile {
  /** What the next start reads. */
  bytes: Buffer
}

/** `honest`: a write that has resolved is on the disk. `lying`: it may be in the disk's memory still. */
export type DiskKind = 'honest' | 'lying'

export class TearingDisk implements JournalDisk {
  readonly #random: Random
  readonly #kind: DiskKind
  readonly #files = new Map<string, StoredFile>()
  /** Written, and not durable. */
  #unsynced: { readonly name: string; readonly offset: number; readonly bytes: Buffer }[] = []
  /** Bytes that fit; a write beyond them is cut short and fails. */
  roomBytes = Number.POSITIVE_INFINITY
  #isOff = false

  constructor(random: Random, kind: DiskKind) {
    this.#random = random
    this.#kind = kind
  }

  names(): readonly string[] {
    return [...this.#files.keys()].sort()
  }

  read(name: string): Buffer {
    return Buffer.from(this.#file(name).bytes)
  }

  remove(name: string): void {
    this.#files.delete(name)
  }

  create(name: string, bytes: Buffer): JournalFile {
    this.#files.set(name, { bytes: Buffer.from(bytes) })
    return {
      write: async (more, offset) => {
        if (this.#isOff) return new Promise<void>(() => {})
        if (more.length > this.roomBytes) {
          this.#put(name, offset, more.subarray(0, this.roomBytes))
          throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
        }
        this.#unsynced.push({ name, offset, bytes: Buffer.from(more) })
        await Promise.resolve()
        // Nobody hears of a write that the power cut came before.
        if (this.#isOff) return new Promise<void>(() => {})
        if (this.#kind === 'honest') this.#sync()
      },
      truncate: (size) => {
        const file = this.#file(name)
        file.bytes = file.bytes.subarray(0, size)
      },
      close: () => {},
    }
  }

  /** What was not synced is there in part; then there is power again. */
  cutPower(): void {
    this.#isOff = true
    for (const { name, offset, bytes } of this.#unsynced) {
      for (let at = 0; at < bytes.length; at += SECTOR_BYTES - ((offset + at) % SECTOR_BYTES)) {
        const end = Math.min(bytes.length, at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES))
        if (this.#random.fraction() < 0.5) this.#put(name, offset + at, bytes.subarray(at, end))
      }
    }
    this.#unsynced = []
  }

  restorePower(): void {
    this.#isOff = false
  }

  #sync(): void {
    for (const { name, offset, bytes } of this.#unsynced.splice(0)) this.#put(name, offset, bytes)
  }

  #put(name: string, offset: number, bytes: Buffer): void {
    const file = this.#files.get(name)
    if (file === undefined) return
    const grown = Buffer.alloc(Math.max(file.bytes.length, offset + bytes.length))
    file.bytes.copy(grown)
    bytes.copy(grown, offset)
    file.bytes = grown
  }

  #file(name: string): StoredFile {
    const file = this.#files.get(name)
    if (file === undefined) throw new Error(`there is no file ${name}`)
    return file
  }
}
