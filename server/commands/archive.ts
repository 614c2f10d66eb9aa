// One document in one file that says what it is: lines of JSON, gzipped. First a head, then the versions from the oldest on with their states, then the
// present state, and a last line with the digest of all before it, without which the file counts as torn.
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { WeftError } from '../../core/errors.js'

const FORMAT = 1
const zip = promisify(gzip)
const unzip = promisify(gunzip)

export interface ArchivedVersion {
  readonly seq: number
  readonly name: string
  readonly description: string | null
  readonly author: string | null
  readonly createdAt: number
  /** A Yjs update, v1 encoding. */
  readonly state: Uint8Array
}

export interface Archive {
  readonly documentId: string
  /** The seq of the state. */
  readonly head: number
  /** Oldest first. */
  readonly versions: readonly ArchivedVersion[]
  /** A Yjs update, v1 encoding. */
  readonly state: Uint8Array
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const digestOf = (lines: readonly string[]): string => createHash('sha256').update(lines.join('\n')).digest('hex')

export async function writeArchive({ documentId, head, versions, state }: Archive): Promise<Uint8Array> {
  const lines = [
    JSON.stringify({ weftArchive: FORMAT, documentId, head, versions: versions.length }),
    ...versions.map((version) => JSON.stringify({ ...version, state: base64(version.state) })),
    JSON.stringify({ state: base64(state) }),
  ]
  return zip([...lines, JSON.stringify({ sha256: digestOf(lines) })].join('\n'))
}

/** Throws `malformed` for what is no archive, is torn, or was changed. */
export async function readArchive(bytes: Uint8Array, name: string): Promise<Archive> {
  const bad = (problem: string, cause?: unknown): WeftError => new WeftError('malformed', `${name} ${problem}.`, { cause })
  let lines: string[]
  try {
    lines = (await unzip(bytes)).toString('utf8').split('\n')
  } catch (thrown) {
    throw bad('is no archive of Weft, or is torn', thrown)
  }
  const last = lines.pop() ?? ''
  let values: ReturnType<typeof JSON.parse>[]
  let sha256: unknown
  try {
    sha256 = JSON.parse(last).sha256
    values = lines.map((line) => JSON.parse(line))
  } catch (thrown) {
    throw bad('is no archive of Weft, or is torn', thrown)
  }
  if (sha256 !== digestOf(lines)) throw bad('is torn or was changed: its digest does not fit')
  const [head, ...rest] = values
  if (head?.weftArchive !== FORMAT) throw bad(`is of format ${head?.weftArchive}; this version reads ${FORMAT}`)
  const present = rest.pop()
  const bytesIn = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))
  return {
    documentId: head.documentId,
    head: head.head,
    versions: rest.map((version) => ({ ...version, state: bytesIn(version.state) })),
    state: bytesIn(present.state),
  }
}
