// The hooks of the embedding program: what it may be asked and told. A hook that throws or hangs never stops the server; what becomes of it stands at each.
import type { IncomingHttpHeaders } from 'node:http'
import type * as Y from 'yjs'
import { type Clock, settlesWithin } from '../../core/clock.js'
import { isErrorCode, WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'

/** An edit that was received and not accepted yet. */
export interface Edit {
  readonly documentId: string
  /** Null when nobody knows. */
  readonly user: string | null
  /** A Yjs update, v1 encoding. Not to be modified. */
  readonly update: Uint8Array
  /** The session of a client, or the API. */
  readonly from: 'session' | 'api'
}

/** A document that has changed, and is quiet now. */
export interface DocumentChange {
  readonly documentId: string
  /** The first and the last commit that this is about. */
  readonly fromSeq: number
  readonly throughSeq: number
  /** Who wrote it, without those of whom nobody knows who they are. */
  readonly users: readonly string[]
  /** The document as it is when this is called: every root type by its name. Computed off the event loop. */
  json(): Promise<Readonly<Record<string, unknown>>>
  /** Its text. `root`: of one root type. */
  text(root?: string): Promise<string>
  /** As one Yjs update, v1 encoding. */
  update(): Promise<Uint8Array>
  /** As a Yjs document of your own, decoded on the event loop. Destroy it when you are done. */
  doc(): Promise<Y.Doc>
}

/** What changed about who is on a document, and where in it. */
export interface AwarenessInfo {
  readonly documentId: string
  /** `user` is null when nobody knows, and of one that has gone; `state` is the awareness state, null of one that has gone. */
  readonly clients: readonly { readonly clientId: number; readonly user: string | null; readonly state: unknown }[]
}

/** A client on a document. */
export interface SessionInfo {
  /** As revocations and `server.sessions` take it. */
  readonly sessionId: string
  readonly documentId: string
  /** Null when nobody knows. */
  readonly user: string | null
  /** For people; null when there is none. */
  readonly name: string | null
  readonly permission: 'read-write' | 'read-only'
}

/** What a client said with `broadcast`, or `sendStateless`. */
export interface MessageInfo {
  readonly documentId: string
  readonly sessionId: string
  /** Null when nobody knows. */
  readonly user: string | null
  readonly payload: string
}

/** A connection of a client that comes: what its upgrade request says, before anything is asked for on it. */
export interface ConnectionInfo {
  /** `weft`, `y-websocket` or `hocuspocus`. */
  readonly dialect: string
  /** The client's address; null for this machine. */
  readonly address: string | null
  /** The `Origin` of the page; null outside of browsers. */
  readonly origin: string | null
  /** By their names in lower case. They may hold tokens. */
  readonly headers: IncomingHttpHeaders
  /** Of the URL. They may hold tokens. */
  readonly parameters: URLSearchParams
}

/** What the program is asked and told. One that is slow or throws never stops the server; what becomes of it stands at each. */
export interface Hooks {
  /**
   * A connection of a client has come; nothing of it is read before this is done. Throw a `WeftError` (`forbidden`, `unauthenticated`) to refuse it: it is closed with that
   * code, and with words that the client shows; whatever else it throws refuses it too, with neutral words. Past `hookMsMax` it is refused as `overloaded`, which
   * clients try again. Not asked about clients of the program itself.
   */
  readonly onConnect?: (connection: ConnectionInfo) => void | Promise<void>
  /**
   * Sees every edit before it is accepted. Throw a `WeftError` (`forbidden`) to refuse it, with words that the client shows; whatever else it throws refuses it too,
   * with neutral words. Edits of a session wait for each other. Past `hookMsMax` the edit is refused as `overloaded`, which clients try again.
   */
  readonly beforeEdit?: (edit: Edit) => void | Promise<void>
  /**
   * What a document that was never written begins with: a Yjs update, or null. Asked once, on all nodes together, before anybody is let in. If it throws or takes
   * longer than `hookMsMax`, the document does not open, and clients try again.
   */
  readonly firstContent?: (documentId: string) => Uint8Array | null | Promise<Uint8Array | null>
  /**
   * A document has changed, and was quiet for `changedQuietMs` or is not quiet for `changedWaitMsMax`. On the node that owns it, one at a time for each document; what changes
   * meanwhile is told afterwards. If it throws, it is told again, with longer and longer waits. What was not told when the process dies is told
   * when the document changes again.
   */
  readonly onDocumentChanged?: (change: DocumentChange) => void | Promise<void>
  /** A document was closed, since nobody has used it for a while. */
  readonly onDocumentIdle?: (documentId: string) => void | Promise<void>
  /**
   * A client said something to others on its document. Answer `false` to keep it from them, as where it was for this program alone; it must not wait for anything. If it
   * throws, nobody gets it. On the node that the client is connected to. To answer: `server.sessions(sessionId).send(…)`.
   */
  readonly onMessage?: (message: MessageInfo) => unknown
  /**
   * What clients have said of themselves (cursors, names, who is here), or that they are gone. On the node that they are connected to, with each beat of the document's
   * awareness: up to a hundred times a second while people move, so it should be quick. What it throws is logged. Nothing is parsed where it is not given.
   */
  readonly onAwarenessChanged?: (change: AwarenessInfo) => void | Promise<void>
  /** A client was let in to a document. What it throws is logged. */
  readonly onSessionOpened?: (session: SessionInfo) => void | Promise<void>
  /** It is gone: it closed the document, lost its connection or its right. What it throws is logged. */
  readonly onSessionClosed?: (session: SessionInfo) => void | Promise<void>
  /** How long a document has to be quiet before `onDocumentChanged` is told. Default 2 s. */
  readonly changedQuietMs?: number
  /** After this long it is told though the document is not quiet. Default 10 s. */
  readonly changedWaitMsMax?: number
}

/** Whether an edit may be accepted: resolves, or rejects with a WeftError, within bounded time. */
export type EditGuard = (edit: Edit) => Promise<void>

/** Whether a connection may come: resolves, or rejects with a WeftError, within bounded time. */
export type ConnectGuard = (visit: Omit<ConnectionInfo, 'dialect'>, dialect: string) => Promise<void>

export interface HookEnvironment {
  readonly clock: Clock
  readonly logger: Logger
  readonly limits: { readonly hookMsMax: number }
}

export function editGuardOf({ beforeEdit }: Hooks, environment: HookEnvironment): EditGuard | null {
  if (beforeEdit === undefined) return null
  return async (edit) => {
    const refused = (): WeftError => new WeftError('forbidden', 'This edit was refused.')
    await bounded(environment, 'beforeEdit', edit.documentId, async () => beforeEdit(edit), refused)
  }
}

export function connectGuardOf({ onConnect }: Hooks, environment: HookEnvironment): ConnectGuard | null {
  if (onConnect === undefined) return null
  return async ({ address, origin, headers, parameters }, dialect) => {
    const refused = (): WeftError => new WeftError('forbidden', 'You may not connect to this server.')
    // What it sees is its own to change.
    const info = { dialect, address, origin, headers: { ...headers }, parameters: new URLSearchParams(parameters) }
    await bounded(environment, 'onConnect', null, async () => onConnect(info), refused)
  }
}

export function firstContentOf(
  { firstContent }: Hooks,
  environment: HookEnvironment,
): ((documentId: string) => Promise<Uint8Array | null>) | null {
  if (firstContent === undefined) return null
  return async (documentId) => {
    const failed = (): WeftError => new WeftError('overloaded', 'The document could not be prepared; try again.')
    const content: unknown = await bounded(environment, 'firstContent', documentId, async () => firstContent(documentId), failed)
    if (content === null || content === undefined || content instanceof Uint8Array) return content ?? null
    environment.logger.error({ documentId }, 'firstContent answered something else than a Yjs update or null')
    throw failed()
  }
}

/** What a hook answers, or a WeftError: what it threw if that is one, else `otherwise`. */
async function bounded<Answer>(
  { clock, logger, limits }: HookEnvironment,
  hook: string,
  documentId: string | null,
  ask: () => Promise<Answer>,
  otherwise: () => WeftError,
): Promise<Answer> {
  const asked = ask()
  if (!(await settlesWithin(clock, limits.hookMsMax, asked))) {
    logger.error({ documentId, hook, hookMsMax: limits.hookMsMax }, 'a hook did not answer in time')
    throw new WeftError('overloaded', 'The server could not find out in time whether this may be done; try again.')
  }
  try {
    return await asked
  } catch (thrown) {
    // It may be of another copy of this module, as in a program that uses both kinds of modules.
    if (thrown instanceof WeftError) throw thrown
    if (
      thrown instanceof Error &&
      thrown.name === 'WeftError' &&
      'code' in thrown &&
      typeof thrown.code === 'string' &&
      isErrorCode(thrown.code)
    )
      throw new WeftError(thrown.code, thrown.message, { cause: thrown.cause })
    logger.error({ documentId, hook, err: thrown }, 'a hook failed; to refuse and say why, let it throw a WeftError')
    throw otherwise()
  }
}

/** Tells a hook something that nothing waits for. */
export function tell(logger: Logger, hook: string, run: () => void | Promise<void>): void {
  const told = (async () => run())()
  told.catch((thrown) => logger.error({ hook, err: thrown }, 'a hook failed'))
}
