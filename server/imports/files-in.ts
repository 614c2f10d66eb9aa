// The files under a folder, those in folders within it included.
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { WeftError } from '../../core/errors.js'

/** Their paths below the folder, in order. What begins with a dot is left out. Rejects with `invalid-configuration` if there is no such folder. */
export async function filesIn(folder: string): Promise<readonly string[]> {
  try {
    if (!(await stat(folder)).isDirectory()) throw new Error('no folder')
  } catch {
    throw new WeftError('invalid-configuration', `There is no folder "${folder}".`)
  }
  const found: string[] = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const below = path.relative(folder, path.join(entry.parentPath, entry.name))
    if (entry.isFile() && !below.split(path.sep).some((part) => part.startsWith('.'))) found.push(below)
  }
  return found.sort()
}
