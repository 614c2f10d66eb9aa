// The files of the journal on a real disk.
import {
  closeSync,
  constants,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { isJournalFile } from '../data-folder.js'
import { syncDirectory } from '../sync-directory.js'

/** A file that is written from its beginning to its end. */
export interface JournalFile {
  /** Resolves when the bytes would survive a power cut. Rejects with the system's error; then any part of them may be there. */
  write(bytes: Buffer, offset: number): Promise<void>
  /** Cuts off what a failed write left. */
  truncate(size: number): void
  close(): void
}

export interface JournalDisk {
  names(): readonly string[]
  read(name: string): Buffer
  /** Makes a new file with these bytes. Its name and its bytes survive a power cut when it returns. */
  create(name: string, bytes: Buffer): JournalFile
  remove(name: string): void
}

const writeBytes = promisify(write)
const syncData = promisify(fdatasync)
/** A write through a descriptor of this kind includes its sync. Node has the flag on Linux alone. */
const SYNCHRONOUS: number | undefined = process.platform === 'linux' ? constants.O_DSYNC : undefined

export function journalDisk(folder: string): JournalDisk {
  return {
    names: () =>
      readdirSync(folder)
        .filter((name) => isJournalFile(name))
        .sort(),
    read: (name) => readFileSync(path.join(folder, name)),
    create(name, bytes) {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
      const descriptor = openSync(path.join(folder, name), flags | (SYNCHRONOUS ?? 0))
      try {
        writeSync(descriptor, bytes)
        fsyncSync(descriptor)
        syncDirectory(folder)
      } catch (thrown) {
        closeSync(descriptor)
        unlinkSync(path.join(folder, name))
        throw thrown
      }
      return openFile(descriptor)
    },
    remove: (name) => unlinkSync(path.join(folder, name)),
  }
}

function openFile(descriptor: number): JournalFile {
  return {
    async write(bytes, offset) {
      for (let written = 0; written < bytes.length; ) {
        const { bytesWritten } = await writeBytes(descriptor, bytes, written, bytes.length - written, offset + written)
        written += bytesWritten
      }
      if (SYNCHRONOUS === undefined) await syncData(descriptor)
    },
    truncate: (size) => ftruncateSync(descriptor, size),
    close: () => closeSync(descriptor),
  }
}
