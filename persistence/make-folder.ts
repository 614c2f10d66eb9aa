// Makes a folder and those above it, one after the other: Node's own recursive way does not end where a file system takes no folders, such as /proc.
import { mkdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { errorCode } from './system-errors.js'

/** Gives the folders that it made, the outermost first. Throws what the system says, and an Error in words where it only says that nothing is there. */
export function makeFolder(folder: string): readonly string[] {
  const missing: string[] = []
  for (let at = path.resolve(folder); !isFolder(at) && path.dirname(at) !== at; at = path.dirname(at)) missing.unshift(at)
  return missing.filter(make)
}

function isFolder(place: string): boolean {
  try {
    return statSync(place, { throwIfNoEntry: false })?.isDirectory() ?? false
  } catch (thrown) {
    // What lies below a file; making it says so.
    if (errorCode(thrown) === 'ENOTDIR') return false
    throw thrown
  }
}

/** False where another process was sooner. */
function make(folder: string): boolean {
  try {
    mkdirSync(folder)
    return true
  } catch (cause) {
    if (errorCode(cause) === 'EEXIST' && isFolder(folder)) return false
    if (errorCode(cause) === 'ENOENT') throw new Error(`no folder can be made in ${path.dirname(folder)}`, { cause })
    throw cause
  }
}
