// A server that is killed in the middle of keeping, restoring, forking and deleting, again and again: what was answered is there, and nothing is half done.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { systemClock } from '../../core/clock.js'
import { seededRandom } from '../../core/random.js'
import { ApiClient, documentPath } from '../helpers/api-client.js'
import { ServerProcess } from '../helpers/server-process.js'
import { eventually } from '../helpers/states.js'

const KILLS = 8
const DOCUMENTS = 6
const GOOD = 'As it was when it was good. '.repeat(40)

function stateOf(text: string): Uint8Array {
  const doc = new Y.Doc()
  doc.getText('body').insert(0, text)
  const state = Y.encodeStateAsUpdate(doc)
  doc.destroy()
  return state
}

test(`D3, D6, H2: ${KILLS} kills between any two steps of keeping a version, restoring, forking and deleting lose nothing that was answered, and leave nothing half done`, async (context) => {
  const random = seededRandom(11)
  const server = await ServerProcess.start()
  context.after(() => server.dispose())
  const api = (): ApiClient => new ApiClient(server.url)
  const textOf = (id: string, at = 'now'): Promise<string> =>
    api().expect('GET', `${documentPath(id)}/content?format=text&at=${encodeURIComponent(at)}`)
  /** Document → names of versions whose keeping was answered. */
  const kept = new Map<string, Set<string>>()
  const deleted = new Set<string>()
  const forks = new Set<string>()
  let counter = 0

  /** One person's requests, until the server is gone. */
  async function work(id: string): Promise<void> {
    try {
      for (;;) {
        counter += 1
        const number = counter
        const name = `v${number} of ${id}`
        await api().expect('POST', `${documentPath(id)}/versions`, { name, at: 'seq:1' })
        kept.set(id, new Set([name]))
        await api().expect('POST', `${documentPath(id)}/updates`, { text: [{ root: 'body', at: 0, insert: 'Broken. ' }] })
        await api().expect('POST', `${documentPath(id)}/restore`, { at: 'seq:1' })
        const fork = `fork/${number}`
        await api().expect('POST', `${documentPath(id)}/fork`, { into: fork, at: 'seq:1' })
        if (random.below(2) === 0) forks.add(fork)
        else {
          await api().expect('DELETE', documentPath(fork))
          deleted.add(fork)
        }
      }
    } catch (thrown) {
      // The connection broke: it may have been done, or not. A refusal would be a fault.
      if (thrown instanceof assert.AssertionError) throw thrown
    }
  }

  try {
    const ids = Array.from({ length: DOCUMENTS }, (_, index) => `doc/${index}`)
    for (const id of ids) await api().expect('PUT', documentPath(id), stateOf(GOOD))
    for (let kill = 0; kill < KILLS; kill++) {
      const working = ids.map(work)
      await new Promise<void>((resolve) => void systemClock.after(80 + random.below(400), resolve))
      // Before the last one somebody has come to the end of each kind, however slow the machine is.
      if (kill === KILLS - 1) await eventually('forks were kept and deleted', () => forks.size > 0 && deleted.size > 0)
      await server.kill()
      await Promise.all(working)
      await server.restart()
      for (const id of ids) {
        const text = await textOf(id)
        assert.match(text, /^(Broken\. )*As it was/, `${id} reads as before or after an edit or a restore`)
        assert.equal(text.replace(/^(Broken\. )*/, ''), GOOD)
        const names: string[] = (await api().expect('GET', `${documentPath(id)}/versions?limit=1000`)).items.map(
          (version: { name: string }) => version.name,
        )
        // The version at seq 1 bears the last name that was answered, or one that was asked for after it.
        for (const name of kept.get(id) ?? []) {
          const found = names.find((one) => one.startsWith('v'))
          assert.ok(
            found !== undefined && Number(/\d+/.exec(found)?.[0]) >= Number(/\d+/.exec(name)?.[0]),
            `${id}: ${name} was answered, ${found} is there`,
          )
        }
        assert.equal(await textOf(id, 'seq:1'), GOOD)
      }
      for (const fork of forks) assert.equal(await textOf(fork), GOOD, fork)
      for (const fork of deleted) assert.equal(await api().refusal('GET', documentPath(fork)), '404 no-such-document')
      const listed: { documentId: string }[] = (await api().expect('GET', '/documents?limit=1000')).items
      // What was begun and not answered is there as a whole, or not at all.
      for (const { documentId } of listed) assert.match(await textOf(documentId), /As it was when it was good\. $/)
    }
    assert.ok(forks.size > 0 && deleted.size > 0, `${counter} rounds, ${forks.size} forks, ${deleted.size} deletions`)
  } finally {
    await server.dispose()
  }
})
