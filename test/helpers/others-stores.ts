// Stores of other servers, filled as these fill them: by their own published packages where these can be had, else byte by byte.
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import * as Y from 'yjs'
import { seededRandom } from '../../core/random.js'
import { randomHistory } from './random-history.js'
import { canonicalState } from './states.js'

export interface OtherDocument {
  readonly documentId: string
  readonly updates: readonly Uint8Array[]
}

/** Of three authors each, with deletions; ids have slashes, spaces, letters of many bytes and percent signs in them. */
export function otherDocuments(count: number, seed = 11): readonly OtherDocument[] {
  const random = seededRandom(seed)
  const names = ['notes/today', 'with spaces', 'ümläut 文🧶', 'a@b.example', '100%', 'plain']
  return Array.from({ length: count }, (_, index) => ({
    documentId: `${names[index % names.length]}-${index}`,
    updates: randomHistory(random, 5 + random.below(15)).updates,
  }))
}

export function loaded({ updates }: OtherDocument, gc = true): Y.Doc {
  const doc = new Y.Doc({ gc })
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update)
  })
  return doc
}

export function canonicalOf(document: OtherDocument): string {
  const doc = loaded(document)
  const state = canonicalState(doc)
  doc.destroy()
  return state
}

const run = promisify(execFile)

/** By `@hocuspocus/extension-sqlite`, which has native parts for Node 22 and newer. */
export async function hocuspocusSqliteFile(folder: string, documents: readonly OtherDocument[], node22: string): Promise<string> {
  const [file, states] = [path.join(folder, 'hocuspocus.sqlite'), path.join(folder, 'states.json')]
  writeFileSync(
    states,
    JSON.stringify(
      documents.map(({ documentId, updates }) => [documentId, updates.map((update) => Buffer.from(update).toString('base64'))]),
    ),
  )
  await run(node22, [fileURLToPath(new URL('./hocuspocus-store.js', import.meta.url)), file, states])
  return file
}

interface LeveldbPersistence {
  storeUpdate(documentId: string, update: Uint8Array): Promise<number>
  flushDocument(documentId: string): Promise<void>
  setMeta(documentId: string, key: string, value: unknown): Promise<void>
  destroy(): Promise<void>
}

/** By name, so that this is compiled also where the package is not installed. */
const peer = (name: string): Promise<Record<string, unknown>> => import(name)

export async function openLeveldb(folder: string): Promise<LeveldbPersistence> {
  const { LeveldbPersistence: Persistence } = (await peer('y-leveldb')) as {
    LeveldbPersistence: new (folder: string) => LeveldbPersistence
  }
  return new Persistence(folder)
}

/** By `y-leveldb`: each update on its own, and some documents put together. */
export async function leveldbFolder(folder: string, documents: readonly OtherDocument[]): Promise<string> {
  const store = await openLeveldb(folder)
  for (const [index, { documentId, updates }] of documents.entries()) {
    for (const update of updates) await store.storeUpdate(documentId, update)
    if (index % 3 === 0) await store.flushDocument(documentId)
    if (index % 7 === 0) await store.setMeta(documentId, 'owner', 'somebody')
  }
  await store.destroy()
  return folder
}

/** As an application does it in the function `store` that it gives to `@hocuspocus/extension-database`. */
export async function fillTable(
  url: string,
  table: string,
  name: string,
  data: string,
  documents: readonly OtherDocument[],
): Promise<void> {
  await withClient(url, async (client) => {
    await client.query(`CREATE TABLE ${table} (${name} varchar(255) PRIMARY KEY, ${data} bytea)`)
    for (const document of documents) {
      const doc = loaded(document)
      const state = Buffer.from(Y.encodeStateAsUpdate(doc))
      doc.destroy()
      await client.query(`INSERT INTO ${table} (${name}, ${data}) VALUES ($1, $2)`, [document.documentId, state])
    }
  })
}

/** The table of y-redis, with its statements; every other document in two rows that know nothing of each other's half. */
export async function fillYRedis(url: string, documents: readonly OtherDocument[]): Promise<void> {
  await withClient(url, async (client) => {
    await client.query('CREATE TABLE yredis_docs_v1 (room text, doc text, r SERIAL, update bytea, sv bytea, PRIMARY KEY (room, doc, r))')
    for (const [index, document] of documents.entries()) {
      const half = index % 2 === 0 ? 0 : Math.floor(document.updates.length / 2)
      for (const updates of half === 0 ? [document.updates] : [document.updates.slice(0, half), document.updates]) {
        const doc = loaded({ ...document, updates })
        await client.query('INSERT INTO yredis_docs_v1 (room, doc, r, update, sv) VALUES ($1, $2, DEFAULT, $3, $4)', [
          document.documentId,
          'index',
          Buffer.from(Y.encodeStateAsUpdateV2(doc)),
          Buffer.from(Y.encodeStateVector(doc)),
        ])
        doc.destroy()
      }
    }
  })
}

async function withClient(url: string, use: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await use(client)
  } finally {
    await client.end()
  }
}

/** Byte by byte, since its program comes from nowhere but its makers' releases: a bincode map with the keys of yrs-kvstore. */
export function ySweetFolder(folder: string, documents: readonly OtherDocument[]): string {
  for (const [index, document] of documents.entries()) {
    const number = Buffer.from([0, 0, 0, 1])
    const key = (...parts: readonly number[]): Buffer => Buffer.concat([Buffer.from([0, 1]), number, Buffer.from(parts)])
    const half = index % 2 === 0 ? document.updates.length : Math.floor(document.updates.length / 2)
    const doc = loaded({ ...document, updates: document.updates.slice(0, half) })
    const entries: (readonly [Buffer, Uint8Array])[] = [
      [Buffer.concat([Buffer.from([0, 0]), Buffer.from('doc'), Buffer.from([0])]), number],
      [key(0), Y.encodeStateAsUpdate(doc)],
      [key(1), Y.encodeStateVector(doc)],
      ...document.updates.slice(half).map((update, clock) => [key(2, 0, 0, 0, clock, 0), update] as const),
    ]
    doc.destroy()
    const target = path.join(folder, document.documentId)
    mkdirSync(target, { recursive: true })
    writeFileSync(
      path.join(target, 'data.ysweet'),
      Buffer.concat([length(entries.length), ...entries.flat().flatMap((bytes) => [length(bytes.length), bytes])]),
    )
  }
  return folder
}

function length(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

/** A file for each, named as a script would name it. */
export function updatesFolder(folder: string, documents: readonly OtherDocument[]): string {
  mkdirSync(folder, { recursive: true })
  for (const document of documents) {
    const doc = loaded(document, false)
    writeFileSync(path.join(folder, `${encodeURIComponent(document.documentId)}.yjs`), Y.encodeStateAsUpdate(doc))
    doc.destroy()
  }
  return folder
}
