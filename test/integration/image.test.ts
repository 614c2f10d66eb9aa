// What the Dockerfile puts into the image, put into a folder of its own without Docker: it starts, serves, and keeps an edit over a restart.
import { strict as assert } from 'node:assert'
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { repositoryRoot } from '../helpers/repository.js'
import { ServerProcess } from '../helpers/server-process.js'

const run = promisify(execFile)

test('what the image holds is all that the server needs', async () => {
  const dockerfile = await readFile(join(repositoryRoot, 'Dockerfile'), 'utf8')
  // The steps that this test stands for.
  assert.match(dockerfile, /RUN npm ci\n/)
  assert.match(dockerfile, /npm prune --omit=dev/)
  const removed = (/rm -rf ((?:dist\/\w+ ?)+)/.exec(dockerfile)?.[1] ?? '').trim().split(' ')
  assert.deepEqual(removed, ['dist/test', 'dist/bench', 'dist/examples'])
  const copied = [...dockerfile.matchAll(/^COPY --from=build \/weft\/(\S+)/gm)].map((match) => match[1])
  assert.deepEqual(copied, ['package.json', 'node_modules', 'dist'])
  assert.match(dockerfile, /^ENTRYPOINT \["node", "dist\/weft\/main\.js"\]$/m)

  const folder = await mkdtemp(join(tmpdir(), 'weft-image-'))
  try {
    for (const name of ['package.json', 'package-lock.json']) await cp(join(repositoryRoot, name), join(folder, name))
    const install = ['ci', '--omit=dev', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
    await run('npm', install, { cwd: folder, timeout: 180_000 })
    const isRemoved = (source: string): boolean => removed.some((name) => source.startsWith(join(repositoryRoot, name)))
    await cp(join(repositoryRoot, 'dist'), join(folder, 'dist'), { recursive: true, filter: (source) => !isRemoved(source) })

    const file = join(folder, 'dist', 'weft', 'main.js')
    const dataFolder = join(folder, 'data')
    const server = await ServerProcess.start({
      dataFolder,
      script: { file, arguments: (port) => ['serve', '--port', String(port), '--data', dataFolder] },
    })
    try {
      assert.match(await (await fetch(`${server.url}/`)).text(), /<!doctype html>/i)
      const write = connect(server.webSocketUrl)
      const written = new Y.Doc()
      const session = write.open('notes', written)
      await session.synced
      written.getText('body').insert(0, 'kept')
      await session.saved()
      await write.close()
      assert.equal(await server.stop(), 0)
      await server.restart()
      const read = connect(server.webSocketUrl)
      const found = new Y.Doc()
      await read.open('notes', found).synced
      assert.equal(found.getText('body').toString(), 'kept')
      await read.close()
    } finally {
      await server.dispose()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
