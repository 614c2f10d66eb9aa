// Taking documents along, and looking through all of them: `weft export`, `weft import`, `weft check`.
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { open, readdir, readFile, rename, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { WeftError } from '../../core/errors.js'
import { makeFolder } from '../../persistence/make-folder.js'
import type { DocumentCommandDefinition, GivenToCommand } from '../config/command-line.js'
import { readArchive } from '../history/archive-format.js'
import { type ApiTarget, documentPath, Refused, withApi } from './api-target.js'
import { importFrom, importFromOptions } from './import-from.js'
import { counted, Progress, printJson, printLine } from './output.js'

type Json = ReturnType<typeof JSON.parse>

const ARCHIVE = '.weft'
const UPDATE = '.yjs'
/** A file name has 255 bytes at most; a percent-encoded id of 512 bytes has more. */
const NAME_BYTES_MAX = 200

export const exportCommand: DocumentCommandDefinition = {
  name: 'export',
  description:
    'writes documents into files: one, those with a prefix, or all. What is there and up to date is left out, so that it can be run again',
  arguments: [['[document]', 'its id (all)']],
  options: [
    ['--prefix <text>', 'those whose ids begin so'],
    ['--to <folder>', 'where to (./export)'],
    ['--format <format>', 'archive: with versions, edits and authors; update: one Yjs update (archive)'],
    ['--without-log', 'archives without the edits of the window and who made them'],
  ],
  run: async (given) => {
    const folder = option(given, 'to') ?? './export'
    const format = option(given, 'format') ?? 'archive'
    if (format !== 'archive' && format !== 'update')
      throw new WeftError('invalid-configuration', `--format is "${format}"; it takes one of: archive, update.`)
    const query = given.options['without-log'] === true ? '?log=false' : ''
    const counts = { written: 0, upToDate: 0 }
    const progress = new Progress('exported')
    await withApi(given, async (api) => {
      makeFolder(folder)
      for await (const documentId of documentsAsked(api, given)) {
        const file = path.join(folder, `${fileNameOf(documentId)}${format === 'archive' ? ARCHIVE : UPDATE}`)
        if (format === 'archive' && (await isUpToDate(api, documentId, file))) counts.upToDate += 1
        else {
          const source = format === 'archive' ? `archive${query}` : 'content?format=update&at=now'
          await writeWhole(file, (await api.ask('GET', `${documentPath(documentId)}/${source}`)).stream())
          counts.written += 1
        }
        progress.step(documentId)
      }
    })
    progress.end()
    if (given.json) printJson({ folder, ...counts })
    else printLine(`${counts.written} written to ${folder}, ${counts.upToDate} were up to date.`)
  },
}

export const importCommand: DocumentCommandDefinition = {
  name: 'import',
  description: 'reads documents out of files that export wrote, out of Yjs updates (.yjs), or out of the store of another server (--from)',
  arguments: [['<from>', 'a file, or a folder of them; with --from where that store is']],
  options: [
    ['--as <document>', 'the id, for a single file'],
    ['--prefix <text>', 'of a folder, those whose ids begin so'],
    ['--merge', "also into documents that are there: their content and the file's are merged, versions are left out"],
    ...importFromOptions,
  ],
  run: async (given) => {
    const from = given.arguments['from'] ?? ''
    if (given.options['from'] !== undefined) {
      await importFrom(given, from, given.options['merge'] === true)
      return
    }
    const files = await filesIn(from)
    const as = option(given, 'as')
    if (as !== null && files.length !== 1) throw new WeftError('invalid-configuration', '--as is for a single file.')
    const prefix = option(given, 'prefix') ?? ''
    const merge = given.options['merge'] === true
    const counts = { imported: 0, merged: 0 }
    const skipped: string[] = []
    const progress = new Progress('imported')
    await withApi(given, async (api) => {
      for (const file of files) {
        const documentId = as ?? (file.endsWith(UPDATE) ? idOfFile(file) : await idOfArchive(file))
        if (!documentId.startsWith(prefix)) continue
        const outcome = await bringIn(api, documentId, file, merge)
        if (outcome === 'skipped') skipped.push(documentId)
        else counts[outcome] += 1
        progress.step(documentId)
      }
    })
    progress.end()
    if (given.json) printJson({ ...counts, skipped })
    else {
      printLine(`${counts.imported} imported, ${counts.merged} merged.`)
      for (const documentId of skipped) printLine(`Left out, since it is there already: ${documentId}. Say --merge to merge them.`)
    }
    if (skipped.length > 0) process.exitCode = 1
  },
}

export const checkCommand: DocumentCommandDefinition = {
  name: 'check',
  description: 'reads every version and the present of each document, whole: checksums, contiguous logs, and that Yjs takes them',
  arguments: [['[document]', 'its id (all)']],
  options: [
    ['--prefix <text>', 'those whose ids begin so'],
    ['--quarantine', 'makes a document of which an edit cannot be applied read-only up to it'],
  ],
  run: async (given) => {
    const problems: { documentId: string; at: string; code: string; problem: string }[] = []
    const quarantined: { documentId: string; seq: number }[] = []
    const unfinished: string[] = []
    let checked = 0
    const progress = new Progress('checked')
    await withApi(given, async (api) => {
      for await (const documentId of documentsAsked(api, given)) {
        const moments = ['now']
        for await (const page of api.pages(`${documentPath(documentId)}/versions?which=all`, 'before'))
          moments.push(...page.map(({ seq }: Json) => `v${seq}`))
        for (const at of moments) {
          try {
            // As JSON, so that all of it is decoded.
            await (await api.ask('GET', `${documentPath(documentId)}/content?at=${at}`)).bytes()
          } catch (thrown) {
            if (!(thrown instanceof Refused)) throw thrown
            problems.push({ documentId, at, code: thrown.code, problem: thrown.message })
          }
        }
        checked += 1
        if (
          given.options['quarantine'] === true &&
          problems.some((one) => one.documentId === documentId && one.code === 'document-quarantined')
        ) {
          const { seq }: Json = await (await api.ask('POST', `${documentPath(documentId)}/quarantine`, {})).json()
          if (seq !== null) quarantined.push({ documentId, seq })
        }
        progress.step(documentId)
      }
      if (given.arguments['document'] === undefined)
        for await (const page of api.pages(`/documents?which=all&prefix=${encodeURIComponent(option(given, 'prefix') ?? '')}`, 'after'))
          for (const document of page) if (document.unfinished === true) unfinished.push(document.documentId)
    })
    progress.end()
    if (given.json) printJson({ checked, problems, unfinished, ...(given.options['quarantine'] === true ? { quarantined } : {}) })
    else {
      for (const { documentId, at, problem } of problems) printLine(`${documentId}@${at}: ${problem}`)
      for (const { documentId, seq } of quarantined) printLine(`${documentId} is read-only up to seq ${seq - 1} now.`)
      for (const documentId of unfinished)
        printLine(
          `${documentId} is being imported, or that was interrupted: nobody sees it. Import it again, or delete it, if nobody does.`,
        )
      printLine(
        `${counted(checked, 'document')} checked, ${problems.length === 0 ? 'nothing is wrong' : counted(problems.length, 'problem')}.`,
      )
    }
    if (problems.length > 0) process.exitCode = 1
  },
}

function option(given: GivenToCommand, name: string): string | null {
  const value = given.options[name]
  return typeof value === 'string' ? value : null
}

async function* documentsAsked(api: ApiTarget, given: GivenToCommand): AsyncGenerator<string> {
  const { document } = given.arguments
  if (document !== undefined) {
    yield document
    return
  }
  const prefix = encodeURIComponent(option(given, 'prefix') ?? '')
  for await (const page of api.pages(`/documents?prefix=${prefix}`, 'after')) for (const { documentId } of page) yield documentId
}

/** The id percent-encoded; where that is too long for a file's name its beginning, with a digest of all of it. */
export function fileNameOf(documentId: string): string {
  const encoded = encodeURIComponent(documentId).replace(/^\./, '%2E').replaceAll('*', '%2A')
  if (encoded.length <= NAME_BYTES_MAX) return encoded
  return `${encoded.slice(0, NAME_BYTES_MAX)}~${createHash('sha256').update(documentId).digest('hex').slice(0, 32)}`
}

/** Whether the file has what the document has: its head, and as many versions. One that is torn is written anew. */
async function isUpToDate(api: ApiTarget, documentId: string, file: string): Promise<boolean> {
  if (!existsSync(file)) return false
  try {
    const { head, entries } = await readArchive(createReadStream(file), readingOf(file))
    for await (const _ of entries) {
      // To its end, where its digest is.
    }
    const present: Json = await (await api.ask('GET', documentPath(documentId))).json()
    let kept = 0
    for await (const page of api.pages(`${documentPath(documentId)}/versions`, 'before')) kept += page.length
    return present.head === head.head && kept === head.versions
  } catch (thrown) {
    if (thrown instanceof Refused) throw thrown
    return false
  }
}

const readingOf = (name: string) => ({ name, entryBytesMax: Number.MAX_SAFE_INTEGER })

/** A file that is there is whole, also after a crash in the middle. */
async function writeWhole(file: string, content: Readable): Promise<void> {
  const unfinished = `${file}.part`
  await pipeline(content, createWriteStream(unfinished))
  const handle = await open(unfinished, 'r+')
  await handle.sync()
  await handle.close()
  await rename(unfinished, file)
}

async function filesIn(from: string): Promise<readonly string[]> {
  let isFolder: boolean
  try {
    isFolder = (await stat(from)).isDirectory()
  } catch {
    throw new WeftError('invalid-configuration', `There is no file or folder "${from}".`)
  }
  if (!isFolder) return [from]
  const names = (await readdir(from)).filter((name) => name.endsWith(ARCHIVE) || name.endsWith(UPDATE)).sort()
  if (names.length === 0) throw new WeftError('invalid-configuration', `The folder ${from} holds no ${ARCHIVE} or ${UPDATE} files.`)
  return names.map((name) => path.join(from, name))
}

async function idOfArchive(file: string): Promise<string> {
  const { head, close } = await readArchive(createReadStream(file), readingOf(file))
  await close()
  return head.documentId
}

/** Of a file of one update, which says no more than its name. Throws `invalid-configuration` where that is not all of the id. */
function idOfFile(file: string): string {
  const name = path.basename(file, UPDATE)
  try {
    if (name.length <= NAME_BYTES_MAX) return decodeURIComponent(name)
  } catch {
    // Somebody else named it.
  }
  throw new WeftError('invalid-configuration', `The name of ${file} is not the id of a document; give it with --as, for this file alone.`)
}

async function bringIn(api: ApiTarget, documentId: string, file: string, merge: boolean): Promise<'imported' | 'merged' | 'skipped'> {
  const document = documentPath(documentId)
  const isArchive = !file.endsWith(UPDATE)
  const send = async (merging: boolean): Promise<unknown> => {
    if (isArchive) return api.ask('PUT', `${document}/archive?merge=${merging}`, createReadStream(file))
    return api.ask(merging ? 'POST' : 'PUT', merging ? `${document}/updates` : document, await readFile(file))
  }
  try {
    await send(false)
    return 'imported'
  } catch (thrown) {
    if (!(thrown instanceof Refused && thrown.code === 'document-exists')) throw thrown
    if (!merge) return 'skipped'
  }
  await send(true)
  return 'merged'
}
