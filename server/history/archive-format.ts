// One document in one file that says what it is: gzipped lines of JSON. A head; then, by seq, what the log held and the versions with their
// states; who first used which client id; the present state; and a last line with the digest of all before it, without which the file
// counts as torn.
//
// An entry with bytes is followed by them, in lines of base64 of a bounded length: files of any size are written and read piece by piece.
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { createGunzip, createGzip } from 'node:zlib'
import { z } from 'zod'
import { WeftError } from '../../core/errors.js'

export const ARCHIVE_FORMAT = 2

/** A multiple of three, so that each line of base64 stands alone. */
const LINE_BYTES = 48 * 1024
/** No line of an archive is longer; names and descriptions are bounded where they are given. */
const LINE_LENGTH_MAX = 128 * 1024

const seq = z.int().min(0)
const time = z.int().nullable()
const text = z.string().max(20_000)

const headSchema = z.object({
  weftArchive: z.literal(ARCHIVE_FORMAT),
  documentId: text,
  /** The seq of the state. */
  head: seq,
  versions: z.int().min(0),
  /** The first seq whose edit is in it; null: the archive was written without the log. */
  logFrom: seq.nullable(),
})

export type ArchiveHead = Omit<z.infer<typeof headSchema>, 'weftArchive'>

const bytes = z.int().min(0)

const entrySchema = z.discriminatedUnion('entry', [
  /** The whole document before the first edit that is in the archive. */
  z.object({ entry: z.literal('base'), seq, bytes }),
  z.object({ entry: z.literal('edit'), seq, at: time, users: z.array(text).max(100_000), bytes }),
  z.object({
    entry: z.literal('version'),
    seq,
    name: text,
    description: text.nullable(),
    author: text.nullable(),
    createdAt: z.int(),
    bytes,
  }),
  /** Who first used a Yjs client id. */
  z.object({ entry: z.literal('author'), clientId: z.int(), user: text, seq, at: time }),
  z.object({ entry: z.literal('state'), bytes }),
])

type EntryLine = z.infer<typeof entrySchema>
type WithData<Line> = Line extends { readonly bytes: number } ? Omit<Line, 'bytes'> & { readonly data: Uint8Array } : Line
/** `data` are Yjs updates, v1 encoding. */
export type ArchiveEntry = WithData<EntryLine>

/** Writes the file. What `entries` rejects with, it rejects with: then the file has no end, and is refused by whoever reads it. */
export function writeArchive(head: ArchiveHead, entries: AsyncIterable<ArchiveEntry>): AsyncIterable<Uint8Array> {
  const hash = createHash('sha256')
  async function* lines(): AsyncGenerator<string> {
    yield `${JSON.stringify({ weftArchive: ARCHIVE_FORMAT, ...head })}\n`
    for await (const entry of entries) {
      if (!('data' in entry)) {
        yield `${JSON.stringify(entry)}\n`
        continue
      }
      const { data, ...line } = entry
      yield `${JSON.stringify({ ...line, bytes: data.length })}\n`
      for (let at = 0; at < data.length; at += LINE_BYTES)
        yield `"${Buffer.from(data.buffer, data.byteOffset + at, Math.min(LINE_BYTES, data.length - at)).toString('base64')}"\n`
    }
  }
  async function* signed(): AsyncGenerator<string> {
    for await (const line of lines()) {
      hash.update(line)
      yield line
    }
    yield `${JSON.stringify({ sha256: hash.digest('hex') })}\n`
  }
  const source = Readable.from(signed(), { objectMode: true })
  const zipped = createGzip()
  source.once('error', (error) => zipped.destroy(error))
  zipped.once('close', () => source.destroy())
  source.pipe(zipped)
  return zipped
}

export interface ArchiveReading {
  readonly head: ArchiveHead
  /**
   * In the order of the file. Rejects with `malformed` at the end if the digest does not fit: whoever must know before has to read it
   * twice.
   */
  readonly entries: AsyncGenerator<ArchiveEntry>
  /** Lets go of the file, for whoever does not read `entries` to their end. Idempotent. */
  close(): Promise<void>
}

/**
 * `name` is how errors call it. Rejects with `malformed` for what is no archive, is torn, or was changed. `entryBytesMax` bounds one
 * entry's data.
 */
export async function readArchive(
  file: AsyncIterable<Uint8Array>,
  { name, entryBytesMax }: { readonly name: string; readonly entryBytesMax: number },
): Promise<ArchiveReading> {
  const bad = (problem: string, cause?: unknown): WeftError => new WeftError('malformed', `${name} ${problem}.`, { cause })
  const torn = (cause?: unknown): WeftError => bad('is no archive of Weft, or is torn', cause)
  const parsed = (line: string): unknown => {
    try {
      return JSON.parse(line)
    } catch (thrown) {
      throw torn(thrown)
    }
  }
  const hash = createHash('sha256')
  const lines = linesOf(file, torn)
  const close = async (): Promise<void> => void (await lines.return(undefined))
  const headIn = async (): Promise<ArchiveHead> => {
    const first = await lines.next()
    if (first.done === true) throw torn()
    hash.update(`${first.value}\n`)
    const start = parsed(first.value)
    const format = z.object({ weftArchive: z.unknown() }).safeParse(start)
    if (!format.success) throw torn()
    if (format.data.weftArchive !== ARCHIVE_FORMAT)
      throw bad(`is of format ${String(format.data.weftArchive)}; this version reads ${ARCHIVE_FORMAT}`)
    const head = headSchema.safeParse(start)
    if (!head.success) throw torn(head.error)
    const { weftArchive: _, ...known } = head.data
    return known
  }

  async function* entries(): AsyncGenerator<ArchiveEntry> {
    for await (const line of lines) {
      const value = parsed(line)
      const end = z.object({ sha256: z.string() }).safeParse(value)
      if (end.success) {
        if (end.data.sha256 !== hash.digest('hex')) throw bad('is torn or was changed: its digest does not fit')
        if ((await lines.next()).done !== true) throw bad('goes on behind its end, or was changed')
        return
      }
      hash.update(`${line}\n`)
      const entry = entrySchema.safeParse(value)
      if (!entry.success) throw bad('holds what this version does not know, or was changed', entry.error)
      if (!('bytes' in entry.data)) {
        yield entry.data
        continue
      }
      const { bytes: length, ...rest } = entry.data
      if (length > entryBytesMax) throw bad(`holds a state or an edit of ${length} bytes; the most that is taken is ${entryBytesMax}`)
      yield { ...rest, data: await dataOf(length) }
    }
    throw torn()
  }
  const dataOf = async (length: number): Promise<Uint8Array> => {
    const data = Buffer.alloc(length)
    for (let at = 0; at < length; ) {
      const next = await lines.next()
      if (next.done === true) throw torn()
      hash.update(`${next.value}\n`)
      const value = parsed(next.value)
      const piece = typeof value === 'string' ? Buffer.from(value, 'base64') : Buffer.alloc(0)
      if (piece.length === 0 || piece.length > length - at) throw torn()
      piece.copy(data, at)
      at += piece.length
    }
    return data
  }
  try {
    return { head: await headIn(), entries: entries(), close }
  } catch (thrown) {
    await close()
    throw thrown
  }
}

async function* linesOf(file: AsyncIterable<Uint8Array>, torn: (cause?: unknown) => WeftError): AsyncGenerator<string> {
  const source = Readable.from(file)
  const unzipped = createGunzip()
  source.once('error', (error) => unzipped.destroy(error))
  unzipped.once('close', () => source.destroy())
  source.pipe(unzipped)
  let rest = ''
  try {
    for await (const chunk of unzipped.setEncoding('utf8')) {
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > LINE_LENGTH_MAX) throw torn()
      yield* lines
    }
  } catch (thrown) {
    throw thrown instanceof WeftError ? thrown : torn(thrown)
  }
  if (rest !== '') throw torn()
}
