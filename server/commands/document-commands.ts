// The commands about documents: each asks the API and prints what came, for people or as JSON.
import { WeftError } from '../../core/errors.js'
import type { DocumentCommandDefinition, GivenToCommand } from '../config/command-line.js'
import { parseAddress } from '../history/address.js'
import { keysCommand, revokeCommand, sessionsCommand, ticketCommand } from './access-commands.js'
import { documentPath, withApi } from './api-target.js'
import { backupCommand, restoreBackupCommand } from './backup-commands.js'
import { bytesText, coloured, counted, printJson, printLine, printTable, timeText } from './output.js'
import { checkCommand, exportCommand, importCommand } from './transfer-commands.js'

type Json = ReturnType<typeof JSON.parse>

const DOCUMENT = ['<document>', 'its id'] as const
const DOCUMENT_AT = ['<document>', 'its id; with @ and a moment behind it, such as notes/today@-15m, as it was then'] as const

/** `notes/today@-15m` is a document and a moment, where what stands behind the last @ is one. */
export function splitAddress(text: string): { readonly documentId: string; readonly at: string } {
  const index = text.lastIndexOf('@')
  if (index > 0) {
    const at = text.slice(index + 1)
    try {
      if (at !== '') {
        parseAddress(at)
        return { documentId: text.slice(0, index), at }
      }
    } catch {
      // Without an address behind it, the @ belongs to the id.
    }
  }
  return { documentId: text, at: 'now' }
}

function required(given: GivenToCommand, name: string): string {
  const value = given.arguments[name]
  if (value === undefined || value === '') throw new WeftError('invalid-configuration', `The argument ${name} is missing.`)
  return value
}

function text(given: GivenToCommand, name: string): string | null {
  const value = given.options[name]
  return typeof value === 'string' ? value : null
}

const documents: DocumentCommandDefinition = {
  name: 'documents',
  description: 'lists documents',
  arguments: [],
  options: [
    ['--prefix <text>', 'those whose ids begin so'],
    ['--sort <order>', 'id, or changed: the last changed first (id)'],
  ],
  run: (given) =>
    withApi(given, async (api) => {
      const found: Json[] = []
      const query = new URLSearchParams({ prefix: text(given, 'prefix') ?? '', sort: text(given, 'sort') ?? 'id' })
      for await (const page of api.pages(`/documents?${query}`, 'after')) found.push(...page)
      if (given.json) printJson(found)
      else
        printTable(
          ['DOCUMENT', 'SEQ', 'CHANGED'],
          found.map(({ documentId, head, updatedAt }) => [documentId, String(head), timeText(updatedAt)]),
        )
    }),
}

const versions: DocumentCommandDefinition = {
  name: 'versions',
  description: 'lists the versions of a document, newest first',
  arguments: [DOCUMENT],
  options: [['--all', 'also snapshots that nobody kept']],
  run: (given) =>
    withApi(given, async (api) => {
      const found: Json[] = []
      const which = given.options['all'] === true ? 'all' : 'kept'
      for await (const page of api.pages(`${documentPath(required(given, 'document'))}/versions?which=${which}`, 'before'))
        found.push(...page)
      if (given.json) {
        printJson(found)
        return
      }
      printTable(
        ['VERSION', 'KEPT', 'SIZE', 'BY', 'NAME'],
        found.map(({ seq, createdAt, stateBytes, author, name, description }) => [
          `v${seq}`,
          timeText(createdAt),
          bytesText(stateBytes),
          author ?? '',
          (name ?? '(automatic)') + (description ? ` — ${description}` : ''),
        ]),
      )
    }),
}

const changes: DocumentCommandDefinition = {
  name: 'changes',
  description: 'who changed a document when',
  arguments: [DOCUMENT],
  options: [['--gap <minutes>', 'the longest pause within a sitting (5)']],
  run: (given) =>
    withApi(given, async (api) => {
      const found: Json[] = []
      const gap = encodeURIComponent(text(given, 'gap') ?? '5')
      for await (const page of api.pages(`${documentPath(required(given, 'document'))}/changes?gap=${gap}`, 'after')) found.push(...page)
      if (given.json) {
        printJson(found)
        return
      }
      printTable(
        ['FROM', 'THROUGH', 'SEQS', 'BY'],
        found.map(({ from, through, fromSeq, throughSeq, users, unknownAuthors }) => [
          timeText(from),
          timeText(through),
          fromSeq === throughSeq ? String(fromSeq) : `${fromSeq}–${throughSeq}`,
          [...users, ...(unknownAuthors ? ['(unknown)'] : [])].join(', '),
        ]),
      )
    }),
}

const show: DocumentCommandDefinition = {
  name: 'show',
  description: 'prints the content of a document, now or at a moment: notes/today@-15m',
  arguments: [DOCUMENT_AT],
  options: [
    ['--format <format>', 'text, json, html, markdown, or update: one Yjs update, as bytes (text)'],
    ['--root <name>', 'only this root type'],
  ],
  run: (given) =>
    withApi(given, async (api) => {
      const { documentId, at } = splitAddress(required(given, 'document'))
      const format = text(given, 'format') ?? (given.json ? 'json' : 'text')
      const root = text(given, 'root')
      const query = new URLSearchParams({ at, format, ...(root === null ? {} : { root }) })
      const bytes = await (await api.ask('GET', `${documentPath(documentId)}/content?${query}`)).bytes()
      process.stdout.write(bytes)
      if (format !== 'update' && bytes.length > 0 && bytes.at(-1) !== 10 && process.stdout.isTTY === true) printLine()
    }),
}

const diff: DocumentCommandDefinition = {
  name: 'diff',
  description: 'what changed in a document between two moments',
  arguments: [DOCUMENT_AT, ['[from]', 'a moment, such as @v12 or @-1h'], ['[to]', 'a moment (@now)']],
  options: [],
  run: (given) =>
    withApi(given, async (api) => {
      const { documentId, at } = splitAddress(required(given, 'document'))
      const from = given.arguments['from'] ?? at
      const to = given.arguments['to'] ?? 'now'
      if (from === 'now') throw new WeftError('invalid-configuration', 'Say from which moment on: weft diff notes/today @-1h')
      const found: Json = await (await api.ask('GET', `${documentPath(documentId)}/diff?${new URLSearchParams({ from, to })}`)).json()
      if (given.json) {
        printJson(found)
        return
      }
      if (found.roots.length === 0) printLine('Nothing changed.')
      for (const { name, kind, words, patch } of found.roots) {
        printLine(coloured(`${name} (${kind})`, 'bold'))
        for (const { op, path, value } of patch) {
          const shown = `${op} ${path}${value === undefined ? '' : ` ${JSON.stringify(value)}`}`
          printLine(coloured(`  ${shown}`, op === 'remove' ? 'red' : 'green'))
        }
        if (words.length > 0) printLine(words.map(wordText).join('').trimEnd())
      }
    }),
}

/** Without colours, signs stand around what changed. */
function wordText({ change, text: word }: Json): string {
  if (change === 'same') return word
  const marked = coloured(word, change === 'added' ? 'green' : 'red')
  return marked === word ? (change === 'added' ? `{+${word}+}` : `[-${word}-]`) : marked
}

const keep: DocumentCommandDefinition = {
  name: 'keep',
  description: 'keeps a moment of a document as a version',
  arguments: [DOCUMENT_AT, ['<name>', 'its name']],
  options: [['--description <text>', 'more about it']],
  run: (given) =>
    withApi(given, async (api) => {
      const { documentId, at } = splitAddress(required(given, 'document'))
      const body = { name: required(given, 'name'), description: text(given, 'description'), at }
      const version: Json = await (await api.ask('POST', `${documentPath(documentId)}/versions`, body)).json()
      if (given.json) printJson(version)
      else printLine(`Kept as v${version.seq}, "${version.name}".`)
    }),
}

const restore: DocumentCommandDefinition = {
  name: 'restore',
  description: 'makes a document read as it did at a moment, while people type: weft restore notes/today @-15m',
  arguments: [DOCUMENT_AT, ['[address]', 'the moment, such as @v12, @"First draft" or @-15m']],
  options: [
    ['--root <name>', 'only this root type'],
    ['--dry-run', 'say what it would do, and do nothing'],
  ],
  run: (given) =>
    withApi(given, async (api) => {
      const { documentId, at } = splitAddress(required(given, 'document'))
      const address = given.arguments['address'] ?? at
      if (address === 'now') throw new WeftError('invalid-configuration', 'Say to which moment: weft restore notes/today @-15m')
      const body = { at: address, root: text(given, 'root'), dryRun: given.options['dry-run'] === true }
      const done: Json = await (await api.ask('POST', `${documentPath(documentId)}/restore`, body)).json()
      if (given.json) {
        printJson(done)
        return
      }
      if (done.method === 'nothing') printLine('It reads that way already; nothing was changed.')
      else if (body.dryRun) printLine(`It would change: ${done.roots.join(', ')}${replacedText(done)}`)
      else
        printLine(
          `Restored: ${done.roots.join(', ')}${replacedText(done)} To take it back: weft restore ${documentId} @v${done.keptBefore}`,
        )
    }),
}

function replacedText({ replaced }: Json): string {
  return replaced.length === 0 ? '.' : `; of these ${replaced.join(', ')} as a whole.`
}

const fork: DocumentCommandDefinition = {
  name: 'fork',
  description: 'begins a new document as another one is or was: weft fork notes/today@v12 copy',
  arguments: [DOCUMENT_AT, ['<into>', 'the id of the new one']],
  options: [],
  run: (given) =>
    withApi(given, async (api) => {
      const { documentId, at } = splitAddress(required(given, 'document'))
      const made: Json = await (await api.ask('POST', `${documentPath(documentId)}/fork`, { into: required(given, 'into'), at })).json()
      if (given.json) printJson(made)
      else printLine(`${made.documentId} begins as ${documentId} at seq ${made.from.seq}.`)
    }),
}

const remove: DocumentCommandDefinition = {
  name: 'delete',
  description: 'removes a document for good, with its history',
  arguments: [DOCUMENT],
  options: [['--yes', 'that this is meant']],
  run: (given) =>
    withApi(given, async (api) => {
      const documentId = required(given, 'document')
      if (given.options['yes'] !== true)
        throw new WeftError('invalid-configuration', `This removes ${documentId} for good, with its history. Say --yes if that is meant.`)
      const gone: Json = await (await api.ask('DELETE', documentPath(documentId))).json()
      if (given.json) printJson(gone)
      else printLine(`Removed, with ${counted(gone.head, 'commit')} and ${counted(gone.versions, 'version')}.`)
    }),
}

export const documentCommands: readonly DocumentCommandDefinition[] = [
  documents,
  versions,
  changes,
  show,
  diff,
  keep,
  restore,
  fork,
  exportCommand,
  importCommand,
  checkCommand,
  remove,
  backupCommand,
  restoreBackupCommand,
  keysCommand,
  revokeCommand,
  ticketCommand,
  sessionsCommand,
]
