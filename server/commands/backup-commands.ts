// A copy of the whole embedded store, and a data folder out of one: `weft backup`, `weft restore-backup`.
import { constants, createWriteStream, existsSync } from 'node:fs'
import { access, copyFile, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { systemClock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import { silentLogger } from '../../core/log.js'
import { DATA_FILE, LOCK_FILE, UNFINISHED_COPY } from '../../persistence/data-folder.js'
import { openLmdbStore } from '../../persistence/index.js'
import { makeFolder } from '../../persistence/make-folder.js'
import { syncDirectory } from '../../persistence/sync-directory.js'
import { notWritten } from '../../persistence/system-errors.js'
import type { DocumentCommandDefinition } from '../config/command-line.js'
import { withApi } from './api-target.js'
import { bytesText, printJson, printLine } from './output.js'

export const backupCommand: DocumentCommandDefinition = {
  name: 'backup',
  description: 'writes a consistent copy of the embedded store into a new folder, while the server runs',
  arguments: [['<folder>', 'where to; it is made']],
  options: [],
  run: async (given) => {
    const folder = given.arguments['folder'] ?? ''
    const file = path.join(folder, DATA_FILE)
    if (existsSync(file)) throw new WeftError('invalid-configuration', `There is a backup in ${folder} already; name another folder.`)
    const unfinished = path.join(folder, UNFINISHED_COPY)
    // Before the server is asked, which copies all of it.
    await writing(folder, async () => {
      makeFolder(folder)
      await writeFile(unfinished, '')
    })
    try {
      await withApi(given, async (api) => {
        const { response } = await api.ask('GET', '/backup')
        if (response.body === null) throw new WeftError('internal', 'The server sent nothing.')
        const source = Readable.fromWeb(response.body as ReadableStream)
        await pipeline(source, createWriteStream(unfinished, { flush: true })).catch((thrown: unknown) => {
          // What the disk says has a number; fetch says in its own words that it broke.
          throw thrown instanceof Error && 'errno' in thrown ? notWritten('The backup', folder, thrown) : brokenOff(thrown)
        })
        // A connection that breaks in the middle may end the file early.
        if (String((await stat(unfinished)).size) !== response.headers.get('weft-backup-bytes')) throw brokenOff()
      })
      await writing(folder, async () => {
        await rename(unfinished, file)
        syncFolder(folder)
      })
    } finally {
      await rm(unfinished, { force: true })
    }
    const { size } = await stat(file)
    if (given.json) printJson({ file, bytes: size })
    else printLine(`Written to ${file}, ${bytesText(size)}. To use it: weft restore-backup ${folder} --data <new folder>`)
  },
}

export const restoreBackupCommand: DocumentCommandDefinition = {
  name: 'restore-backup',
  description: 'makes a data folder out of a backup; the server is started on it afterwards',
  arguments: [['<folder>', 'the folder of the backup']],
  options: [],
  asks: 'folder',
  run: async (given) => {
    if (given.url !== null)
      throw new WeftError(
        'invalid-configuration',
        'restore-backup makes a data folder on this machine; name it with --data, and leave --url out.',
      )
    const from = path.join(given.arguments['folder'] ?? '', DATA_FILE)
    if (!existsSync(from)) throw noBackup(given.arguments['folder'] ?? '')
    const into = given.dataFolder
    // What one that was killed in the middle left is no data folder yet, and is written over; a server may have looked at it meanwhile.
    const there = existsSync(into) ? await writing(into, () => readdir(into)) : []
    if (there.some((name) => name !== UNFINISHED_COPY && name !== LOCK_FILE))
      throw new WeftError('invalid-configuration', `The data folder ${into} is not empty; a backup is restored into a new one.`)
    // What cannot be read is not taken for a folder that cannot be written.
    await access(from, constants.R_OK).catch((cause: unknown) => {
      throw new WeftError('copy-not-written', `The backup ${from} cannot be read: ${(cause as Error).message}.`, { cause })
    })
    await writing(into, async () => {
      makeFolder(into)
      const unfinished = path.join(into, UNFINISHED_COPY)
      await copyFile(from, unfinished)
      const copy = await open(unfinished, 'r+')
      await copy.sync()
      await copy.close()
      await rename(unfinished, path.join(into, DATA_FILE))
      syncFolder(into)
    })
    // What cannot be opened is told now, and not when the server is started in a hurry.
    const store = await openLmdbStore({ folder: into, clock: systemClock, logger: silentLogger, onFatal: () => {} })
    const { items } = await store.listDocuments({ limit: 1 })
    await store.close()
    if (given.json) printJson({ dataFolder: into, empty: items.length === 0 })
    else printLine(`${into} is a data folder now: weft serve --data ${into}`)
  },
}

function brokenOff(cause?: unknown): WeftError {
  return new WeftError('internal', 'The connection broke before all of the copy had come; try again.', { cause })
}

/** Rejects with what is in the way of `work`, which writes into `folder`. */
async function writing<Result>(folder: string, work: () => Promise<Result>): Promise<Result> {
  return work().catch((thrown: unknown) => {
    throw notWritten('The backup', folder, thrown)
  })
}

function noBackup(folder: string): WeftError {
  const what = existsSync(path.join(folder, UNFINISHED_COPY))
    ? `The backup into ${folder} was cut off: ${UNFINISHED_COPY} is no whole store. Take it again with weft backup ${folder}.`
    : `There is no backup in ${folder}: it has no ${DATA_FILE}.`
  return new WeftError('invalid-configuration', what)
}

/** The names of a folder that may be new, and of what is in it, survive a power cut from here on. */
function syncFolder(folder: string): void {
  syncDirectory(folder)
  syncDirectory(path.dirname(path.resolve(folder)))
}
