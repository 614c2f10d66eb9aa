// Opens the data folder: its lock, the LMDB file in it, and the tables of that file.
import { closeSync, rmSync } from 'node:fs'
import path from 'node:path'
import { type Database, open, type RootDatabase } from 'lmdb'
import { WeftError } from '../../core/errors.js'
import { DATA_FILE } from '../data-folder.js'
import { makeFolder } from '../make-folder.js'
import { syncDirectory } from '../sync-directory.js'
import { errorMessage } from '../system-errors.js'
import { checkDataFile, damaged, isMarked, markFolder } from './data-file.js'
import { newer, unwritable } from './folder-errors.js'
import { lockFolder } from './folder-lock.js'
import { putMark, readMark } from './journal-mark.js'
import type { OwnerRecord } from './layout.js'
import { PendingRows } from './pending-rows.js'

/**
 * What this version of Weft writes. A folder with a higher number is refused, never guessed at; one with a lower number becomes one of this version when it is
 * opened, and programs from before refuse it then. Since 2, rows of the log name their users: what was written before is read as it is.
 * Since 3, rows may be in a journal beside the file.
 */
export const FORMAT_VERSION = 3

const FORMAT_KEY = Buffer.from('format')
/** Address space, not disk or memory. LMDB doubles it when the file outgrows it. */
const INITIAL_MAP_BYTES = 256 * 1024 * 1024

/** Keys and values are bytes, as they are. */
const encodings = { encoding: 'binary', keyEncoding: 'binary' } as const

export type Table = Database<Buffer, Buffer>

export interface Environment {
  /** Rows that only the journal has. */
  readonly pending: PendingRows
  /** The numbers of users that were looked up, some of them perhaps in a transaction that is not committed: one that fails clears it. */
  readonly knownNumbers: Map<string, number>
  /** Owners of shards, likewise. */
  readonly knownOwners: Map<number, OwnerRecord>
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
  /** use key → the first use of a client id in a document */
  readonly firstUses: Table
  /** user key → the user's id */
  readonly users: Table
  /** a user's id in UTF-8 → the user's number */
  readonly userNumbers: Table
  /**
   * record key → keyed record; the table is called as it was when only access control had any. Programs from before there were any leave them alone, so
   * the format stays as it is.
   */
  readonly keyedRecords: Table
  /** cursor key → how far a subscriber was told of a document */
  readonly changeCursors: Table
  /** Lets go of the file, then of the folder. */
  close(): Promise<void>
}

/**
 * Opens the folder, creating it if need be. Throws WeftErrors: `data-folder-in-use` (O6), `data-folder-newer`, `data-folder-unwritable`, `data-folder-damaged`
 * (D4), and `store-failed` for a file that LMDB cannot make sense of.
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

/** Makes a copy of the data file one that stands alone: the journal beside the original is not copied, and all that the copy is to hold is in it. */
export async function forgetJournal(file: string): Promise<void> {
  const root = open<Buffer, Buffer>({ path: file, noSubdir: true, maxDbs: 16, ...encodings, overlappingSync: false })
  try {
    const meta = root.openDB<Buffer, Buffer>({ name: 'meta', ...encodings })
    const { applied } = readMark({ meta })
    root.transactionSync(() => putMark({ meta }, { applied, segments: [] }))
  } finally {
    await root.close()
    rmSync(`${file}-lock`, { force: true })
  }
}

/** Makes the folder if need be, and locks it. */
async function prepareFolder(folder: string): Promise<number> {
  try {
    // Their names are durable from here on.
    for (const made of makeFolder(folder)) syncDirectory(path.dirname(made))
    return await lockFolder(folder)
  } catch (thrown) {
    throw thrown instanceof WeftError ? thrown : unwritable(folder, thrown)
  }
}

function openTables(folder: string): Omit<Environment, 'close'> {
  checkDataFile(folder)
  let root: RootDatabase<Buffer, Buffer>
  try {
    root = open<Buffer, Buffer>({
      path: path.join(folder, DATA_FILE),
      noSubdir: true,
      maxDbs: 16,
      mapSize: INITIAL_MAP_BYTES,
      ...encodings,
      // A commit then includes its fdatasync, before the promise resolves: see docs/decisions/0002-lmdb-commit-includes-sync.md
      overlappingSync: false,
      eventTurnBatching: false,
    })
  } catch (cause) {
    throw unopened(folder, cause)
  }
  try {
    const table = (name: string): Table => root.openDB<Buffer, Buffer>({ name, ...encodings })
    const meta = table('meta')
    checkFormat(folder, meta)
    const tables = {
      pending: new PendingRows(),
      knownNumbers: new Map<string, number>(),
      knownOwners: new Map<number, OwnerRecord>(),
      root,
      meta,
      owners: table('owners'),
      documents: table('documents'),
      log: table('log'),
      snapshots: table('snapshots'),
      states: table('states'),
      quarantines: table('quarantines'),
      firstUses: table('first-uses'),
      users: table('users'),
      userNumbers: table('user-numbers'),
      keyedRecords: table('access-records'),
      changeCursors: table('change-cursors'),
    }
    // A new file survives a power cut only if its name does, and that is written in the folder.
    markFolder(folder)
    syncDirectory(folder)
    return tables
  } catch (thrown) {
    void root.close()
    throw thrown instanceof WeftError ? thrown : unopened(folder, thrown)
  }
}

function checkFormat(folder: string, meta: Table): void {
  const written = meta.get(FORMAT_KEY)
  if (written === undefined) {
    // An LMDB file with nothing in it, in the place of ours.
    if (isMarked(folder)) throw damaged(folder, 'holds nothing')
    meta.putSync(FORMAT_KEY, Buffer.from(String(FORMAT_VERSION)))
    return
  }
  const version = Number(written.toString('utf8'))
  if (version === FORMAT_VERSION) return
  if (version >= 1 && version < FORMAT_VERSION) {
    // Before anything is written that a program from before could not read.
    meta.putSync(FORMAT_KEY, Buffer.from(String(FORMAT_VERSION)))
    return
  }
  throw newer(folder, `its format is ${version}, this version reads ${FORMAT_VERSION}`)
}

function unopened(folder: string, cause: unknown): WeftError {
  const text = errorMessage(cause)
  if (/permission denied|read-only|no space/i.test(text)) return unwritable(folder, cause)
  if (/VERSION_MISMATCH/.test(text)) return newer(folder, text)
  return new WeftError('store-failed', `The data file in ${folder} cannot be opened: ${text}.`, { cause })
}
