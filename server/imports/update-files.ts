// Folders of Yjs updates, a file for each document: what scripts write, and what Liveblocks' API gives out.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { WeftError } from '../../core/errors.js'
import { filesIn } from './files-in.js'
import type { SourceKind } from './source.js'

/** Endings that say what is in a file, and that are no part of an id. */
const ENDINGS = ['.yjs', '.bin', '.update', '.ydoc']

export const updateFiles: SourceKind = {
  name: 'updates',
  takes: `a folder of files, each a Yjs update; its name is the id, percent-encoded where it has to be, without ${ENDINGS.join(', ')}`,
  open: async (folder, { encoding }) => {
    const files = await filesIn(folder)
    const named = new Map<string, string>()
    for (const file of files) {
      const documentId = idOf(file)
      const other = named.get(documentId)
      if (other !== undefined) throw new WeftError('invalid-configuration', `${other} and ${file} are both of the document ${documentId}.`)
      named.set(documentId, file)
    }
    return {
      encoding,
      async *documents() {
        for (const [documentId, file] of named) yield { documentId, read: async () => [await readFile(path.join(folder, file))] }
      },
      close: async () => {},
    }
  },
}

/** What `ydoc-binary` of its API answers, saved under the id of the room. */
export const liveblocks: SourceKind = {
  ...updateFiles,
  name: 'liveblocks',
  takes: "a folder with what its API answers as a room's binary update, each under the id of the room",
}

/** Folders within are part of it. */
function idOf(file: string): string {
  const ending = ENDINGS.find((one) => file.endsWith(one)) ?? ''
  const name = file.slice(0, file.length - ending.length).split(path.sep)
  try {
    return name.map(decodeURIComponent).join('/')
  } catch {
    // Somebody has names with a percent sign in them.
    return name.join('/')
  }
}
