// What most tests of the client begin with: a manual clock, a network in memory with a scripted server, and a connection on it.
import { strict as assert } from 'node:assert'
import * as Y from 'yjs'
import { type ConnectOptions, connect, type DocumentSession, type WeftConnection } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { seededRandom } from '../../core/random.js'
import { ClientNetwork } from './client-network.js'
import { ManualClock } from './manual-clock.js'
import { ScriptedServer } from './scripted-server.js'

export interface ClientFixture {
  readonly clock: ManualClock
  readonly network: ClientNetwork
  readonly server: ScriptedServer
  connect(options?: ConnectOptions): WeftConnection
}

export function clientFixture(): ClientFixture {
  const clock = new ManualClock()
  const network = new ClientNetwork()
  const server = new ScriptedServer(network)
  return {
    clock,
    network,
    server,
    connect: (options = {}) =>
      connect('ws://weft.test', { WebSocket: network.WebSocket, clock, random: seededRandom(1), logger: silentLogger, ...options }),
  }
}

export function type(doc: Y.Doc, text: string): void {
  doc.getText('body').insert(doc.getText('body').length, text)
}

/** An update by another client that writes `text`. */
export function updateWith(text: string): Uint8Array {
  const doc = new Y.Doc()
  type(doc, text)
  const update = Y.encodeStateAsUpdate(doc)
  doc.destroy()
  return update
}

/** Collects the states of a session's status from now on, the present one included. */
export function statesOf(session: DocumentSession): string[] {
  const states: string[] = [session.status.state]
  session.on('status', ({ state }) => {
    // Never said while something is unacknowledged.
    if (state === 'saved') assert.equal(session.unsaved, 0)
    states.push(state)
  })
  return states
}

/** The present state, read anew: a property would be narrowed by the assertion before. */
export function stateOf(subject: { readonly status: { readonly state: string } }): string {
  return subject.status.state
}
