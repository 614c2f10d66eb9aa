// Looks at an LMDB file before it is mapped: LMDB takes an empty file for a new one, and a page that is missing ends the process with a signal.
//
// The layout, in the machine's byte order (lmdb-js 3.5, data version 2, 64 bits):
//   page      u64 number, u64 transaction, u16 pad, u16 flags, then u16 lower and u16 upper (or u32 count of overflow pages), then its data
//   meta      pages 0 and 1: u32 magic, u32 version, u64 address, u64 map size, tree of the free pages, tree of everything else, u64 last page,
//             u64 transaction. The one of the later transaction counts.
//   tree      u32 pad (of the first tree: the page size), u16 flags, u16 depth, four u64 counts, u64 root page (all ones: empty)
//   node      u16 low, u16 high, u16 flags, u16 key size, key, data. A branch's page number is low, high and flags; a leaf's data size is low and high.
//   free      lists under the transaction that freed them: u64 count of words, then words: a page, or minus n and the first of n pages, or 0
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { endianness } from 'node:os'
import path from 'node:path'
import { WeftError } from '../../core/errors.js'
import { DATA_FILE, UNFINISHED_COPY } from '../data-folder.js'
import { newer, unwritable } from './folder-errors.js'

/** An empty file: that it is there says everything. Whoever wants to begin anew in a folder whose data file was lost removes it. */
const MARKER_FILE = 'weft.mdb-was-here'

const MAGIC = 0xbeefc0de
const DATA_VERSION = 2
const PAGE_HEADER_BYTES = 24
const META_BYTES = PAGE_HEADER_BYTES + 144
const FREE_TREE_OFFSET = PAGE_HEADER_BYTES + 24
const FREE_ROOT_OFFSET = FREE_TREE_OFFSET + 40
const LAST_PAGE_OFFSET = PAGE_HEADER_BYTES + 120
const TRANSACTION_OFFSET = PAGE_HEADER_BYTES + 128
const NODE_HEADER_BYTES = 8
const META_PAGES = 2
const NO_ROOT = 2n ** 64n - 1n
const DEPTH_MAX = 32
const flags = { branch: 0x01, leaf: 0x02, overflow: 0x04, meta: 0x08, bigData: 0x01 } as const
const bits64: ReadonlySet<string> = new Set(['x64', 'arm64', 'ppc64', 'riscv64', 's390x', 'loong64'])

/** Remembers beside the data file that there is one; durable once the folder is synced. */
export function markFolder(folder: string): void {
  closeSync(openSync(path.join(folder, MARKER_FILE), 'a'))
}

/** Whether there was a data file in the folder before. */
export function isMarked(folder: string): boolean {
  return sizeOf(path.join(folder, MARKER_FILE)) !== null
}

/** Throws `data-folder-damaged` unless the data file may be mapped, or there is none and never was; `data-folder-newer`, `data-folder-unwritable`. */
export function checkDataFile(folder: string): void {
  const file = path.join(folder, DATA_FILE)
  const size = sizeOf(file)
  if (size === null || size === 0) {
    if (sizeOf(path.join(folder, UNFINISHED_COPY)) !== null)
      throw new WeftError(
        'data-folder-damaged',
        `A copy was being written into ${folder}, and that was cut off: ${UNFINISHED_COPY} is no whole store. Take the backup or restore it again (weft backup, weft restore-backup), or remove that file to begin with nothing.`,
      )
    // A first start may have been cut off before anything was in it.
    if (!isMarked(folder)) return
    throw damaged(folder, size === null ? 'is missing' : 'is empty')
  }
  let descriptor: number
  try {
    descriptor = openSync(file, 'r+')
  } catch (cause) {
    throw unwritable(folder, cause)
  }
  try {
    new DataFile(folder, descriptor).check()
  } finally {
    closeSync(descriptor)
  }
}

function sizeOf(file: string): number | null {
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat === undefined ? null : stat.size
}

class DataFile {
  readonly #folder: string
  readonly #descriptor: number
  readonly #size: number
  #pageBytes = 0

  constructor(folder: string, descriptor: number) {
    this.#folder = folder
    this.#descriptor = descriptor
    this.#size = fstatSync(descriptor).size
  }

  check(): void {
    const first = this.#meta(0)
    if (!bits64.has(process.arch)) return
    this.#pageBytes = word32(first, FREE_TREE_OFFSET)
    if (this.#pageBytes < 512 || this.#pageBytes > 65_536 || (this.#pageBytes & (this.#pageBytes - 1)) !== 0)
      throw damaged(this.#folder, 'has a damaged beginning')
    const second = this.#meta(this.#pageBytes)
    const latest = word64(first, TRANSACTION_OFFSET) >= word64(second, TRANSACTION_OFFSET) ? first : second
    const pagesNeeded = Number(word64(latest, LAST_PAGE_OFFSET)) + 1
    const pagesThere = Math.floor(this.#size / this.#pageBytes)
    if (pagesThere >= pagesNeeded && pagesThere >= META_PAGES) return
    // LMDB need not have written pages at the end that nothing is in: those are in its list of free ones.
    const missing = new Set<number>()
    for (let page = pagesThere; page < pagesNeeded; page++) missing.add(page)
    this.#forEachFree(word64(latest, FREE_ROOT_OFFSET), 0, (from, count) => {
      for (let page = Math.max(from, pagesThere); page < Math.min(from + count, pagesNeeded); page++) missing.delete(page)
    })
    if (missing.size > 0) throw this.#cutShort(pagesNeeded)
  }

  #meta(offset: number): Buffer {
    const page = this.#read(offset, META_BYTES)
    if (word32(page, PAGE_HEADER_BYTES) !== MAGIC || (word16(page, 18) & flags.meta) === 0)
      throw damaged(this.#folder, 'is not a data file of Weft, or has a damaged beginning')
    const version = word32(page, PAGE_HEADER_BYTES + 4) & 0xffff
    if (version > DATA_VERSION) throw newer(this.#folder, `its LMDB format is ${version}`)
    return page
  }

  /** Tells of every run of pages in the tree of free ones. */
  #forEachFree(root: bigint, depth: number, tell: (from: number, count: number) => void): void {
    if (root === NO_ROOT) return
    const page = this.#page(Number(root))
    const kind = word16(page, 18)
    const nodes = (word16(page, 20) - PAGE_HEADER_BYTES) >> 1
    const isBranch = (kind & flags.branch) !== 0
    if ((!isBranch && (kind & flags.leaf) === 0) || depth > DEPTH_MAX || PAGE_HEADER_BYTES + 2 * nodes > page.length)
      throw this.#unreadable()
    for (let node = 0; node < nodes; node++) {
      const at = word16(page, PAGE_HEADER_BYTES + 2 * node)
      if (at + NODE_HEADER_BYTES > page.length) throw this.#unreadable()
      const low = word32(page, at)
      if (isBranch) this.#forEachFree(BigInt(low) + (BigInt(word16(page, at + 4)) << 32n), depth + 1, tell)
      else this.#tellRuns(this.#valueAt(page, at, low), tell)
    }
  }

  /** The data of a leaf's node, of `bytes` bytes. */
  #valueAt(page: Buffer, at: number, bytes: number): Buffer {
    const start = at + NODE_HEADER_BYTES + word16(page, at + 6)
    if ((word16(page, at + 4) & flags.bigData) === 0) {
      if (start + bytes > page.length) throw this.#unreadable()
      return page.subarray(start, start + bytes)
    }
    if (start + 8 > page.length) throw this.#unreadable()
    return this.#read(Number(word64(page, start)) * this.#pageBytes + PAGE_HEADER_BYTES, bytes)
  }

  #tellRuns(list: Buffer, tell: (from: number, count: number) => void): void {
    if (list.length < 8) throw this.#unreadable()
    const words = Number(word64(list, 0))
    if (8 * (words + 1) > list.length) throw this.#unreadable()
    for (let index = 1; index <= words; index++) {
      const word = BigInt.asIntN(64, word64(list, 8 * index))
      if (word > 0n) tell(Number(word), 1)
      else if (word < 0n && index < words) tell(Number(word64(list, 8 * ++index)), Number(-word))
    }
  }

  #page(number: number): Buffer {
    return this.#read(number * this.#pageBytes, this.#pageBytes)
  }

  #read(offset: number, bytes: number): Buffer {
    if (!Number.isSafeInteger(offset + bytes) || offset + bytes > this.#size) throw this.#cutShort(null)
    const buffer = Buffer.alloc(bytes)
    if (readSync(this.#descriptor, buffer, 0, bytes, offset) !== bytes) throw this.#cutShort(null)
    return buffer
  }

  #cutShort(pagesNeeded: number | null): WeftError {
    return damaged(
      this.#folder,
      `is cut short: it has ${this.#size} bytes${pagesNeeded === null ? '' : ` and needs ${pagesNeeded * this.#pageBytes}`}`,
    )
  }

  #unreadable(): WeftError {
    return damaged(this.#folder, 'has a list of free pages that cannot be read')
  }
}

const isLittleEndian = endianness() === 'LE'

function word16(buffer: Buffer, offset: number): number {
  return isLittleEndian ? buffer.readUInt16LE(offset) : buffer.readUInt16BE(offset)
}

function word32(buffer: Buffer, offset: number): number {
  return isLittleEndian ? buffer.readUInt32LE(offset) : buffer.readUInt32BE(offset)
}

function word64(buffer: Buffer, offset: number): bigint {
  return isLittleEndian ? buffer.readBigUInt64LE(offset) : buffer.readBigUInt64BE(offset)
}

export function damaged(folder: string, what: string): WeftError {
  return new WeftError(
    'data-folder-damaged',
    `The data file ${path.join(folder, DATA_FILE)} ${what}. Restore the folder from a backup: nothing was changed in it, and Weft does not begin anew over it. ` +
      `To begin anew all the same, remove the data file and ${MARKER_FILE}.`,
  )
}

export function damagedJournal(folder: string, name: string, what: string): WeftError {
  return new WeftError(
    'data-folder-damaged',
    `The file ${path.join(folder, name)}, which belongs to the data file, ${what}. Edits that were saved may be in it: restore the folder from a backup. ` +
      'Nothing was changed in it.',
  )
}
