// Where the repository is, from wherever the tests were compiled to.
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

function findRoot(folder: string): string {
  if (fs.existsSync(path.join(folder, 'tsconfig.json'))) return folder
  const parent = path.dirname(folder)
  if (parent === folder) throw new Error('The tests do not run inside the repository.')
  return findRoot(parent)
}

/** The folder that holds package.json, without a slash at the end. */
export const repositoryRoot = findRoot(path.dirname(fileURLToPath(import.meta.url)))
