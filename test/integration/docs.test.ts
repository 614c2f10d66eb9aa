// What the documentation says about limits and metrics, against the server, and how its decisions are numbered.
import { strict as assert } from 'node:assert'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { defaultLimits } from '../../core/limits.js'
import { startLocalServer } from '../helpers/local-server.js'
import { repositoryRoot } from '../helpers/repository.js'

describe('the documentation', () => {
  test('each decision has a number of its own, and bears it', async () => {
    const folder = join(repositoryRoot, 'docs/decisions')
    const names = (await readdir(folder)).sort()
    assert.deepEqual(
      names.map((name) => Number(name.slice(0, 4))),
      names.map((_, index) => index + 1),
    )
    for (const [index, name] of names.entries())
      assert.ok((await readFile(join(folder, name), 'utf8')).startsWith(`# ${index + 1}. `), name)
  })

  test('G1: every limit is in the table', async () => {
    const text = await readFile(join(repositoryRoot, 'docs/settings.md'), 'utf8')
    assert.deepEqual(
      Object.keys(defaultLimits).filter((name) => !text.includes(`\`limits.${name}\``)),
      [],
    )
  })

  test('it names only metrics that the server has', async (context) => {
    const text = await readFile(join(repositoryRoot, 'docs/operations.md'), 'utf8')
    const { server } = await startLocalServer()
    context.after(() => server.close())
    const metrics = await (await fetch(`${server.url}/metrics`)).text()
    await server.close()
    const there = new Set([...metrics.matchAll(/^# HELP (weft_\w+) /gm)].map((match) => match[1]))
    const named = [...text.matchAll(/`(weft_\w+)`/g)].map((match) => match[1])
    assert.ok(named.length >= 4)
    assert.deepEqual(
      named.filter((name) => !there.has(name)),
      [],
    )
  })
})
