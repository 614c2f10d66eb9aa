// Every rule of docs/promises.md is named in the title of at least one test.
import { strict as assert } from 'node:assert'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { repositoryRoot } from '../helpers/repository.js'

test('every rule in docs/promises.md has a test that names it', () => {
  const promises = fs.readFileSync(path.join(repositoryRoot, 'docs/promises.md'), 'utf8')
  const rules = [...promises.matchAll(/^\| ([A-Z]\d) \|/gm)].map((match) => match[1] ?? '')
  assert.ok(rules.length > 25, 'the table of rules was found')
  const titles = fs
    .readdirSync(path.join(repositoryRoot, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts') || (file.startsWith('contract') && file.endsWith('.ts')))
    .flatMap((file) => [
      ...fs.readFileSync(path.join(repositoryRoot, 'test', file), 'utf8').matchAll(/(?:test|it|describe)\(\s*(['"`])(.*?)\1/gs),
    ])
    .map((match) => match[2] ?? '')
  const named = new Set(titles.flatMap((title) => title.match(/\b[DOSAGH]\d\b/g) ?? []))
  assert.deepEqual(
    rules.filter((rule) => !named.has(rule)),
    [],
    'rules without a test',
  )
})
