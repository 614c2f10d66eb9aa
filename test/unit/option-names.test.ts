// Names that are misspelled: of options and hooks in a program, of settings in a file, of variables. Nothing that was meant is passed over in silence.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { WeftError } from '../../core/errors.js'
import { didYouMean, nearestName } from '../../core/nearest-name.js'
import { misspelledVariables } from '../../server/config/read-settings.js'
import { createServer } from '../../server/index.js'

test('createServer refuses what is no option, no hook and no function, and says what may have been meant', async () => {
  const cases: readonly [unknown, RegExp][] = [
    [{ dataDirr: 'x' }, /^dataDirr is no option of createServer\. Did you mean dataDir\?/],
    [{ port: 80 }, /^port is no option of createServer\. It is given to listen\(port, host\)\./],
    [{ onMessage: () => {} }, /^onMessage is no option of createServer\. It is a hook: hooks\.onMessage\./],
    [{ something: 1 }, /^something is no option of createServer\. docs\/embedding\.md says which there are\./],
    [
      { hooks: { onDocumentChange: () => {} } },
      /^hooks\.onDocumentChange is no hook\. Did you mean onDocumentChanged\? There are: onConnect, /,
    ],
    [{ hooks: { beforeEdit: true } }, /^hooks\.beforeEdit is of type boolean; it takes a function\./],
    [{ authorize: null }, /^authorize is null; it takes a function\./],
    [{ tuning: { idle: 3 } }, /^tuning\.idle is no setting\. Did you mean idleMs\?/],
    [{ limits: { conectionsMax: 3 } }, /^limits\.conectionsMax is no setting\. Did you mean limits\.connectionsMax\?/],
    [null, /^createServer takes an object of options/],
  ]
  for (const [options, says] of cases)
    await assert.rejects(
      createServer(options as never),
      (error) => error instanceof WeftError && error.code === 'invalid-configuration' && says.test(error.message),
      JSON.stringify(options),
    )
})

test('the nearest name is the one that fewest keystrokes lead to, and none where none is near', () => {
  const names = ['dataDir', 'hooks', 'host', 'adminHost']
  for (const [given, meant] of [
    ['dataDir', 'dataDir'],
    ['datadir', 'dataDir'],
    ['dtaaDir', 'dataDir'],
    ['hoost', 'host'],
    ['hook', 'hooks'],
    ['adminHosts', 'adminHost'],
    ['folder', null],
    ['x', null],
    ['', null],
  ] as const)
    assert.equal(nearestName(given, names), meant, given)
  assert.equal(nearestName('xabcdefghi', ['abcdefghijk'], 2), null, 'three keystrokes, where two may be wrong')
  assert.equal(didYouMean('hook', names), ' Did you mean hooks?')
  assert.equal(didYouMean('folder', names), '')
})

test('a variable that looks like one of ours is told of, and those of others are left alone', () => {
  assert.deepEqual(
    misspelledVariables({
      WEFT_DTA: 'x',
      WEFT_JWT_SECRET_FIEL: 'x',
      WEFT_DATA: 'x',
      WEFT_JWT_SECRET_FILE: 'x',
      WEFT_URL: 'x',
      WEFT_CONFIG: 'x',
      // As Kubernetes has them, of a service that is called weft.
      WEFT_SERVICE_HOST: '10.0.0.1',
      WEFT_PORT_1234_TCP_ADDR: '10.0.0.1',
      PATHS: 'x',
    }),
    [
      { name: 'WEFT_DTA', meant: 'WEFT_DATA' },
      { name: 'WEFT_JWT_SECRET_FIEL', meant: 'WEFT_JWT_SECRET_FILE' },
    ],
  )
})
