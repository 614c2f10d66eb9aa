// The folder of y-leveldb, which y-websocket's server writes under YPERSISTENCE. LevelDB is read by the package classic-level, which has native parts.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { WeftError } from '../../core/errors.js'
import { optionalPackage } from './optional-package.js'
import type { Source, SourceKind } from './source.js'

interface Level {
  open(): Promise<void>
  close(): Promise<void>
  keys(range: Range): AsyncIterable<Uint8Array>
  values(range: Range): AsyncIterable<Uint8Array>
}

interface Range {
  readonly gte?: Uint8Array
  readonly gt?: Uint8Array
  readonly lt: Uint8Array
}

interface ClassicLevel {
  readonly ClassicLevel: new (folder: string, options: Readonly<Record<string, unknown>>) => Level
}

/** A part of a key: a string has its length in front, a number four bytes. */
const STRING = 0
const NUMBER = 1

export const yLeveldb: SourceKind = {
  name: 'y-leveldb',
  takes: "the folder that y-websocket's server has in YPERSISTENCE; stop that server first",
  open: async (folder) => {
    if (!existsSync(path.join(folder, 'CURRENT')))
      throw new WeftError('invalid-configuration', `${folder} is no folder of LevelDB: there is no file CURRENT in it.`)
    const loaded = await optionalPackage<ClassicLevel>('classic-level')
    if (loaded === null)
      throw new WeftError(
        'invalid-configuration',
        'LevelDB is read by the package classic-level; install it beside weft-sync: npm install classic-level',
      )
    const level = new loaded.ClassicLevel(folder, { createIfMissing: false, keyEncoding: 'view', valueEncoding: 'view' })
    try {
      await level.open()
    } catch (thrown) {
      const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown
      const { code, message } = cause as { readonly code?: string; readonly message?: string }
      if (code === 'LEVEL_LOCKED')
        throw new WeftError('invalid-configuration', `Another process has ${folder} open; stop it, or import a copy of the folder.`)
      throw torn(folder, message, thrown)
    }
    return documentsIn(level, folder)
  },
}

function torn(folder: string, message: string | undefined, cause: unknown): WeftError {
  return new WeftError('malformed', `LevelDB cannot read ${folder}: ${message ?? String(cause)}.`, { cause })
}

function documentsIn(level: Level, folder: string): Source {
  return {
    encoding: 'v1',
    /** There is a key with a state vector for each; documents that were never flushed have one, too. */
    async *documents() {
      try {
        for await (const key of level.keys({ gte: keyOf('v1_sv'), lt: keyOf('v1_sw') })) {
          const documentId = secondString(key)
          if (documentId !== null) yield { documentId, read: () => updatesOf(level, folder, documentId) }
        }
      } catch (thrown) {
        throw thrown instanceof WeftError ? thrown : torn(folder, (thrown as Error).message, thrown)
      }
    },
    close: () => level.close(),
  }
}

async function updatesOf(level: Level, folder: string, documentId: string): Promise<readonly Uint8Array[]> {
  const updates: Uint8Array[] = []
  try {
    const range = { gte: keyOf('v1', documentId, 'update', 0), lt: keyOf('v1', documentId, 'update', 0xff_ff_ff_ff) }
    for await (const update of level.values(range)) updates.push(update)
  } catch (thrown) {
    throw torn(folder, (thrown as Error).message, thrown)
  }
  return updates
}

/** What y-leveldb encodes a key as. */
function keyOf(...parts: readonly (string | number)[]): Uint8Array {
  return Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'number') {
        const bytes = Buffer.alloc(5)
        bytes[0] = NUMBER
        bytes.writeUInt32BE(part, 1)
        return bytes
      }
      const text = Buffer.from(part)
      return Buffer.concat([Buffer.from([STRING, ...lengthOf(text.length)]), text])
    }),
  )
}

/** 7 bits a byte, least significant first. */
function lengthOf(length: number): readonly number[] {
  return length < 128 ? [length] : [(length & 127) | 128, ...lengthOf(length >>> 7)]
}

/** Of a key whose first part is a string, the second; null where it has none. */
function secondString(key: Uint8Array): string | null {
  let at = 0
  let text: string | null = null
  for (let part = 0; part < 2; part++) {
    if (key[at++] !== STRING) return null
    let length = 0
    for (let shift = 0; ; shift += 7) {
      const byte = key[at++]
      if (byte === undefined) return null
      length |= (byte & 127) << shift
      if (byte < 128) break
    }
    if (at + length > key.length) return null
    text = Buffer.from(key.subarray(at, at + length)).toString()
    at += length
  }
  return text
}
