// `weft lift-quarantine <document>`: what was found to be unusable in a document is forgotten, and the next opening tries all of it anew
// (D8).
import { existsSync } from 'node:fs'
import { systemClock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import { systemRandom } from '../../core/random.js'
import { openLmdbStore } from '../../persistence/index.js'
import type { DocumentStore } from '../../persistence/store.js'

export interface LiftOptions {
  readonly documentId: string
  /** Null: the embedded store in `dataFolder`, which no server may have open. */
  readonly databaseUrl: string | null
  readonly dataFolder: string
  readonly logger: Logger
}

/** Rejects with `no-such-document` if the document is not quarantined, and with what opening the store rejects with. */
export async function liftQuarantine({ documentId, databaseUrl, dataFolder, logger }: LiftOptions): Promise<void> {
  const store = databaseUrl === null ? await openFolder(dataFolder, logger) : await openDatabase(databaseUrl, logger)
  try {
    if (!(await store.liftQuarantine(documentId)))
      throw new WeftError('no-such-document', `There is no quarantined document ${JSON.stringify(documentId)} in the store.`)
  } finally {
    await store.close()
  }
}

async function openFolder(folder: string, logger: Logger): Promise<DocumentStore> {
  // Opening the store would make the folder, so a folder that is not there is refused before.
  if (!existsSync(folder))
    throw new WeftError('invalid-configuration', `There is no data folder ${folder}; name it with --data (WEFT_DATA).`)
  return openLmdbStore({
    folder,
    clock: systemClock,
    logger,
    // Whoever waits for the write is told by its rejection.
    onFatal: () => {},
  })
}

async function openDatabase(url: string, logger: Logger): Promise<DocumentStore> {
  const { openPostgresStore } = await import('../../persistence/postgres/postgres-store.js')
  return openPostgresStore({ url, logger, random: systemRandom, migrate: false })
}
