// Copies of the data file while they are made. Each has a folder of its own among the temporary files, named after the data folder: whoever
// has that locked knows that what else bears its name was left by a process that is gone.
import { type FileHandle, mkdtemp, open, readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'

export class Copies {
  readonly #dataFolder: string
  /** Names of the folders of those that are being made. */
  readonly #making = new Set<string>()

  /** `dataFolder` is locked by this process. */
  constructor(dataFolder: string) {
    this.#dataFolder = dataFolder
  }

  /**
   * Has `write` write a new file below `folder`, and answers it, open for reading: it has no name any more, and is gone with whoever holds
   * it. Removes what copies left that were cut off.
   */
  async make(folder: string, write: (file: string) => Promise<void>): Promise<FileHandle> {
    const prefix = await this.#prefix()
    for (const name of await readdir(folder))
      if (name.startsWith(prefix) && !this.#making.has(name)) await rm(path.join(folder, name), { recursive: true, force: true })
    const own = await mkdtemp(path.join(folder, prefix))
    const name = path.basename(own)
    this.#making.add(name)
    try {
      const file = path.join(own, 'copy')
      await write(file)
      return await open(file)
    } finally {
      await rm(own, { recursive: true, force: true })
      this.#making.delete(name)
    }
  }

  /** The path of a data folder may be the same in two containers that share their temporary files. */
  async #prefix(): Promise<string> {
    const { dev, ino } = await stat(this.#dataFolder, { bigint: true })
    return `weft-backup-${dev.toString(36)}-${ino.toString(36)}-`
  }
}
