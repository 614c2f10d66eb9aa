// Y-Sweet's store: a folder, or a bucket of S3 copied into one, with a file data.ysweet for each document. Such a file is a sorted map of byte strings, as the
// Rust library bincode writes it, and its keys are those of yrs-kvstore: a name has a number, and under the number are a state and the updates after it.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { WeftError } from '../../core/errors.js'
import { filesIn } from './files-in.js'
import type { SourceKind } from './source.js'

const FILE = 'data.ysweet'
/** The name under which each file has its one document. */
const NAME = 'doc'
/** The first byte of each key is the version of the format, 0; the second is the space: numbers by names, or documents. */
const NAMES = '0000'
const DOCUMENTS = '0001'
const STATE = '00'
const UPDATE = '02'

export const ySweet: SourceKind = {
  name: 'y-sweet',
  takes: 'the folder that it stores in, or a copy of its bucket (aws s3 sync)',
  open: async (folder) => {
    const files = (await filesIn(folder)).filter((file) => path.basename(file) === FILE && file !== FILE)
    if (files.length === 0) throw new WeftError('invalid-configuration', `There is no ${FILE} in the folders in ${folder}.`)
    return {
      encoding: 'v1',
      async *documents() {
        for (const file of files)
          yield {
            documentId: path.dirname(file).split(path.sep).join('/'),
            read: async () => updatesIn(await readFile(path.join(folder, file)), file),
          }
      },
      close: async () => {},
    }
  },
}

function updatesIn(bytes: Uint8Array, file: string): readonly Uint8Array[] {
  const entries = mapIn(bytes, file)
  const nameKey = `${NAMES}${Buffer.from(NAME).toString('hex')}00`
  const number = entries.get(nameKey)
  // A document that nobody wrote in.
  if (number === undefined && entries.size === 0) return []
  if (number === undefined) throw new WeftError('malformed', `${file} holds no document under the name that Y-Sweet gives it.`)
  const ofDocument = `${DOCUMENTS}${Buffer.from(number).toString('hex')}`
  return [...entries]
    .filter(([key]) => key.startsWith(`${ofDocument}${STATE}`) || key.startsWith(`${ofDocument}${UPDATE}`))
    .map(([, value]) => value)
}

/** By keys in hexadecimal. Each length has eight bytes, the least significant first. */
function mapIn(bytes: Uint8Array, file: string): ReadonlyMap<string, Uint8Array> {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const torn = (): WeftError => new WeftError('malformed', `${file} is torn, or is of another version of Y-Sweet.`)
  const number = (): number => {
    if (at + 8 > view.length) throw torn()
    const value = view.readBigUInt64LE(at)
    at += 8
    if (value > BigInt(view.length)) throw torn()
    return Number(value)
  }
  const string = (): Uint8Array => {
    const length = number()
    if (at + length > view.length) throw torn()
    at += length
    return view.subarray(at - length, at)
  }
  const entries = new Map<string, Uint8Array>()
  for (let left = number(); left > 0; left--) entries.set(Buffer.from(string()).toString('hex'), string())
  if (at !== view.length) throw torn()
  return entries
}
