// Documents taken along and brought in: written into one file with their versions and what the log holds, and made anew from it.
//
// Of all processes on a store one brings a document in at a time: it holds a record there, which it renews while it is at it.
import type { Timer } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import { MemoryCharge } from '../../core/memory-budget.js'
import { randomId } from '../../core/random.js'
import { ArchiveExport } from './archive-export.js'
import { ArchiveImport, type ImportRequest, type ImportResult } from './archive-import.js'
import type { History, HistoryOptions } from './history.js'

const TOKEN_BYTES = 16
/** How long another node waits that found somebody at it, who may be gone. */
const RUNNING_MS = 30_000
const RENEWED_EACH_MS = 8_000

export class Archives {
  readonly #options: HistoryOptions
  readonly #history: History
  /** Documents that are being brought in by this process. */
  readonly #running = new Set<string>()

  constructor(options: HistoryOptions, history: History) {
    this.#options = options
    this.#history = history
  }

  /**
   * The file of a document. `log`: with every edit of the window and who wrote it (default). Rejects with `no-such-document`; what goes
   * wrong later ends the file without its end, and nobody takes that for whole.
   */
  export(documentId: string, { log = true }: { readonly log?: boolean } = {}): Promise<AsyncIterable<Uint8Array>> {
    return new ArchiveExport(this.#options, this.#history).file(documentId, log)
  }

  /**
   * Makes a document out of an archive, edit by edit and version by version, each as its author's and of its time. It is shown when all of it is there. One that was
   * interrupted is begun anew when it is asked for again. `file` is asked for twice: nothing is written before all
   * of it was found to be whole. `author` is who asks, null when nobody knows. Rejects with `document-exists`, with `request-running` while
   * somebody else brings it in, on whichever node, and with `malformed` for what is no archive.
   */
  async import(
    documentId: string,
    file: () => AsyncIterable<Uint8Array>,
    author: string | null,
    request: ImportRequest = {},
  ): Promise<ImportResult> {
    if (this.#running.has(documentId)) throw running()
    this.#running.add(documentId)
    const charge = new MemoryCharge(this.#options.account)
    try {
      const importing = new ArchiveImport(this.#options, { documentId, file, author, request, charge })
      const archive = await importing.read()
      return await this.#alone(documentId, (check) => importing.write(archive, check))
    } finally {
      charge.set(0)
      this.#running.delete(documentId)
    }
  }

  /** `check` rejects with `request-running` once somebody else has taken over, because this process could not renew its record. */
  async #alone<Result>(documentId: string, work: (check: () => Promise<void>) => Promise<Result>): Promise<Result> {
    const { store, clock, random } = this.#options
    const records = store.keyedRecords
    if (records === undefined) return work(async () => {})
    const record = {
      kind: 'import-running',
      id: documentId,
      value: JSON.stringify({ token: randomId(random, TOKEN_BYTES) }),
      lifetimeMs: RUNNING_MS,
    } as const
    // Whoever held it in an embedded store is gone, or is this process.
    if (store.kind !== 'postgres') await records.put(record)
    else if (!(await records.insert(record))) throw running()
    const isOurs = async (): Promise<boolean> => (await records.find(record.kind, record.id))?.value === record.value
    let timer: Timer
    let renewing: Promise<unknown> = Promise.resolve()
    const renewLater = (): void => {
      timer = clock.after(RENEWED_EACH_MS, () => {
        // One that fails is made up for by the next, or the record runs out and `check` says so.
        renewing = isOurs()
          .then((ours) => (ours ? records.put(record) : undefined))
          .catch(() => {})
        renewLater()
      })
    }
    renewLater()
    try {
      return await work(async () => {
        if (!(await isOurs())) throw running()
      })
    } finally {
      // biome-ignore lint/style/noNonNullAssertion: it is set before.
      timer!.cancel()
      await renewing
      if (await isOurs().catch(() => false)) await records.remove(record.kind, record.id)
    }
  }
}

function running(): WeftError {
  return new WeftError('request-running', 'This document is being imported already; wait until that has ended.')
}
