// What strangers make the server write is bounded by kind and by connection, and what was left out is said.
import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Logger } from '../../core/log.js'
import { LimitedLogger } from '../../server/logging/limited-logger.js'
import { ManualClock } from '../helpers/manual-clock.js'
import { repositoryRoot } from '../helpers/repository.js'

function setUp() {
  const lines: { level: string; fields: object; message: string }[] = []
  const write =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push({ level, fields, message })
  const inner: Logger = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
  const clock = new ManualClock()
  const logger = new LimitedLogger({ logger: inner, clock, limits: { logLinesPerKindMax: 10, logLinesPerConnectionMax: 3 } })
  return { lines, clock, logger }
}

test('G1: logLinesPerConnectionMax: one connection writes so many lines of a kind in 10 s; the rest are counted and said in one line, with no content', () => {
  const { lines, clock, logger } = setUp()
  for (let line = 0; line < 1_000; line++) logger.info({ connection: 1, code: 'malformed' }, `The update number ${line} is malformed.`)
  logger.info({ connection: 2, code: 'malformed' }, 'The message is malformed.')
  assert.equal(lines.length, 4)
  clock.advance(10_000)
  assert.deepEqual(lines.slice(4), [
    { level: 'info', fields: { kind: 'malformed', leftOut: 997 }, message: '997 more lines of this kind in 10 s were left out' },
  ])
  logger.info({ connection: 1, code: 'malformed' }, 'again')
  assert.equal(lines.length, 6, 'the next stretch begins anew')
  clock.advance(60_000)
  assert.equal(lines.length, 6, 'and says nothing where nothing was left out')
  assert.equal(clock.timerCount, 0)
})

test('G1: logLinesPerKindMax: many connections together write so many lines of a kind, other kinds and levels go on', () => {
  const { lines, clock, logger } = setUp()
  for (let connection = 0; connection < 1_000; connection++) logger.warn({ connection, code: 'overloaded' }, 'No room.')
  assert.equal(lines.length, 10)
  logger.error({ code: 'overloaded' }, 'another level')
  logger.warn({}, 'another kind')
  assert.equal(lines.length, 12)
  for (let line = 0; line < 100; line++) logger.debug({ code: 'overloaded' }, 'asked for')
  assert.equal(lines.length, 112)
  clock.advance(10_000)
  assert.deepEqual(lines.at(-1)?.fields, { kind: 'overloaded', leftOut: 990 })
})

test('kinds without end are held in bounded memory', () => {
  const { lines, clock, logger } = setUp()
  for (let kind = 0; kind < 5_000; kind++) logger.info({}, `kind ${kind}`)
  assert.ok(lines.length <= 1_000 + 10, `${lines.length} lines`)
  clock.advance(10_000)
  assert.deepEqual(lines.at(-1)?.fields, { kind: 'other', leftOut: 5_000 - lines.length + 1 })
})

test('what was logged right before the process ends is written', async () => {
  const script = `
    import { createLogger } from ${JSON.stringify(join(repositoryRoot, 'dist/server/logging/logger.js'))}
    const logger = createLogger('info')
    for (let line = 0; line < 200; line++) logger.info({ line }, 'x'.repeat(500))
    logger.error({}, 'the last words')
    process.exit(1)
  `
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'ignore', 'pipe'] })
  let text = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const code = await new Promise((resolve) => void child.on('close', resolve))
  assert.equal(code, 1)
  // What a thread is writing at that moment may come behind what is written at the end.
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly line?: number; readonly msg: string })
  assert.deepEqual(
    lines.flatMap(({ line }) => (line === undefined ? [] : [line])).sort((one, other) => one - other),
    Array.from({ length: 200 }, (_, line) => line),
  )
  assert.equal(lines.filter(({ msg }) => msg === 'the last words').length, 1)
})
