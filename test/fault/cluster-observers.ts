// Who watches cursors: one client on each node, which stays there, on a document that nobody edits.
import * as Y from 'yjs'
import { connect, type DocumentSession, type WeftConnection } from '../../client/index.js'
import type { Random } from '../../core/random.js'
import type { ServerProcess } from '../helpers/server-process.js'
import { eventually } from '../helpers/states.js'
import { impatient } from './cluster-load.js'

// The promises are 5 s and 10 s (O4, A4); the times that it took are printed. A machine that runs other work beside this gets more.
const cursorsMsMax = 30_000
const cursorGoneMsMax = 30_000

interface Observer {
  readonly connection: WeftConnection
  readonly session: DocumentSession
}

export class ClusterObservers {
  readonly #nodes: readonly ServerProcess[]
  readonly #random: Random
  readonly #observers = new Map<ServerProcess, Observer>()

  constructor(nodes: readonly ServerProcess[], random: Random) {
    this.#nodes = nodes
    this.#random = random
  }

  /** All see the others' newest cursors. Rejects if they do not in time; answers the time it took, in milliseconds. */
  async cursorsCross(limitMs = cursorsMsMax): Promise<number> {
    const sinceMs = performance.now()
    const mark = `mark ${this.#random.below(1_000_000)}`
    const sessions = this.#nodes
      .filter((node) => node.running)
      .map((node) => {
        const { session } = this.#observerOf(node)
        session.awareness.setLocalStateField('mark', mark)
        return session
      })
    await eventually(
      'O4: cursors cross nodes',
      () =>
        sessions.every(
          ({ awareness }) => [...awareness.getStates().values()].filter((state) => state['mark'] === mark).length === sessions.length,
        ),
      limitMs,
    ).catch((error: unknown) => {
      const seen = sessions.map(({ awareness }) => [...awareness.getStates().values()].map((state) => state['mark'] === mark))
      throw new Error(`${String(error)}; each sees ${JSON.stringify(seen)}`)
    })
    return performance.now() - sinceMs
  }

  /** The cursor of a client of a node that died is taken away on the others. Rejects if it is not in time; answers the time since the death. */
  async cursorGone(dead: ServerProcess, diedAtMs: number): Promise<number> {
    const { clientID } = this.#observerOf(dead).session.awareness
    const others = this.#nodes.filter((node) => node.running && node !== dead).map((node) => this.#observerOf(node).session)
    await eventually(
      'A4: the cursor of a client of a dead node is gone',
      () => others.every(({ awareness }) => !awareness.getStates().has(clientID)),
      cursorGoneMsMax - (performance.now() - diedAtMs),
    )
    return performance.now() - diedAtMs
  }

  #observerOf(node: ServerProcess): Observer {
    let observer = this.#observers.get(node)
    if (observer === undefined) {
      const connection = connect(node.webSocketUrl, impatient)
      observer = { connection, session: connection.open('cursors', new Y.Doc()) }
      this.#observers.set(node, observer)
    }
    return observer
  }

  async close(): Promise<void> {
    await Promise.all([...this.#observers.values()].map(({ connection }) => connection.close()))
  }
}
