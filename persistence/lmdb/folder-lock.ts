// Keeps a second server out of a data folder (O6): a lock of the kernel's on a file in it, which ends with the process that holds it, however it ends.
import { spawnSync } from 'node:child_process'
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import path from 'node:path'
import { WeftError } from '../../core/errors.js'

const LOCK_FILE = 'weft.lock'

/** Takes an exclusive lock on an open file without waiting. False if somebody else holds one. */
type TryLock = (descriptor: number) => boolean

/** Locks the folder, which must exist, and answers the descriptor that holds the lock until it is closed. Rejects with `data-folder-in-use`. */
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

async function findTryLock(folder: string): Promise<TryLock> {
  try {
    return (await import('fs-native-extensions')).tryLock
  } catch (cause) {
    // It has no build for musl (Alpine) and for rarer processors.
    return tryLockByCommand(folder, cause)
  }
}

/**
 * The lock of flock(2), taken by the command of that name for a descriptor that it inherits: such a lock belongs to the open file, which is ours too, so it
 * stays when the command has ended.
 */
function tryLockByCommand(folder: string, cause: unknown): TryLock {
  return (descriptor) => {
    const { status, error } = spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', descriptor] })
    if (status === 0 || status === 1) return status === 0
    throw new WeftError(
      'data-folder-unwritable',
      `The data folder ${folder} cannot be locked against a second server: the package fs-native-extensions does not run on this system, ` +
        'and there is no command flock. Install flock (it is part of util-linux and of BusyBox), or use a database with --database-url.',
      { cause: error ?? cause },
    )
  }
}
