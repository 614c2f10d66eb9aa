// Hocuspocus' published providers, unchanged: the server is killed in the very moment in which nothing is unsynced any more, whatever was deleted and typed, and when.
import { strict as assert } from 'node:assert'
import { type TestContext, test } from 'node:test'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { type Provider, type ProviderVersion, providerSocket } from '../helpers/hocuspocus.js'
import { ServerProcess } from '../helpers/server-process.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'
import { until } from '../helpers/until.js'

/** Of each direction. */
const DELAY_MS = 20
/** What a test waits for that has to come soon: far less than any time after which a server could give in. */
const SOON_MS = 4_000

interface Edit {
  readonly name: string
  readonly away?: (text: Y.Text) => void
  /** Between step 1 and the first message of the server. */
  readonly afterStepOne?: (text: Y.Text) => void
  /** When step 2 has been sent. */
  readonly afterStepTwo?: (text: Y.Text) => void
}

const erase = (text: Y.Text): void => text.delete(0, 1)
const type = (text: Y.Text): void => text.insert(0, 'x')

const edits: readonly Edit[] = [
  { name: 'deletions while away', away: (text) => text.delete(3, 2) },
  { name: 'a deletion between step 1 and step 2', afterStepOne: erase },
  {
    name: 'deletions while away and since',
    away: (text) => {
      type(text)
      erase(text)
      erase(text)
    },
    afterStepOne: (text) => {
      erase(text)
      type(text)
      erase(text)
    },
    afterStepTwo: (text) => {
      erase(text)
      type(text)
    },
  },
]

/** Calls `run` when the provider has sent its next message of sync of this kind: 0 is step 1, 1 step 2. */
function whenSent(provider: Provider, step: number, run: () => void): void {
  let done = false
  provider.on('outgoingMessage', ({ message }: { readonly message: { toUint8Array(): Uint8Array } }) => {
    const bytes = message.toUint8Array()
    // The address, the type, the kind.
    const at = 1 + (bytes[0] ?? 0)
    if (done || bytes[at] !== 0 || bytes[at + 1] !== step) return
    done = true
    queueMicrotask(run)
  })
}

async function behindProxy(context: TestContext) {
  const server = await ServerProcess.start()
  context.after(() => server.dispose())
  const proxy = await TcpProxy.start({ host: '127.0.0.1', port: server.port })
  context.after(() => proxy.stop())
  proxy.delayMs = DELAY_MS
  return { server, proxy }
}

async function textOnDisk(server: ServerProcess, documentId: string): Promise<string> {
  const connection = connect(server.webSocketUrl, { logger: silentLogger })
  const doc = new Y.Doc()
  await connection.open(documentId, doc).synced
  const text = doc.getText('body').toString()
  await connection.close()
  doc.destroy()
  return text
}

/** A server costs a second to start again, so not every version goes through everything. */
const runs: readonly (readonly [ProviderVersion, readonly Edit[]])[] = [
  [2, edits.slice(0, 1)],
  [3, edits.slice(1, 2)],
  [4, edits.slice(1)],
]

test('D1: kill -9 of the server in the moment in which a provider has nothing unsynced loses nothing, and that moment comes soon, whatever was deleted when', async (context) => {
  const { server, proxy } = await behindProxy(context)
  for (const [version, ones] of runs) {
    const socket = providerSocket(version, `ws://${proxy.address}`)
    context.after(() => socket.destroy())
    const documentId = `notes/${version}`
    const provider = socket.open(documentId)
    const text = provider.document.getText('body')
    text.insert(0, 'abcdefghijklmnopqrstuvwxyz')
    await until(() => provider.synced && provider.unsyncedChanges === 0, 'it is in step')
    let killed: { readonly text: string; readonly ended: Promise<void> } | null = null
    let armed = false
    let least = 0
    provider.on('unsyncedChanges', () => {
      least = Math.min(least, provider.unsyncedChanges)
      if (armed && killed === null && provider.unsyncedChanges <= 0) killed = { text: text.toString(), ended: server.kill() }
    })
    for (const { name, away, afterStepOne, afterStepTwo } of ones) {
      socket.disconnect()
      await until(() => !provider.synced, `${name}: it is away`)
      away?.(text)
      whenSent(provider, 0, () => {
        afterStepOne?.(text)
        armed = true
      })
      whenSent(provider, 1, () => afterStepTwo?.(text))
      socket.connect()
      await until(() => killed !== null, `${name}: it shows all of it as saved`, SOON_MS)
      const at = killed as unknown as { readonly text: string; readonly ended: Promise<void> }
      await at.ended
      armed = false
      await server.restart()
      assert.equal(await textOnDisk(server, documentId), at.text, `${name}, version ${version}`)
      killed = null
      await until(() => provider.synced && provider.isAuthenticated && provider.unsyncedChanges === 0, `${name}: it is in step again`)
    }
    assert.equal(least, 0, 'it was never told of more than it counts')
    socket.destroy()
  }
})
