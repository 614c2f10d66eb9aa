// When nobody does anything any more: everybody has the same, it is what the log and the store have, and nobody is seen who is not there.
import { strict as assert } from 'node:assert'
import * as Y from 'yjs'
import { type MemoryDisk, MemoryStore } from '../../persistence/memory/memory-store.js'
import { encodeAwareness } from '../../protocol/awareness.js'
import { canonicalState } from '../helpers/states.js'
import type { Ledger } from './ledger.js'
import type { Participant, SimulatedClient } from './participant.js'
import { StockClient } from './stock-client.js'
import { HostClock, type SimulatedTime } from './time.js'

export interface Compared {
  readonly time: SimulatedTime
  readonly disk: MemoryDisk
  readonly ledger: Ledger
  readonly clients: readonly SimulatedClient[]
  readonly documentIds: readonly string[]
}

/** S1, S6, D5, D6, A4, A5. */
export async function checkEqual({ time, disk, ledger, clients, documentIds }: Compared): Promise<void> {
  for (const client of clients) client.checkQuiet()
  const store = new MemoryStore({ clock: new HostClock(time, 'reader'), disk })
  const participants = clients.flatMap((client) => client.participants)
  for (const documentId of documentIds) {
    const replayed = canonicalState(ledger.replica(documentId))
    const stored = await store.openDocument(documentId)
    assert.equal(stored.head, ledger.rows(documentId).length, `D5: the head of ${documentId}`)
    assert.equal(canonicalState(read(stored)), replayed, `D6: ${documentId} as stored differs from the log replayed`)
    const here = participants.filter((participant) => participant.documentId === documentId)
    for (const { doc } of here)
      assert.equal(canonicalState(doc), replayed, `S1: ${documentId} of client ${doc.clientID} differs from the log replayed`)
    const present = new Map(here.map(({ doc, awareness }) => [doc.clientID, awareness.getLocalState()]))
    for (const { doc, awareness } of here)
      assert.deepEqual(
        new Map([...awareness.getStates()].sort()),
        new Map([...present].sort()),
        `A4: who client ${doc.clientID} sees in ${documentId}`,
      )
  }
}

/** A4: nobody sees somebody who is not there. Who is there may be missing for a while: a stock client takes a state back only at a higher clock. */
export function checkNobodyGone({ clients, documentIds }: Pick<Compared, 'clients' | 'documentIds'>): void {
  const participants = clients.flatMap((client) => client.participants)
  for (const documentId of documentIds) {
    const here = participants.filter((participant) => participant.documentId === documentId)
    const present = new Set(here.map(({ doc }) => doc.clientID))
    for (const { doc, awareness } of here)
      for (const id of awareness.getStates().keys())
        assert.ok(present.has(id), `A4: client ${doc.clientID} still sees client ${id} in ${documentId}`)
  }
}

/** A2: a client speaks for all others of its document. They must not be disturbed. False if there is no client that could. */
export function spoof(clients: readonly SimulatedClient[]): boolean {
  const spoofer = clients.find((client) => client instanceof StockClient)
  if (spoofer === undefined) return false
  const [own] = spoofer.participants
  const id = own?.doc.clientID
  const state = new TextEncoder().encode(JSON.stringify({ id }))
  const isWith = ({ documentId }: Participant): boolean => documentId === own?.documentId
  const others = clients.filter((client) => client !== spoofer).flatMap((client) => client.participants.filter(isWith))
  const entries = others.map(({ doc }) => ({ clientId: doc.clientID, clock: 1_000, state }))
  const removals = others.map(({ doc }) => ({ clientId: doc.clientID, clock: 1_001, state: new TextEncoder().encode('null') }))
  spoofer.sendAwarenessAs(encodeAwareness(entries))
  spoofer.sendAwarenessAs(encodeAwareness(removals))
  return true
}

function read(stored: Awaited<ReturnType<MemoryStore['openDocument']>>): Y.Doc {
  const doc = new Y.Doc()
  if (stored.snapshot !== null) Y.applyUpdate(doc, stored.snapshot.state)
  for (const row of stored.tail) Y.applyUpdate(doc, row.update)
  return doc
}
