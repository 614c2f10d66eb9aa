// The form of the package that CommonJS programs get: every module of it is there, and it finds the pages that lie beside it.
import { strict as assert } from 'node:assert'
import { execFile } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { repositoryRoot } from '../helpers/repository.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'

const program = `
const { createServer } = require(process.argv[1])
require(process.argv[2])
const statuses = async () => {
  const server = await createServer({ dataDir: process.argv[3] })
  await server.listen(0)
  const answers = []
  for (const path of ['/', '/admin/', '/api/v1/admin/overview']) answers.push((await fetch(server.url + path)).status)
  await server.close()
  console.log(JSON.stringify(answers))
}
statuses()
`

test('the server and the client load with require, and the server has its demo and its admin page', async (context) => {
  const dataDir = temporaryFolder(context)
  const form = (name: string): string => path.join(repositoryRoot, 'dist/commonjs', name, 'index.js')
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', program, form('server'), form('client'), dataDir], {
    timeout: 60_000,
  })
  assert.deepEqual(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''), [200, 200, 200])
})
