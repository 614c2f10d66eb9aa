// `weft import --from KIND SOURCE`: documents out of the store of another server. Each is one edit, and is read again afterwards and compared with its source. What
// is there already and has everything is left as it is, so an import that was interrupted goes on when it is run again.
import { checkDocumentId } from '../../core/document-id.js'
import { asWeftError, WeftError } from '../../core/errors.js'
import { defaultLimits } from '../../core/limits.js'
import type { GivenToCommand } from '../config/command-line.js'
import { sourceKinds } from '../imports/kinds.js'
import type { Source, SourceDocument, UpdateEncoding } from '../imports/source.js'
import { compare, stateOf } from '../imports/state.js'
import { type ApiTarget, documentPath, Refused, withApi } from './api-target.js'
import { Progress, printJson, printLine } from './output.js'

export const importFromOptions: readonly (readonly [string, string])[] = [
  ['--from <kind>', `the store of another server instead: ${sourceKinds.map(({ name }) => name).join(', ')}`],
  ['--dry-run', 'with --from: reads all of it and says what would be done, and does nothing'],
  ['--table <name>', 'with --from: of a database (documents)'],
  ['--name-column <name>', 'with --from: the column with the ids (name)'],
  ['--data-column <name>', 'with --from: the column with the states (data)'],
  ['--encoding <encoding>', "with --from: v1 or v2, of Yjs' updates where the store does not say (v1)"],
]

type Outcome = 'imported' | 'merged' | 'thereAlready' | 'empty' | 'skipped'

interface Problem {
  readonly documentId: string
  readonly problem: string
}

interface Manner {
  readonly merge: boolean
  readonly dryRun: boolean
}

/** Sets the exit code 1 if something was left out. Rejects with `invalid-configuration`, and with `malformed` for a store that is torn. */
export async function importFrom(given: GivenToCommand, location: string, merge: boolean): Promise<void> {
  const kind = sourceKinds.find(({ name }) => name === given.options['from'])
  if (kind === undefined)
    throw new WeftError(
      'invalid-configuration',
      `--from is "${String(given.options['from'])}"; it takes one of:\n${sourceKinds.map(({ name, takes }) => `  ${name}: ${takes}`).join('\n')}`,
    )
  if (given.options['prefix'] !== undefined)
    throw new WeftError('invalid-configuration', '--prefix is for files that export wrote, and not for --from.')
  if (given.options['as'] !== undefined) throw new WeftError('invalid-configuration', '--as is for a single file, and not for --from.')
  const source = await kind.open(location, {
    encoding: encodingIn(given),
    table: text(given, 'table') ?? 'documents',
    nameColumn: text(given, 'name-column') ?? 'name',
    dataColumn: text(given, 'data-column') ?? 'data',
  })
  const manner = { merge, dryRun: given.options['dry-run'] === true }
  const counts: Record<Outcome, number> = { imported: 0, merged: 0, thereAlready: 0, empty: 0, skipped: 0 }
  const problems: Problem[] = []
  const progress = new Progress(manner.dryRun ? 'looked at' : 'imported')
  try {
    await withApi(given, async (api) => {
      for await (const document of source.documents()) {
        await importOne(api, source, document, manner, counts, problems)
        progress.step(document.documentId)
      }
    })
  } finally {
    progress.end()
    await source.close()
  }
  report(given, manner, counts, problems)
  if (problems.length > 0) process.exitCode = 1
}

async function importOne(
  api: ApiTarget,
  source: Source,
  document: SourceDocument,
  manner: Manner,
  counts: Record<Outcome, number>,
  problems: Problem[],
): Promise<void> {
  const { documentId } = document
  try {
    checkDocumentId(documentId, defaultLimits.documentIdBytesMax)
    const state = stateOf(await document.read(), source.encoding)
    const outcome = state.isEmpty ? 'empty' : await bringIn(api, documentId, state.update, manner)
    counts[outcome] += 1
    if (outcome === 'skipped')
      problems.push({ documentId, problem: 'It is there already, with other content. Say --merge to merge the two.' })
    if (state.waiting)
      problems.push({ documentId, problem: 'Its store lacks edits that others build on; those, which nobody could see, are left out.' })
  } catch (thrown) {
    // Of one document. What concerns all of them ends the import.
    if (thrown instanceof Refused ? thrown.status === 401 : asWeftError(thrown).code === 'invalid-configuration') throw thrown
    problems.push({ documentId, problem: thrown instanceof Error ? thrown.message : String(thrown) })
  }
}

async function bringIn(api: ApiTarget, documentId: string, state: Uint8Array, { merge, dryRun }: Manner): Promise<Outcome> {
  const before = await presentIn(api, documentId)
  if (before !== null && compare(state, before.update) !== 'differs') return 'thereAlready'
  if (before !== null && !merge) return 'skipped'
  const outcome = before === null ? 'imported' : 'merged'
  if (dryRun) return outcome
  const path = documentPath(documentId)
  const { seq } = await (await (before === null ? api.ask('PUT', path, state) : api.ask('POST', `${path}/updates`, state))).json()
  const after = await presentIn(api, documentId)
  const compared = after === null ? 'differs' : compare(state, after.update)
  // Into a document of its own goes exactly what was in the source, unless people are at work in it already.
  if (compared === 'same' || (compared === 'contains' && (outcome === 'merged' || after?.seq !== seq))) return outcome
  throw new WeftError('internal', 'It was imported, and does not read as its source does. Please report this; the source is as it was.')
}

/** Null if there is no such document. */
async function presentIn(api: ApiTarget, documentId: string): Promise<{ readonly update: Uint8Array; readonly seq: number } | null> {
  try {
    const answer = await api.ask('GET', `${documentPath(documentId)}/content?format=update&at=now`)
    return { update: await answer.bytes(), seq: Number(answer.response.headers.get('Weft-Seq')) }
  } catch (thrown) {
    if (thrown instanceof Refused && thrown.code === 'no-such-document') return null
    throw thrown
  }
}

function report(given: GivenToCommand, { dryRun }: Manner, counts: Record<Outcome, number>, problems: readonly Problem[]): void {
  if (given.json) {
    printJson({ dryRun, ...counts, problems })
    return
  }
  const would = dryRun ? ' would be' : ''
  printLine(
    `${counts.imported}${would} imported, ${counts.merged}${would} merged, ${counts.thereAlready} are there already, ${counts.empty} are empty and${would || ' were'} left out.`,
  )
  if (!dryRun && counts.imported + counts.merged > 0) printLine('Each was read again and compared with its source.')
  for (const { documentId, problem } of problems) printLine(`${documentId}: ${problem}`)
}

function text(given: GivenToCommand, name: string): string | null {
  const value = given.options[name]
  return typeof value === 'string' ? value : null
}

function encodingIn(given: GivenToCommand): UpdateEncoding {
  const value = text(given, 'encoding') ?? 'v1'
  if (value === 'v1' || value === 'v2') return value
  throw new WeftError('invalid-configuration', `--encoding is "${value}"; it takes one of: v1, v2.`)
}
