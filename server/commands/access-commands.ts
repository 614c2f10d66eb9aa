// The commands about access: API keys are made, listed and revoked, users and tokens revoked, tickets issued, sessions listed.
import { WeftError } from '../../core/errors.js'
import { revocationKinds } from '../access/revocations.js'
import { type Grants, grantsIn } from '../access/rights.js'
import type { DocumentCommandDefinition, GivenToCommand } from '../config/command-line.js'
import { duration } from '../config/kinds.js'
import { documentPath, withApi } from './api-target.js'
import { coloured, printJson, printLine, printTable, timeText } from './output.js'

const DOCUMENTS = ['--documents <grants>', 'pattern=right with commas between, such as "notes/*=write,wiki/**=read"'] as const

export const keysCommand: DocumentCommandDefinition = {
  name: 'keys',
  description: 'lists API keys; keys create NAME makes one, keys revoke ID takes one back',
  arguments: [
    ['[action]', 'create or revoke; without it keys are listed'],
    ['[name]', 'the name of the new key, or the id of the one to revoke'],
  ],
  options: [DOCUMENTS, ['--user <user>', 'whom what it writes is by (key:NAME)'], ['--for <time>', 'how long it counts, such as 90d']],
  run: async (given) => {
    const { action } = given.arguments
    if (action === undefined) await listKeys(given)
    else if (action === 'create') await createKey(given)
    else if (action === 'revoke') await revokeKey(given)
    else throw new WeftError('invalid-configuration', `weft keys takes create or revoke, not "${action}".`)
  },
}

async function listKeys(given: GivenToCommand): Promise<void> {
  await withApi(given, async (api) => {
    const items = await api.list('/keys')
    if (given.json) printJson(items)
    else
      printTable(
        ['KEY', 'MADE', 'UNTIL', 'USER', 'NAME', 'DOCUMENTS'],
        (items as Readonly<Record<string, never>>[]).map(({ id, createdAt, expiresAt, user, name, documents }) => [
          id ?? '',
          timeText(createdAt ?? null),
          timeText(expiresAt ?? null),
          user ?? '',
          name ?? '',
          grantsText(documents ?? {}),
        ]),
      )
  })
}

async function createKey(given: GivenToCommand): Promise<void> {
  const name = required(given, 'name', 'weft keys create needs a name for the key.')
  const documents = grantsOf(given)
  const { user } = given.options
  await withApi(given, async (api) => {
    const made = await (await api.ask('POST', '/keys', { name, documents, ...optional('user', user), ...lifetimeOf(given) })).json()
    if (given.json) {
      printJson(made)
      return
    }
    printLine(String(made.secret))
    process.stderr.write(`${coloured(`This is key ${made.id}. It is not shown again.`, 'dim')}\n`)
  })
}

async function revokeKey(given: GivenToCommand): Promise<void> {
  const id = required(given, 'name', 'weft keys revoke needs the id of the key.')
  await withApi(given, async (api) => {
    const { removed } = await (await api.ask('DELETE', `/keys/${encodeURIComponent(id)}`)).json()
    if (given.json) printJson({ removed })
    else printLine(removed === true ? `Key ${id} is revoked.` : `There is no key ${id}.`)
    if (removed !== true) process.exitCode = 1
  })
}

export const revokeCommand: DocumentCommandDefinition = {
  name: 'revoke',
  description: 'ends the sessions of a user, a token or one session, on all nodes; what was issued to the user before counts no more',
  arguments: [
    ['[kind]', `${revocationKinds.join(', ')}; without it what is revoked is listed`],
    ['[id]', 'the user, the id of the token (jti), or of the session'],
  ],
  options: [
    ['--for <time>', 'how long it counts, longer than your tokens last, such as 90d; for good'],
    ['--lift', 'takes it back'],
  ],
  run: async (given) => {
    const { kind } = given.arguments
    if (kind !== undefined && !revocationKinds.some((one) => one === kind))
      throw new WeftError('invalid-configuration', `weft revoke takes one of: ${revocationKinds.join(', ')}; not "${kind}".`)
    await withApi(given, async (api) => {
      if (kind === undefined) {
        const items = await api.list('/revocations')
        if (given.json) printJson(items)
        else
          printTable(
            ['KIND', 'SINCE', 'UNTIL', 'ID'],
            (items as Readonly<Record<string, never>>[]).map((one) => [
              one['kind'] ?? '',
              timeText(one['createdAt'] ?? null),
              timeText(one['expiresAt'] ?? null),
              one['id'] ?? '',
            ]),
          )
        return
      }
      const id = required(given, 'id', `weft revoke ${kind} needs an id.`)
      if (given.options['lift'] === true) {
        const { lifted } = await (await api.ask('DELETE', `/revocations/${encodeURIComponent(kind)}/${encodeURIComponent(id)}`)).json()
        if (given.json) printJson({ lifted })
        else printLine(lifted === true ? `The revocation of ${kind} ${id} is lifted.` : `${kind} ${id} is not revoked.`)
        if (lifted !== true) process.exitCode = 1
        return
      }
      await api.ask('POST', '/revocations', { kind, id, ...lifetimeOf(given) })
      if (given.json) printJson({ kind, id })
      else printLine(`${kind} ${id} is revoked.`)
    })
  },
}

export const ticketCommand: DocumentCommandDefinition = {
  name: 'ticket',
  description: 'issues a ticket for a user of a running server, good once and for 30 s',
  arguments: [['<user>', 'whom it is for']],
  options: [DOCUMENTS, ['--name <name>', 'who that is, for people'], ['--for <time>', 'how long it may be shown']],
  asks: 'server',
  run: async (given) => {
    if (given.url === null)
      throw new WeftError('invalid-configuration', 'weft ticket needs --url: a ticket is good until its server stops.')
    const user = required(given, 'user', 'weft ticket needs a user.')
    const { name } = given.options
    await withApi(given, async (api) => {
      const body = { user, documents: grantsOf(given), ...optional('name', name), ...lifetimeOf(given) }
      const made = await (await api.ask('POST', '/tickets', body)).json()
      if (given.json) printJson(made)
      else printLine(String(made.ticket))
    })
  },
}

export const sessionsCommand: DocumentCommandDefinition = {
  name: 'sessions',
  description: 'lists the sessions of a running node: who is on which document; or closes those of a document',
  arguments: [],
  options: [
    ['--document <id>', 'those on this document'],
    ['--user <user>', 'those of this user'],
    ['--close', 'closes all of --document, on all nodes; whoever still may comes back at once'],
  ],
  asks: 'server',
  run: async (given) => {
    if (given.url === null) throw new WeftError('invalid-configuration', 'weft sessions needs --url: a stopped server has none.')
    const { document, user, close } = given.options
    if (close === true) return closeSessions(given, document, user)
    const query = new URLSearchParams({ ...optional('documentId', document), ...optional('user', user) })
    await withApi(given, async (api) => {
      const { items } = await (await api.ask('GET', `/sessions?${query}`)).json()
      if (given.json) printJson(items)
      else
        printTable(
          ['SESSION', 'SINCE', 'MAY', 'FROM', 'USER', 'DOCUMENT'],
          (items as Readonly<Record<string, never>>[]).map(({ sessionId, since, permission, address, user: who, documentId }) => [
            sessionId ?? '',
            timeText(since ?? null),
            permission ?? '',
            address ?? 'here',
            who ?? '(unknown)',
            documentId ?? '',
          ]),
        )
    })
  },
}

async function closeSessions(given: GivenToCommand, documentId: string | true | undefined, user: string | true | undefined): Promise<void> {
  if (typeof documentId !== 'string' || user !== undefined)
    throw new WeftError(
      'invalid-configuration',
      'weft sessions --close takes --document, and no --user; weft revoke user ends those of a user.',
    )
  await withApi(given, async (api) => {
    const { closed } = await (await api.ask('DELETE', `${documentPath(documentId)}/sessions`)).json()
    if (given.json) printJson({ closed })
    else printLine(`The sessions of ${documentId} are closed: ${closed} on the node that was asked, and those of other nodes within 5 s.`)
  })
}

function required({ arguments: given }: GivenToCommand, name: string, otherwise: string): string {
  const value = given[name]
  if (value === undefined || value === '') throw new WeftError('invalid-configuration', otherwise)
  return value
}

function optional(name: string, value: string | true | undefined): Readonly<Record<string, string>> {
  return typeof value === 'string' ? { [name]: value } : {}
}

function lifetimeOf({ options }: GivenToCommand): { readonly lifetimeMs?: number } {
  const text = options['for']
  return typeof text === 'string' ? { lifetimeMs: duration(1_000).parse(text, '--for') } : {}
}

/** Nothing is granted by default: a key that may do everything is asked for in so many words. */
function grantsOf({ options }: GivenToCommand): Grants {
  const text = options['documents']
  if (typeof text !== 'string')
    throw new WeftError(
      'invalid-configuration',
      '--documents is missing: what it may do, such as "notes/*=write", or "**=admin" for everything.',
    )
  const grants = grantsIn(
    Object.fromEntries(
      text.split(',').map((one) => {
        const equals = one.lastIndexOf('=')
        return [one.slice(0, Math.max(equals, 0)).trim(), one.slice(equals + 1).trim()]
      }),
    ),
  )
  if (grants === null || Object.hasOwn(grants, ''))
    throw new WeftError(
      'invalid-configuration',
      `--documents is "${text}"; it takes pattern=right with commas between, and rights are read, write, admin.`,
    )
  return grants
}

function grantsText(grants: Grants): string {
  return Object.entries(grants)
    .map(([pattern, right]) => `${pattern}=${right}`)
    .join(',')
}
