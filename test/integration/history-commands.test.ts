// The commands about documents as processes of their own: against a data folder, against a running server, and with what goes wrong.
import { strict as assert } from 'node:assert'
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import * as Y from 'yjs'
import { systemClock } from '../../core/clock.js'
import { silentLogger } from '../../core/log.js'
import { openLmdbStore } from '../../persistence/index.js'
import type { DocumentStore } from '../../persistence/store.js'
import { unfinished } from '../../persistence/unfinished.js'
import { splitAddress } from '../../server/commands/document-commands.js'
import { fileNameOf } from '../../server/commands/transfer-commands.js'
import { createServer, type WeftServer } from '../../server/index.js'
import { takeFence } from '../contract/fixture.js'
import { ApiClient, documentPath, type Json } from '../helpers/api-client.js'
import { repositoryRoot } from '../helpers/repository.js'
import { type CommandEnded, runCommand } from '../helpers/run-command.js'

const IDS = ['notes/today', 'with spaces & ümläut 文🧶', 'a@b.example', 'pct%41', '.hidden', 'x'.repeat(512)]

function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'weft-commands-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function stateOf(text: string): Uint8Array {
  const doc = new Y.Doc()
  doc.getText('body').insert(0, text)
  const state = Y.encodeStateAsUpdate(doc)
  doc.destroy()
  return state
}

/** A data folder with a document for each id, each with a version "one" and a later edit. */
async function filledFolder(context: TestContext, ids: readonly string[] = IDS): Promise<string> {
  const folder = path.join(temporaryFolder(context), 'data')
  await withServer(folder, async (api) => {
    for (const id of ids) {
      await api.expect('PUT', documentPath(id), stateOf(`Text of ${id.slice(0, 20)}`))
      await api.expect('POST', `${documentPath(id)}/versions`, { name: 'one', description: 'the first' })
      await api.expect('POST', `${documentPath(id)}/updates`, { text: [{ root: 'body', at: 0, insert: 'New. ' }] })
    }
  })
  return folder
}

async function withServer(dataDir: string, use: (api: ApiClient, server: WeftServer) => Promise<void>): Promise<void> {
  const server = await createServer({ dataDir, demo: false, logger: silentLogger })
  try {
    await server.listen(0)
    await use(new ApiClient(server.url), server)
  } finally {
    await server.close()
  }
}

async function succeeds(args: readonly string[]): Promise<CommandEnded> {
  const ended = await runCommand(args)
  assert.equal(ended.code, 0, `weft ${args.join(' ')}: ${ended.stderr}`)
  return ended
}

async function json(args: readonly string[]): Promise<Json> {
  return JSON.parse((await succeeds([...args, '--json'])).stdout)
}

test('a document and a moment stand in one argument, and an @ of the id stays one', () => {
  assert.deepEqual(splitAddress('notes/today@-15m'), { documentId: 'notes/today', at: '-15m' })
  assert.deepEqual(splitAddress('a@b.example'), { documentId: 'a@b.example', at: 'now' })
  assert.deepEqual(splitAddress('a@b.example@v12'), { documentId: 'a@b.example', at: 'v12' })
  assert.deepEqual(splitAddress('a@"x @ y"'), { documentId: 'a@"x @ y"', at: 'now' })
  assert.deepEqual(splitAddress('@now'), { documentId: '@now', at: 'now' })
  assert.equal(new Set(IDS.map(fileNameOf)).size, IDS.length)
  const long = (middle: string): string => `${'a'.repeat(300)}${middle}${'z'.repeat(100)}`
  assert.notEqual(fileNameOf(long('1')), fileNameOf(long('2')), 'ids that begin and end alike are two files')
})

test('documents of a stopped server are listed, shown, compared, kept, restored, forked and deleted', async (context) => {
  const data = ['--data', await filledFolder(context)]
  assert.deepEqual(new Set((await json(['documents', ...data])).map((one: Json) => one.documentId)), new Set(IDS))
  for (const id of IDS.slice(0, 2)) {
    assert.equal((await succeeds(['show', `${id}@now`, ...data])).stdout, `New. Text of ${id.slice(0, 20)}`)
    assert.equal((await succeeds(['show', `${id}@v1`, ...data])).stdout, `Text of ${id.slice(0, 20)}`)
  }
  const [id = ''] = IDS
  assert.match((await succeeds(['diff', id, '@v1', ...data])).stdout, /\{\+New. \+\}Text of notes\/today/)
  assert.equal((await json(['keep', id, 'two', '--description', 'now', ...data])).seq, 2)
  assert.match((await succeeds(['restore', id, '@v1', '--dry-run', ...data])).stdout, /It would change: body\./)
  assert.match((await succeeds(['restore', id, '@v1', ...data])).stdout, /Restored: body\. .*weft restore notes\/today @v2/)
  assert.equal((await succeeds(['show', id, ...data])).stdout, 'Text of notes/today')
  assert.deepEqual(
    (await json(['versions', id, ...data])).map((one: Json) => one.name),
    ['two', 'one'],
  )
  assert.equal((await json(['changes', id, ...data])).length, 1)
  await succeeds(['fork', `${id}@v2`, 'copy', ...data])
  assert.equal((await succeeds(['show', 'copy', ...data])).stdout, 'New. Text of notes/today')
  assert.equal((await runCommand(['delete', 'copy', ...data])).code, 2)
  await succeeds(['delete', 'copy', '--yes', ...data])
  assert.deepEqual(await json(['check', ...data]), { checked: IDS.length, problems: [], unfinished: [] })
})

test('what is exported is imported elsewhere with its versions, run again it does nothing, and what is there is left alone', async (context) => {
  const from = ['--data', await filledFolder(context)]
  const folder = path.join(temporaryFolder(context), 'files')
  assert.equal((await json(['export', '--to', folder, ...from])).written, IDS.length)
  assert.deepEqual(await json(['export', '--to', folder, ...from]), { folder, written: 0, upToDate: IDS.length })
  const into = path.join(temporaryFolder(context), 'data')
  await withServer(into, async (api, server) => {
    const target = ['--url', server.url]
    assert.deepEqual(await json(['import', folder, ...target]), { imported: IDS.length, merged: 0, skipped: [] })
    for (const id of IDS) {
      assert.equal(await api.expect('GET', `${documentPath(id)}/content?format=text`), `New. Text of ${id.slice(0, 20)}`)
      assert.equal(await api.expect('GET', `${documentPath(id)}/content?format=text&at=%22one%22`), `Text of ${id.slice(0, 20)}`)
      const { items } = await api.expect('GET', `${documentPath(id)}/versions`)
      assert.deepEqual([items.length, items[0].name, items[0].description], [1, 'one', 'the first'])
    }
    await api.expect('DELETE', documentPath('notes/today'))
    assert.deepEqual(await json(['import', folder, '--prefix', 'notes/today', ...target]), { imported: 1, merged: 0, skipped: [] })
    const again = await runCommand(['import', folder, ...target, '--json'])
    assert.equal(again.code, 1)
    assert.equal(JSON.parse(again.stdout).skipped.length, IDS.length)
    const { head } = await api.expect('GET', documentPath('notes/today'))
    assert.equal((await json(['import', folder, '--merge', ...target])).merged, IDS.length)
    assert.equal((await api.expect('GET', documentPath('notes/today'))).head, head, 'merging what is there writes nothing')
  })
})

test('an import that was interrupted goes on with --merge, and an archive that is torn or changed is refused', async (context) => {
  const from = ['--data', await filledFolder(context, ['a', 'b'])]
  const folder = temporaryFolder(context)
  await succeeds(['export', '--to', folder, ...from])
  const into = path.join(temporaryFolder(context), 'data')
  await withServer(into, async (api, server) => {
    const target = ['--url', server.url]
    // As after a crash in the middle: the first version is there, and nothing after it.
    await api.expect('PUT', documentPath('a'), stateOf('Text of a'))
    await runCommand(['import', folder, '--merge', ...target])
    assert.match(await api.expect('GET', `${documentPath('a')}/content?format=text`), /New\. /)
    const [name = ''] = readdirSync(folder)
    const file = path.join(folder, name)
    const whole = readFileSync(file)
    truncateSync(file, whole.length - 10)
    const torn = await runCommand(['import', file, '--as', 'torn', ...target])
    assert.deepEqual([torn.code, /is no archive of Weft, or is torn/.test(torn.stderr)], [1, true], torn.stderr)
    writeFileSync(file, 'something else')
    assert.equal((await runCommand(['import', file, '--as', 'other', ...target])).code, 1)
    assert.equal(await api.refusal('GET', documentPath('torn')), '404 no-such-document')
    // An export finds it torn, and writes it anew.
    assert.equal((await json(['export', '--to', folder, ...from])).written, 1)
    assert.deepEqual(readFileSync(file).length, whole.length)
  })
})

test('G5: what cannot be done is said in one line, with an exit code that a script may rely on', async (context) => {
  const folder = await filledFolder(context, ['a'])
  await withServer(folder, async (_api, server) => {
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [['documents', '--data', folder], 1, /A server has the data folder .* open; name it with --url/],
      [['documents', '--data', '/nowhere/at/all'], 2, /There is no data folder/],
      [['documents', '--url', 'http://127.0.0.1:1'], 2, /There is no server at http:\/\/127\.0\.0\.1:1/],
      [['documents', '--url', 'ftp://x'], 2, /--url is "ftp:\/\/x"/],
      [['documents', '--url', server.url, '--data', folder], 2, /both set/],
      [['show', 'nobody', '--url', server.url], 1, /There is no document "nobody"/],
      [['show', 'a@v9', '--url', server.url], 1, /There is no version v9/],
      [['show', 'a', '--format', 'pdf', '--url', server.url], 1, /format/],
      [['restore', 'a', '--url', server.url], 2, /Say to which moment/],
      [['restore', 'a', '@-300d', '--url', server.url], 1, /The document began at /],
      [['keep', 'a', '--url', server.url], 2, /Missing required argument 'name'/],
      [['import', '/nowhere', '--url', server.url], 2, /There is no file or folder/],
      [['export', '--format', 'zip', '--url', server.url], 2, /--format is "zip"/],
    ]
    for (const [args, code, says] of cases) {
      const ended = await runCommand(args)
      assert.deepEqual(
        [ended.code, says.test(ended.stderr), ended.stderr.trim().split('\n').length],
        [code, true, 1],
        `${args.join(' ')}: ${ended.stderr}`,
      )
    }
  })
})

test('D8: a document with an edit that cannot be applied is found by check, and read-only up to it for good if that is asked for', async (context) => {
  const folder = await filledFolder(context, ['bad', 'good'])
  const stored = async (use: (store: DocumentStore) => Promise<void>): Promise<void> => {
    const store = await openLmdbStore({ folder, clock: systemClock, logger: silentLogger, onFatal: assert.fail })
    try {
      await use(store)
    } finally {
      await store.close()
    }
  }
  await stored(async (store) => {
    const fence = await takeFence(store, 'bad')
    const { incarnation } = await store.openDocument('bad')
    const entry = { documentId: 'bad', fence, incarnation: incarnation ?? assert.fail('it is there') }
    for (const [seq, update] of [new Uint8Array([1, 2, 3]), stateOf('behind it')].entries())
      await store.append([{ ...entry, seq: seq + 3, update }])
    const begun = { documentId: 'begun', fence: await takeFence(store, 'begun'), incarnation: unfinished('life') }
    await store.append([{ ...begun, seq: 1, update: stateOf('nobody sees it') }])
  })
  const data = ['--data', folder]
  const found = await runCommand(['check', ...data, '--json'])
  assert.equal(found.code, 1)
  assert.deepEqual(
    JSON.parse(found.stdout).problems.map(({ documentId, at, code }: Json) => [documentId, at, code]),
    [['bad', 'now', 'document-quarantined']],
  )
  assert.deepEqual(JSON.parse(found.stdout).unfinished, ['begun'])
  await stored(async (store) => assert.equal((await store.openDocument('bad')).quarantine, null))
  const { stdout } = await runCommand(['check', ...data, '--quarantine'])
  assert.match(stdout, /bad is read-only up to seq 2 now/)
  assert.match(stdout, /begun is being imported, or that was interrupted: nobody sees it/)
  await stored(async (store) => assert.equal((await store.openDocument('bad')).quarantine?.seq, 3))
  assert.equal((await succeeds(['show', 'bad@seq:2', ...data])).stdout, 'New. Text of bad')
})

test('the restore drill of docs/history.md, word by word', async (context) => {
  const folder = temporaryFolder(context)
  const page = readFileSync(path.join(repositoryRoot, 'docs/history.md'), 'utf8')
  const drill = /## A restore drill\n[\s\S]*?```sh\n([\s\S]*?)```/.exec(page)?.[1] ?? assert.fail('the drill is there')
  const commands = drill.split('\n').filter((line) => line.startsWith('weft '))
  assert.ok(commands.length >= 5)
  await withServer(path.join(folder, 'data'), async (api, server) => {
    await api.expect('PUT', documentPath('notes/today'), stateOf('As it should be.'))
    const outputs: string[] = []
    for (const line of commands) {
      const [, ...args] = [...line.replace(/\s+#.*$/, '').matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
      const ended = await runCommand(args, { WEFT_URL: server.url }, folder)
      assert.equal(ended.code, 0, `${line}: ${ended.stderr}`)
      outputs.push(ended.stdout)
      // Somebody breaks it after it was kept.
      if (args[0] === 'keep')
        await api.expect('POST', `${documentPath('notes/today')}/updates`, {
          text: [{ root: 'body', at: 0, delete: 16, insert: 'Broken.' }],
        })
    }
    assert.equal(await api.expect('GET', `${documentPath('notes/today')}/content?format=text`), 'As it should be.')
    assert.match(outputs.join('\n'), /\[-As it should be-\]|\{\+Broken/)
  })
})
