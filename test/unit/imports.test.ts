// Data flows downhill: no folder imports, over whatever way round, from one that imports from it; and the page on the architecture shows the present picture.
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { repositoryRoot } from '../helpers/repository.js'

test('no folder imports from one that lies above it, and docs/architecture.md shows how they lie', () => {
  const { status, stdout } = spawnSync(process.execPath, [path.join(repositoryRoot, 'scripts/imports.mjs')], { encoding: 'utf8' })
  assert.equal(status, 0, stdout)
  const page = fs.readFileSync(path.join(repositoryRoot, 'docs/architecture.md'), 'utf8')
  assert.ok(page.includes(stdout.trimEnd()), 'docs/architecture.md is out of date: paste what node scripts/imports.mjs prints')
})
