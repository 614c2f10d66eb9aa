// Keeps a second server out of a data folder (O6): a lock of the kernel's on a file in it, which ends with the process that holds it,
// however it ends.
import { spawnSync } from 'node:child_process'
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import path from 'node:path'
import { WeftError } from '../../core/errors.js'
import { LOCK_FILE } from '../data-folder.js'

/** Takes an exclusive lock on an open file without waiting. False if somebody else holds one. */
type TryLock = (descriptor: number) => boolean

/**
 * Locks the folder, which must exist, and answers the descriptor that holds the lock until it is closed. Rejects with `data-folder-in-use`.
 */
export async function lockFolder(folder: string): Promise<number> {
  const tryLock = await findTryLock(folder)
  const descriptor = openSync(path.join(folder, LOCK_FILE), 'a+')
  try {
    if (!tryLock(descriptor)) {
      const holder = readFileSync(descriptor, 'utf8').trim()
      const who = /^\d+$/.test(holder) ? `process ${holder}` : 'another process'
      throw new WeftError('data-folder-in-use', `The data folder ${folder} is in use by ${who}; two servers cannot share one.`)
    }
    ftruncateSync(descriptor)
    writeSync(descriptor, `${process.pid}\n`)
    return descriptor
  } catch (thrown) {
    closeSync(descriptor)
    throw thrown
  }
}

/**
 * There are two locks of a file, and on Linux neither sees the other: that of `fs-native-extensions`, which has no build for musl (Alpine)
 * and for rarer processors, and that of the command flock, which not every system has. Whoever can takes both, so that servers of two
 * systems on one folder meet in one.
 */
async function findTryLock(folder: string): Promise<TryLock> {
  const native = await import('fs-native-extensions').then(
    ({ tryLock }) => ({ tryLock }),
    (cause: unknown) => ({ cause }),
  )
  return (descriptor) => {
    if ('tryLock' in native && !native.tryLock(descriptor)) return false
    const command = lockByCommand(descriptor)
    if (command.kind !== 'failed' || 'tryLock' in native) return command.kind !== 'held'
    throw new WeftError(
      'data-folder-unwritable',
      `The data folder ${folder} cannot be locked against a second server: the package fs-native-extensions does not run on this system, ` +
        `and the command flock ${command.why}. Install flock (it is part of util-linux and of BusyBox) and keep the folder on a disk that it can lock, ` +
        'or use a database with --database-url.',
      { cause: native.cause },
    )
  }
}

type CommandLock = { readonly kind: 'taken' } | { readonly kind: 'held' } | { readonly kind: 'failed'; readonly why: string }

/**
 * The lock of flock(2), taken by the command of that name for a descriptor that it inherits: such a lock belongs to the open file, which is
 * ours too, so it stays when the command has ended.
 */
function lockByCommand(descriptor: number): CommandLock {
  const { status, error, stderr } = spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'pipe', descriptor], encoding: 'utf8' })
  if (error !== undefined) return { kind: 'failed', why: 'is not there' }
  if (status === 0) return { kind: 'taken' }
  // BusyBox ends with 1 for everything, and says nothing only where somebody else has the lock.
  if (status === 1 && stderr === '') return { kind: 'held' }
  return { kind: 'failed', why: `failed (${stderr.trim()})` }
}
