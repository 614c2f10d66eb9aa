// What the package says of its parts is what package.json has.
import { strict as assert } from 'node:assert'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { repositoryRoot } from '../helpers/repository.js'

test('whoever imports the package as a whole is told of every part that package.json exports', async () => {
  const { exports }: { exports: Readonly<Record<string, unknown>> } = JSON.parse(
    await readFile(join(repositoryRoot, 'package.json'), 'utf8'),
  )
  // A worker is loaded by its address, and by nobody by hand.
  const parts = Object.keys(exports).filter((name) => name !== '.' && !name.endsWith('/worker'))
  await assert.rejects(import('../../core/entry-points.js'), ({ message }: Error) => {
    const told = [...message.matchAll(/weft-sync(\/[\w-]+)/g)].map((match) => `.${match[1]}`)
    assert.deepEqual([...new Set(told)].sort(), parts.toSorted())
    return true
  })
})
