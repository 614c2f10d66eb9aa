// What a person at a terminal sees: the log in lines, and the greeting.
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { greeting } from '../../server/commands/greeting.js'
import { parseCommand } from '../../server/config/command-line.js'
import type { Settings } from '../../server/config/settings.js'
import { isForPeople } from '../../server/logging/logger.js'
import { readableLine } from '../../server/logging/readable-log.js'

const entry = (fields: object): string => `${JSON.stringify({ level: 40, time: 0, pid: 1, hostname: 'h', name: 'weft', ...fields })}\n`
const withoutTime = (line: string): string => line.replace(/^\d\d:\d\d:\d\d /, '')

describe('the log for people', () => {
  test('a line is the level, the message and the fields', () => {
    const line = readableLine(entry({ msg: 'too slow', url: 'http://[::1]:80', documentId: 'notes/to day', bytes: 7, list: [1] }), false)
    assert.match(line, /^\d\d:\d\d:\d\d /)
    assert.equal(withoutTime(line), 'warn  too slow  url="http://[::1]:80"  documentId="notes/to day"  bytes=7  list=[1]\n')
  })

  test('an error is below its line, with its stack', () => {
    const error = { type: 'Error', message: 'no space', stack: 'Error: no space\n    at write (a.js:1:2)' }
    assert.equal(
      withoutTime(readableLine(entry({ msg: 'failed', err: error }), false)),
      'warn  failed\n    Error: no space\n    at write (a.js:1:2)\n',
    )
    assert.equal(withoutTime(readableLine(entry({ msg: 'no space', err: { message: 'no space' } }), false)), 'warn  no space\n')
  })

  test('what strangers name cannot command the terminal', () => {
    const hostile = '\u001b[2J\u009b31m\r\u0007'
    const texts = [
      readableLine(entry({ msg: hostile, documentId: hostile, err: { stack: hostile } }), false),
      readableLine(`not JSON ${hostile}\n`, false),
    ]
    for (const text of texts) assert.doesNotMatch(text, /[^\P{Cc}\n]/u)
  })

  test('a terminal gets lines, a file gets JSON, and the flag decides where it is given', () => {
    assert.equal(isForPeople('auto', { isTTY: true }), true)
    assert.equal(isForPeople('auto', {}), false)
    assert.equal(isForPeople('pretty', {}), true)
    assert.equal(isForPeople('json', { isTTY: true }), false)
  })
})

describe('the greeting', () => {
  const configOf = (args: readonly string[]): Settings => {
    const command = parseCommand(['serve', ...args], {})
    assert.equal(command.kind, 'serve')
    return command.settings
  }

  test('it says where the data is, and what to do next, with addresses that a browser takes', () => {
    const text = greeting(configOf(['--data', '/srv/weft', '--base-path', '/collab']), 'http://0.0.0.0:1234')
    assert.match(text, /Data {2}\/srv\/weft\n/)
    assert.match(text, /Open http:\/\/localhost:1234\/collab in two windows/)
    assert.match(text, /new WebsocketProvider\('ws:\/\/localhost:1234\/collab', 'my-document', doc\)/)
  })

  test('without the demo it does not send anybody to it', () => {
    assert.doesNotMatch(greeting(configOf(['--no-demo']), 'http://127.0.0.1:1'), /two windows/)
  })

  test('of a database it says host and name, never the password', () => {
    const flags = ['--database-url', 'postgres://weft:hunter2@db:5432/docs', '--cluster-secret', 'a secret of many words, long enough']
    const text = greeting(configOf(flags), 'http://127.0.0.1:1')
    assert.match(text, /the database docs on db:5432/)
    assert.doesNotMatch(text, /hunter2|secret/)
  })
})
