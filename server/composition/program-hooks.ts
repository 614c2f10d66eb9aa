// Ties the program's hooks to what they are about.
import * as Y from 'yjs'
import type { Clock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import type { Random } from '../../core/random.js'
import type { RegisteredSession, SessionEvents } from '../access/session-registry.js'
import type { DocumentObserver } from '../document/observer.js'
import { ChangeWatch, type QuietChange } from '../events/change-watch.js'
import {
  type AwarenessInfo,
  type ConnectGuard,
  connectGuardOf,
  type DocumentChange,
  type EditGuard,
  editGuardOf,
  firstContentOf,
  type HookEnvironment,
  type Hooks,
  tell,
} from '../events/hooks.js'
import type { History } from '../history/history.js'
import type { ClientMessage } from '../messages/app-messages.js'

const QUIET_MS = 2_000
const WAIT_MS_MAX = 10_000
/** How long a server that stops waits for `onDocumentChanged` to be told of everything. */
const CLOSE_MS_MAX = 10_000

export class ProgramHooks {
  readonly editGuard: EditGuard | null
  readonly connectGuard: ConnectGuard | null
  readonly observer: DocumentObserver
  /** Null where nobody is asked about what clients say. */
  readonly mayPass: ((message: ClientMessage) => boolean) | null
  /** Null where nobody is told what clients say of themselves. */
  readonly heard: ((documentId: string, clients: AwarenessInfo['clients']) => void) | null
  /** Null where nobody is told of sessions. */
  readonly sessionEvents: SessionEvents | null
  readonly #watch: ChangeWatch | null

  /** `history`: null while the node is not there. */
  constructor(hooks: Hooks, environment: HookEnvironment & { readonly random: Random }, history: () => History | null) {
    const { clock, logger, random } = environment
    const { onDocumentChanged, onDocumentIdle, onMessage, onAwarenessChanged, onSessionOpened, onSessionClosed } = hooks
    this.editGuard = editGuardOf(hooks, environment)
    this.connectGuard = connectGuardOf(hooks, environment)
    const watch = onDocumentChanged === undefined ? null : changeWatchOf(hooks, onDocumentChanged, { clock, logger, random }, history)
    this.#watch = watch
    this.observer = {
      firstContent: firstContentOf(hooks, environment),
      committed: (documentId, seq, users) => watch?.committed(documentId, seq, users),
      becameIdle: (documentId) => {
        if (onDocumentIdle !== undefined) tell(logger, 'onDocumentIdle', () => onDocumentIdle(documentId))
      },
    }
    this.mayPass =
      onMessage === undefined
        ? null
        : ({ documentId, sessionId, user, payload }) => onMessage({ documentId, sessionId, user, payload }) !== false
    this.heard =
      onAwarenessChanged === undefined
        ? null
        : (documentId, clients) => tell(logger, 'onAwarenessChanged', () => onAwarenessChanged({ documentId, clients }))
    this.sessionEvents =
      onSessionOpened === undefined && onSessionClosed === undefined
        ? null
        : {
            opened: (session) => {
              if (onSessionOpened !== undefined) tell(logger, 'onSessionOpened', () => onSessionOpened(infoOf(session)))
            },
            closed: (session) => {
              if (onSessionClosed !== undefined) tell(logger, 'onSessionClosed', () => onSessionClosed(infoOf(session)))
            },
          }
  }

  /** Everything that changed is told, before what it can be read from goes. */
  async close(): Promise<void> {
    await this.#watch?.close(CLOSE_MS_MAX)
  }
}

function changeWatchOf(
  hooks: Hooks,
  onDocumentChanged: NonNullable<Hooks['onDocumentChanged']>,
  environment: { readonly clock: Clock; readonly logger: Logger; readonly random: Random },
  history: () => History | null,
): ChangeWatch {
  return new ChangeWatch({
    ...environment,
    what: 'onDocumentChanged',
    quietMs: hooks.changedQuietMs ?? QUIET_MS,
    waitMsMax: hooks.changedWaitMsMax ?? WAIT_MS_MAX,
    tell: async (change) => onDocumentChanged(documentChange(change, history)),
  })
}

function documentChange(change: QuietChange, historyOf: () => History | null): DocumentChange {
  const { documentId } = change
  const history = (): History => {
    const found = historyOf()
    if (found === null) throw new WeftError('draining', 'The server has stopped; the document cannot be read any more.')
    return found
  }
  const update = async (): Promise<Uint8Array> => (await history().update(documentId, 'now')).update
  return {
    ...change,
    update,
    json: async () => Object.fromEntries((await history().roots(documentId, 'now')).roots.map(({ name, value }) => [name, value])),
    text: async (root) => (await history().text(documentId, 'now', 'text', root ?? null)).text,
    doc: async () => {
      const doc = new Y.Doc()
      Y.applyUpdate(doc, await update())
      return doc
    },
  }
}

function infoOf({ sessionId, documentId, user, name, permission }: RegisteredSession) {
  return { sessionId, documentId, user, name, permission }
}
