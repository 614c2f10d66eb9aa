// Opens the data folder: its lock, the LMDB file in it, and the tables of that file.
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readSync } from 'node:fs'
import { endianness } from 'node:os'
import path from 'node:path'
import { type Database, open, type RootDatabase } from 'lmdb'
import { WeftError } from '../../core/errors.js'
import { lockFolder } from './folder-lock.js'

/** What this version of Weft writes. A folder with a higher number is refused, never guessed at. */
export const FORMAT_VERSION = 1

export const DATA_FILE = 'weft.mdb'
const FORMAT_KEY = Buffer.from('format')
/** Address space, not disk or memory. LMDB doubles it when the file outgrows it. */
const INITIAL_MAP_BYTES = 256 * 1024 * 1024

// The first page of an LMDB file: a 24-byte page header, then these two, 32 bits each in the machine's byte order.
const LMDB_MAGIC = 0xbeefc0de
const LMDB_MAGIC_OFFSET = 24
const LMDB_DATA_VERSION = 2

export type Table = Database<Buffer, Buffer>

export interface Environment {
  readonly root: RootDatabase<Buffer, Buffer>
  /** names of our own */
  readonly meta: Table
  /** owner key → owner record */
  readonly owners: Table
  /** document key → document record */
  readonly documents: Table
  /** row key → log row */
  readonly log: Table
  /** row key → snapshot record */
  readonly snapshots: Table
  /** state key → a piece of a snapshot's state */
  readonly states: Table
  /** document key → quarantine record. Programs from before there was one leave it alone, so the format stays as it is. */
  readonly quarantines: Table
  /** Lets go of the file, then of the folder. */
  close(): Promise<void>
}

/**
 * Opens the folder, creating it if need be. Throws WeftErrors: `data-folder-in-use` (O6), `data-folder-newer`, `data-folder-unwritable`, and `store-failed`
 * for a file that LMDB cannot make sense of.
 */
export async function openEnvironment(folder: string): Promise<Environment> {
  const lock = await prepareFolder(folder)
  try {
    const tables = openTables(folder)
    return {
      ...tables,
      async close() {
        await tables.root.close()
        closeSync(lock)
      },
    }
  } catch (thrown) {
    closeSync(lock)
    throw thrown
  }
}

/** Makes the folder if need be, and locks it. */
async function prepareFolder(folder: string): Promise<number> {
  try {
    makeFolder(folder)
    return await lockFolder(folder)
  } catch (thrown) {
    throw thrown instanceof WeftError ? thrown : unwritable(folder, thrown)
  }
}

/** Makes the folder and those above it, and their names durable. */
function makeFolder(folder: string): void {
  const first = mkdirSync(folder, { recursive: true })
  if (first === undefined) return
  for (let made = path.resolve(folder); ; made = path.dirname(made)) {
    syncDirectory(path.dirname(made))
    if (made === path.resolve(first) || made === path.dirname(made)) return
  }
}

function openTables(folder: string): Omit<Environment, 'close'> {
  checkHeader(folder)
  let root: RootDatabase<Buffer, Buffer>
  try {
    root = open<Buffer, Buffer>({
      path: path.join(folder, DATA_FILE),
      noSubdir: true,
      maxDbs: 16,
      mapSize: INITIAL_MAP_BYTES,
      encoding: 'binary',
      keyEncoding: 'binary',
      // A commit then includes its fdatasync, before the promise resolves: see docs/decisions/0002-lmdb-commit-includes-sync.md
      overlappingSync: false,
      eventTurnBatching: false,
    })
  } catch (cause) {
    throw unopened(folder, cause)
  }
  try {
    const table = (name: string): Table => root.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' })
    const meta = table('meta')
    checkFormat(folder, meta)
    const tables = {
      root,
      meta,
      owners: table('owners'),
      documents: table('documents'),
      log: table('log'),
      snapshots: table('snapshots'),
      states: table('states'),
      quarantines: table('quarantines'),
    }
    // A new file survives a power cut only if its name does, and that is written in the folder.
    syncDirectory(folder)
    return tables
  } catch (thrown) {
    void root.close()
    throw thrown instanceof WeftError ? thrown : unopened(folder, thrown)
  }
}

/** Refuses a file that is not LMDB's: lmdb-js would end the process with a segmentation fault over it. */
function checkHeader(folder: string): void {
  const file = path.join(folder, DATA_FILE)
  if (!existsSync(file)) return
  const header = Buffer.alloc(LMDB_MAGIC_OFFSET + 8)
  let length: number
  try {
    const descriptor = openSync(file, 'r+')
    try {
      length = readSync(descriptor, header)
    } finally {
      closeSync(descriptor)
    }
  } catch (cause) {
    throw unwritable(folder, cause)
  }
  if (length === 0) return
  const word = (offset: number): number => (endianness() === 'LE' ? header.readUInt32LE(offset) : header.readUInt32BE(offset))
  if (length < header.length || word(LMDB_MAGIC_OFFSET) !== LMDB_MAGIC)
    throw new WeftError('store-failed', `The file ${file} is not a data file of Weft, or its beginning is damaged.`)
  const version = word(LMDB_MAGIC_OFFSET + 4) & 0xffff
  if (version > LMDB_DATA_VERSION) throw newer(folder, `its LMDB format is ${version}`)
}

function checkFormat(folder: string, meta: Table): void {
  const written = meta.get(FORMAT_KEY)
  if (written === undefined) {
    meta.putSync(FORMAT_KEY, Buffer.from(String(FORMAT_VERSION)))
    return
  }
  const version = Number(written.toString('utf8'))
  if (version === FORMAT_VERSION) return
  throw newer(folder, `its format is ${version}, this version reads ${FORMAT_VERSION}`)
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function unopened(folder: string, cause: unknown): WeftError {
  const text = cause instanceof Error ? cause.message : String(cause)
  if (/permission denied|read-only|no space/i.test(text)) return unwritable(folder, cause)
  if (/VERSION_MISMATCH/.test(text)) return newer(folder, text)
  return new WeftError('store-failed', `The data file in ${folder} cannot be opened: ${text}.`, { cause })
}

function unwritable(folder: string, cause: unknown): WeftError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new WeftError('data-folder-unwritable', `The data folder ${folder} cannot be written: ${why}.`, { cause })
}

function newer(folder: string, what: string): WeftError {
  return new WeftError('data-folder-newer', `The data folder ${folder} was written by a newer version of Weft (${what}).`)
}
