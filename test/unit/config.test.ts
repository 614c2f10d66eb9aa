// The command line and the environment: what is accepted, what wins, and what is refused by name.
import { strict as assert } from 'node:assert'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, test } from 'node:test'
import { systemClock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import { MemoryStore } from '../../persistence/index.js'
import { parseCommand } from '../../server/config/command-line.js'
import { defaultSettingsFor, memoryOfMachine } from '../../server/config/machine-defaults.js'
import { settingsUnder } from '../../server/config/program-options.js'
import { type Settings, settingNames, settingOf } from '../../server/config/settings.js'
import { settingsPage } from '../../server/config/settings-page.js'
import { settingsSchema } from '../../server/config/settings-schema.js'
import { createServer } from '../../server/index.js'
import { repositoryRoot } from '../helpers/repository.js'

const secret = 'a secret of sixteen characters or more'

function configOf(args: readonly string[], environment: Record<string, string> = {}): Settings {
  const command = parseCommand(['serve', ...args], environment)
  if (command.kind !== 'serve') throw new Error(`expected serve, got ${command.kind}`)
  return command.settings
}

const clusterIn = (settings: Settings): object => settingsUnder(settings, 'cluster')

describe('config', () => {
  test('defaults need no flag and no variable', () => {
    assert.deepEqual(configOf([]), defaultSettingsFor(memoryOfMachine()))
  })

  test('every flag is read, and flags beat the environment', () => {
    const flags = [
      '--host',
      '::1',
      '--port',
      '0',
      '--data',
      '/d',
      '--log-level',
      'debug',
      '--log-format',
      'json',
      '--broadcast',
      'before-commit',
      '--no-demo',
      '--keep-deleted',
      'articles/*',
      '--keep-deleted=notes/**',
      '--trusted-proxies',
      'loopback, 10.0.0.0/8',
      '--base-path',
      'collab/',
    ]
    const expected = {
      ...defaultSettingsFor(memoryOfMachine()),
      host: '::1',
      port: 0,
      dataDir: '/d',
      logLevel: 'debug',
      logFormat: 'json',
      broadcast: 'before-commit',
      demo: false,
      keepDeleted: ['articles/*', 'notes/**'],
      basePath: '/collab',
      trustedProxies: ['loopback', '10.0.0.0/8'],
    }
    assert.deepEqual(configOf(flags), expected)
    assert.deepEqual(
      configOf(flags, { HOST: 'x', PORT: '9', WEFT_DATA: 'y', LOG_LEVEL: 'warn', LOG_FORMAT: 'pretty', BASE_PATH: '/z' }),
      expected,
    )
  })

  test('the environment is read, and an empty variable counts as not set', () => {
    const config = configOf([], {
      HOST: '0.0.0.0',
      PORT: '80',
      WEFT_DATA: '/var/weft',
      LOG_LEVEL: 'error',
      REDIS_URL: '',
      BASE_PATH: '/a/b',
    })
    assert.equal(config.basePath, '/a/b')
    assert.deepEqual([config.host, config.port, config.dataDir, config.logLevel], ['0.0.0.0', 80, '/var/weft', 'error'])
  })

  test('a database makes the server a node of a cluster', () => {
    const url = 'postgres://weft:secret@db/weft'
    assert.deepEqual(clusterIn(configOf([], { DATABASE_URL: url, CLUSTER_SECRET: secret })), {
      databaseUrl: url,
      redisUrl: null,
      nodeId: null,
      advertise: null,
      secret,
      migrate: true,
      checkAdvertise: true,
    })
    const flags = [
      '--database-url',
      url,
      '--redis-url',
      'redis://r',
      '--node-id',
      'n1',
      '--advertise',
      'n1.internal:1234',
      '--cluster-secret',
      secret,
    ]
    assert.deepEqual(clusterIn(configOf([...flags, '--no-migrate', '--no-advertise-check'], { NODE_ID: 'other', ADVERTISE: 'other:1' })), {
      databaseUrl: url,
      redisUrl: 'redis://r',
      nodeId: 'n1',
      advertise: 'n1.internal:1234',
      secret,
      migrate: false,
      checkAdvertise: false,
    })
    assert.deepEqual(parseCommand(['migrate'], { DATABASE_URL: url }), {
      kind: 'migrate',
      databaseUrl: url,
      logLevel: 'info',
      logFormat: 'auto',
    })
  })

  test('secrets, and addresses that hold one, are read out of files', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'weft-config-'))
    try {
      const file = (name: string, text: string): string => {
        writeFileSync(path.join(folder, name), text)
        return path.join(folder, name)
      }
      const [secretFile, databaseFile] = [file('secret', `${secret}\n`), file('database', ' postgres://db/weft\n')]
      const fromFlags = configOf([
        '--cluster-secret-file',
        secretFile,
        '--database-url-file',
        databaseFile,
        '--redis-url-file',
        file('redis', 'redis://r'),
      ])
      assert.deepEqual(
        [fromFlags['cluster.secret'], fromFlags['cluster.databaseUrl'], fromFlags['cluster.redisUrl']],
        [secret, 'postgres://db/weft', 'redis://r'],
      )
      const fromVariables = configOf([], { CLUSTER_SECRET_FILE: secretFile, DATABASE_URL_FILE: databaseFile, REDIS_URL_FILE: '' })
      assert.deepEqual([fromVariables['cluster.secret'], fromVariables['cluster.redisUrl']], [secret, null])
      const flagBeatsVariable = configOf(['--cluster-secret-file', secretFile], {
        CLUSTER_SECRET: 'another secret of the right length',
        DATABASE_URL_FILE: databaseFile,
      })
      assert.equal(flagBeatsVariable['cluster.secret'], secret)
      assert.throws(
        () => configOf(['--cluster-secret-file', file('empty', '\n')], { DATABASE_URL: 'postgres://db/weft' }),
        /--cluster-secret-file is empty/,
      )
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('a program is refused what the command line is refused, in the same words', async () => {
    const databaseUrl = 'postgres://db/weft'
    const base = ['serve', '--database-url', databaseUrl]
    const pairs: readonly [Parameters<typeof createServer>[0], readonly string[], string, string][] = [
      [{ cluster: { databaseUrl, secret: '' } }, [...base, '--cluster-secret', ''], 'cluster.secret', '--cluster-secret'],
      [{ cluster: { databaseUrl, secret: 's' } }, [...base, '--cluster-secret', 's'], 'cluster.secret', '--cluster-secret'],
      [
        { cluster: { databaseUrl, secret }, broadcast: 'before-commit' },
        [...base, '--cluster-secret', secret, '--broadcast', 'before-commit'],
        'broadcast',
        '--broadcast',
      ],
      [
        { cluster: { databaseUrl: 'mysql://x', secret } },
        ['serve', '--database-url', 'mysql://x', '--cluster-secret', secret],
        'cluster.databaseUrl',
        '--database-url',
      ],
      [
        { cluster: { databaseUrl, secret, nodeId: 'a b' } },
        [...base, '--cluster-secret', secret, '--node-id', 'a b'],
        'cluster.nodeId',
        '--node-id',
      ],
      [
        { cluster: { databaseUrl, secret, advertise: 'host' } },
        [...base, '--cluster-secret', secret, '--advertise', 'host'],
        'cluster.advertise',
        '--advertise',
      ],
      [
        { cluster: { databaseUrl, secret, redisUrl: 'x' } },
        [...base, '--cluster-secret', secret, '--redis-url', 'x'],
        'cluster.redisUrl',
        '--redis-url',
      ],
      [{ limits: { connectionsMax: -1 } }, ['serve', '--connections-max', '-1'], 'limits.connectionsMax', '--connections-max'],
      [{ tuning: { idleMs: Number.NaN } }, ['serve', '--idle', 'NaN'], 'tuning.idleMs', '--idle'],
      [{ trustedProxies: ['the proxy'] }, ['serve', '--trusted-proxies', 'the proxy'], 'trustedProxies', '--trusted-proxies'],
      [{ basePath: 'a b' }, ['serve', '--base-path', 'a b'], 'basePath', '--base-path'],
    ]
    for (const [options, args, option, flag] of pairs) {
      const refused = async (): Promise<WeftError> => {
        try {
          await createServer({ demo: false, ...options })
        } catch (thrown) {
          if (thrown instanceof WeftError) return thrown
        }
        return assert.fail(`${option} is refused`)
      }
      const error = await refused()
      assert.equal(error.code, 'invalid-configuration')
      assert.throws(
        () => parseCommand(args, {}),
        (thrown: Error) => thrown.message.replace(flag, option) === error.message,
      )
    }
    const store = new MemoryStore({ clock: systemClock })
    await assert.rejects(createServer({ demo: false, store, cluster: { databaseUrl, secret } }), { code: 'invalid-configuration' })
  })

  test('a refused database address is not repeated: it may hold a password', () => {
    assert.throws(
      () => parseCommand(['serve', '--database-url', 'pg://weft:hunter2@db'], {}),
      (error: Error) => !error.message.includes('hunter2'),
    )
  })

  test('the config is frozen', () => {
    assert.ok(Object.isFrozen(configOf([])))
  })

  test('help and version need no command', () => {
    const help = parseCommand(['--help'], {})
    assert.ok(help.kind === 'help' && /serve.*\n.*migrate/.test(help.text))
    assert.equal(parseCommand(['--version'], {}).kind, 'version')
  })

  test('limits, retention, pace and drain have flags and variables, with units', () => {
    const flags = [
      '--memory-bytes-max',
      '2GiB',
      '--retention-log=30d',
      '--pace-min',
      '5ms',
      '--drain-window',
      '20s',
      '--connections-max',
      '7',
    ]
    const config = configOf(flags, { WEFT_PONG_MS_MAX: '3s', WEFT_CONNECTIONS_MAX: '9' })
    assert.deepEqual(
      [
        config['limits.memoryBytesMax'],
        config['tuning.retention.logWindowMs'],
        config['tuning.paceMsMin'],
        config.drainWindowMs,
        config['limits.connectionsMax'],
        config['limits.pongMsMax'],
      ],
      [2 * 1024 ** 3, 30 * 86_400_000, 5, 20_000, 7, 3_000],
    )
  })

  test('every setting has a flag, a variable and a name of its own, and is in the help', () => {
    const texts = [
      ['serve', '--help'],
      ['serve', '--help-limits'],
    ].map((args) => {
      const help = parseCommand(args, {})
      return help.kind === 'help' ? help.text : ''
    })
    const flags = settingNames.map((name) => settingOf(name).flag)
    const variables = settingNames.map((name) => settingOf(name).variable)
    assert.equal(new Set(flags).size, flags.length)
    assert.equal(new Set(variables).size, variables.length)
    for (const text of [...flags, ...variables]) assert.ok(texts.join('').includes(text), `${text} is in the help`)
  })

  test('a settings file is read, and flags and variables beat it', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'weft-config-'))
    try {
      const file = path.join(folder, 'weft.json')
      const write = (content: unknown): void => writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
      write({
        $schema: './config.schema.json',
        port: 1,
        host: 'a',
        logLevel: 'debug',
        demo: false,
        keepDeleted: ['a/*'],
        limits: { connectionsMax: 3, memoryBytesMax: '2GiB' },
        tuning: { retention: { logWindowMs: '1d' } },
        cluster: { databaseUrl: 'postgres://db/weft', secret },
      })
      const config = configOf(['--config', file, '--port', '2'], { HOST: 'b' })
      assert.deepEqual(
        [config.port, config.host, config.logLevel, config.demo, config.keepDeleted, config['limits.connectionsMax']],
        [2, 'b', 'debug', false, ['a/*'], 3],
      )
      assert.deepEqual([config['limits.memoryBytesMax'], config['tuning.retention.logWindowMs']], [2 * 1024 ** 3, 86_400_000])
      assert.equal(config['cluster.secret'], secret)
      assert.equal(configOf([], { WEFT_CONFIG: file }).port, 1)
      const refused: readonly [unknown, RegExp][] = [
        [{ prot: 1 }, /^prot in .*weft\.json is no setting/],
        [{ limits: { many: 1 } }, /^limits\.many in .* is no setting/],
        [{ limit: { connectionsMax: 1 } }, /^limit in .* is no setting\. Did you mean limits\?/],
        [{ limits: 3 }, /^limits in .* is not an object/],
        [[], /is not an object/],
        [{ port: '1' }, /^port in .*weft\.json is "1"; it takes a port number/],
        [{ limits: { connectionsMax: 1.5 } }, /^limits\.connectionsMax in .* is "1\.5"; it takes a whole number/],
        [{ cluster: { databaseUrl: 'postgres://db/weft' } }, /--cluster-secret.*is empty/],
        ['{', /--config is ".*weft\.json", which is not JSON/],
      ]
      for (const [content, says] of refused) {
        write(content)
        assert.throws(
          () => configOf(['--config', file]),
          (error) => error instanceof WeftError && error.code === 'invalid-configuration' && says.test(error.message),
        )
      }
      assert.throws(() => configOf(['--config', path.join(folder, 'none')]), /--config is ".*none", a file that cannot be read/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('a program is refused limits that do not exist, and marks that do not fit', async () => {
    const options: Record<string, unknown> = { demo: false, limits: { connectionMax: 3 } }
    await assert.rejects(createServer(options), /limits\.connectionMax is no setting/)
    await assert.rejects(
      createServer({ demo: false, limits: { outboxBytesHigh: 10 } }),
      /limits\.outboxBytesLow is above limits\.outboxBytesHigh/,
    )
  })

  test('the page and the schema of the settings are made from their table', () => {
    const read = (name: string): string => readFileSync(path.join(repositoryRoot, 'docs', name), 'utf8')
    assert.equal(read('settings.md'), settingsPage(), 'docs/settings.md is out of date: node scripts/settings.mjs')
    assert.deepEqual(
      JSON.parse(read('config.schema.json')),
      settingsSchema(),
      'docs/config.schema.json is out of date: node scripts/settings.mjs',
    )
  })

  const node = ['serve', '--database-url', 'postgres://x/y', '--cluster-secret', secret]
  const refusals: readonly { args: readonly string[]; environment?: Record<string, string>; says: RegExp }[] = [
    { args: [], says: /command is missing/ },
    { args: ['sreve'], says: /"sreve"/ },
    { args: ['serve', 'more'], says: /"more"/ },
    { args: ['serve', '--prot', '1'], says: /--prot/ },
    { args: ['serve', '--port'], says: /--port/ },
    { args: ['serve', '--port', 'http'], says: /--port is "http".*0 to 65535/ },
    { args: ['serve', '--port', '65536'], says: /--port is "65536"/ },
    { args: ['serve', '--port', '-1'], says: /--port/ },
    { args: ['serve', '--port', '1e3'], says: /--port is "1e3"/ },
    { args: ['serve'], environment: { PORT: 'x' }, says: /^PORT is "x"/ },
    { args: ['serve', '--log-level', 'loud'], says: /--log-level is "loud".*debug/ },
    { args: ['serve'], environment: { LOG_LEVEL: 'loud' }, says: /^LOG_LEVEL/ },
    { args: ['serve', '--trusted-proxies', 'the proxy'], says: /--trusted-proxies is "the proxy".*networks such as/ },
    { args: ['serve', '--log-format', 'xml'], says: /--log-format is "xml".*auto, pretty, json/ },
    { args: ['serve', '--broadcast', 'now'], says: /--broadcast is "now".*after-commit/ },
    { args: ['serve', '--host', ''], says: /--host is empty/ },
    { args: ['serve', '--data', ''], says: /--data is empty/ },
    { args: ['serve', '--no-demo=1'], says: /--no-demo/ },
    { args: ['serve', '--keep-deleted='], says: /--keep-deleted/ },
    { args: ['serve', '--database-url', 'mysql://x'], says: /^--database-url.*postgres:/ },
    { args: ['serve'], environment: { DATABASE_URL: 'nonsense' }, says: /^DATABASE_URL/ },
    { args: ['serve', '--database-url', 'postgres://x'], says: /--cluster-secret.*is empty.*openssl rand -hex 32/ },
    { args: ['serve', '--database-url', 'postgres://x', '--cluster-secret', 's'], says: /^--cluster-secret is too short.*16 characters/ },
    {
      args: ['serve', '--database-url', 'postgres://x'],
      environment: { CLUSTER_SECRET: 'fifteen letters' },
      says: /^CLUSTER_SECRET is too short/,
    },
    { args: [...node, '--cluster-secret-file', '/s'], says: /--cluster-secret and --cluster-secret-file are both set/ },
    {
      args: ['serve', '--database-url', 'postgres://x'],
      environment: { CLUSTER_SECRET: secret, CLUSTER_SECRET_FILE: '/s' },
      says: /CLUSTER_SECRET and CLUSTER_SECRET_FILE are both set/,
    },
    { args: ['serve', '--database-url-file', '/nowhere/at/all'], says: /--database-url-file is "\/nowhere\/at\/all".*cannot be read/ },
    { args: [...node, '--redis-url', 'http://x'], says: /^--redis-url is not a Redis URL/ },
    { args: ['serve', '--redis-url', 'redis://x'], says: /--redis-url.*--database-url/ },
    { args: ['serve'], environment: { REDIS_URL: 'redis://x' }, says: /^REDIS_URL/ },
    { args: [...node, '--broadcast', 'before-commit'], says: /--broadcast.*cluster/ },
    { args: [...node, '--node-id', 'a b'], says: /--node-id is "a b"/ },
    { args: [...node, '--advertise', 'host'], says: /--advertise is "host".*host:port/ },
    { args: [...node, '--advertise', 'host:0'], says: /--advertise/ },
    { args: node, environment: { ADVERTISE: 'http://host:1' }, says: /^ADVERTISE/ },
    { args: ['migrate'], says: /--database-url/ },
    { args: ['lift-quarantine'], says: /id of the document/ },
    { args: ['lift-quarantine', 'a', 'b'], says: /"b"/ },
    { args: ['lift-quarantine', 'a', '--database-url', 'mysql://x'], says: /^--database-url/ },
  ]
  for (const { args, environment = {}, says } of refusals) {
    test(`refused by name: ${[...args, ...Object.keys(environment)].join(' ') || '(nothing)'}`, () => {
      assert.throws(
        () => parseCommand(args, environment),
        (error) => error instanceof WeftError && error.code === 'invalid-configuration' && says.test(error.message),
      )
    })
  }
})
