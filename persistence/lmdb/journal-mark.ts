// What the LMDB file says of its journal, in the table `meta`.
//
// mark     key "journal", JSON in UTF-8: {"applied": number, "segments": [name, …]}
// grave    key "removed:" and the id of a document, u48: rows of that document through this position are of a life that is over
import { WeftError } from '../../core/errors.js'
import type { Environment, Table } from './environment.js'

const MARK_KEY = Buffer.from('journal')
const GRAVE_PREFIX = Buffer.from('removed:')
const POSITION_BYTES = 6

export interface JournalMark {
  /** Rows of the journal through this position are in the file. */
  readonly applied: number
  /** The segments that may hold others, oldest first. */
  readonly segments: readonly string[]
}

export const NO_JOURNAL: JournalMark = { applied: 0, segments: [] }

/** Throws `data-folder-damaged`. */
export function readMark({ meta }: { readonly meta: Table }): JournalMark {
  const value = meta.get(MARK_KEY)
  if (value === undefined) return NO_JOURNAL
  try {
    const mark: unknown = JSON.parse(value.toString('utf8'))
    if (isMark(mark)) return mark
  } catch {
    // Said below.
  }
  throw new WeftError('data-folder-damaged', 'What the data file says of its journal cannot be read. Restore the folder from a backup.')
}

/** To be called within a transaction, or alone. */
export function putMark({ meta }: { readonly meta: Table }, mark: JournalMark): void {
  void meta.put(MARK_KEY, Buffer.from(JSON.stringify(mark)))
}

export function readGraves({ meta }: Environment): Map<string, number> {
  const graves = new Map<string, number>()
  const end = Buffer.from(GRAVE_PREFIX)
  end[end.length - 1] = (end.at(-1) ?? 0) + 1
  for (const { key, value } of meta.getRange({ start: GRAVE_PREFIX, end }))
    graves.set(Buffer.from(key).toString('utf8', GRAVE_PREFIX.length), Buffer.from(value).readUIntBE(0, POSITION_BYTES))
  return graves
}

/** Within a transaction. */
export function putGrave({ meta }: Environment, documentId: string, lastPosition: number): void {
  const value = Buffer.alloc(POSITION_BYTES)
  value.writeUIntBE(lastPosition, 0, POSITION_BYTES)
  void meta.put(graveKey(documentId), value)
}

/** Within a transaction. */
export function removeGrave({ meta }: Environment, documentId: string): void {
  void meta.remove(graveKey(documentId))
}

function graveKey(documentId: string): Buffer {
  return Buffer.concat([GRAVE_PREFIX, Buffer.from(documentId, 'utf8')])
}

function isMark(value: unknown): value is JournalMark {
  if (typeof value !== 'object' || value === null || !('applied' in value) || !('segments' in value)) return false
  const { applied, segments } = value
  return Number.isSafeInteger(applied) && Array.isArray(segments) && segments.every((name) => typeof name === 'string')
}
