// The command line: which command, and the settings that it reads. Whatever is unknown or malformed is refused by name.
import { Command, CommanderError, Option } from 'commander'
import { WeftError } from '../../core/errors.js'
import { readSettings, type Sources } from './read-settings.js'
import { type Group, groups, type LogFormat, type LogLevel, type SettingName, type Settings, settingNames, settingOf } from './settings.js'

export type ParsedCommand =
  | {
      readonly kind: 'serve'
      readonly settings: Settings
      /** Reads them anew: the settings file, and files with secrets, may have changed. Throws `invalid-configuration`. */
      readonly readAgain: () => Settings
    }
  | { readonly kind: 'migrate'; readonly databaseUrl: string; readonly logLevel: LogLevel; readonly logFormat: LogFormat }
  | {
      readonly kind: 'lift-quarantine'
      readonly documentId: string
      /** Null: the embedded store in the folder. */
      readonly databaseUrl: string | null
      readonly dataFolder: string
      readonly logLevel: LogLevel
      readonly logFormat: LogFormat
    }
  | { readonly kind: 'documents'; readonly command: DocumentCommandDefinition; readonly given: GivenToCommand }
  | { readonly kind: 'schema' }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }

/** A command about documents, of a running server or of a stopped one's data folder. */
export interface DocumentCommandDefinition {
  readonly name: string
  readonly description: string
  /** Such as `<document>`, or `[address]` for one that may be left out, with what it is. */
  readonly arguments: readonly (readonly [string, string])[]
  /** Flags with their help, such as `--limit <number>`. */
  readonly options: readonly (readonly [string, string])[]
  /** What else it could ask by the common flags is left out of its help. Default: whatever is given. */
  readonly asks?: 'server' | 'folder'
  readonly run: (given: GivenToCommand) => Promise<void>
}

export interface GivenToCommand {
  /** By the name in the definition, without brackets. */
  readonly arguments: Readonly<Record<string, string | undefined>>
  /** By the name of the flag, without dashes in front; a switch is `true`. */
  readonly options: Readonly<Record<string, string | true | undefined>>
  /** Of a running server, such as `http://127.0.0.1:1234`; null: the store of a stopped one. */
  readonly url: string | null
  readonly token: string | null
  /** Of a cluster that is stopped; null: the data folder. */
  readonly databaseUrl: string | null
  readonly dataFolder: string
  /** Prints JSON. */
  readonly json: boolean
}

/** Where a command finds documents. */
const places = [
  ['server', '--url <url>', 'a running server, such as http://127.0.0.1:1234 (WEFT_URL); without it the data folder of a stopped one'],
  ['server', '--token <token>', 'an API key, the admin key, or whatever else the server takes (WEFT_TOKEN)'],
  ['folder', '--data <folder>', 'the data folder (WEFT_DATA; ./data)'],
  [
    'database',
    '--database-url <url>',
    'the database of a cluster of which no node runs (DATABASE_URL); of one that runs, ask a node with --url',
  ],
] as const

const CONFIG_FLAG = '--config'
const CONFIG_VARIABLE = 'WEFT_CONFIG'
const HELP_COLUMNS = 120

/** Settings of commands that only need to find the store. */
const storeSettings: readonly SettingName[] = ['dataDir', 'cluster.databaseUrl', 'logLevel', 'logFormat']
const databaseSettings: readonly SettingName[] = ['cluster.databaseUrl', 'logLevel', 'logFormat']

/** Reads a command line (without node and the script). Throws `invalid-configuration`, naming the flag or variable and what it takes. */
export function parseCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  definitions: readonly DocumentCommandDefinition[] = [],
): ParsedCommand {
  let parsed: ParsedCommand | null = null
  let shown = ''
  const program = commandOf('weft', (text) => {
    shown += text
  })
    .description('A collaborative sync server for Yjs documents.')
    .option('-v, --version', 'the version, and nothing else')
    .action(({ version }: { version?: true }) => {
      const [command] = program.args
      if (command !== undefined) throw invalid(`There is no command "${command}"; there are: ${names().join(', ')}.`)
      if (version !== true) throw invalid('A command is missing: weft serve. See weft --help.')
      parsed = { kind: 'version' }
    })
    .addHelpText('after', '\nweft <command> --help lists what a command takes.')
  const sub = (name: string, description: string): Command => {
    const command = commandOf(name, (text) => {
      shown += text
    }).description(description)
    command.hook('preAction', () => {
      const more = command.args.slice(command.registeredArguments.length)
      if (more.length > 0) throw invalid(`weft ${name} takes no argument "${more.join(' ')}"; its options begin with --.`)
    })
    program.addCommand(command)
    return command
  }
  const names = (): readonly string[] => program.commands.map((command) => command.name())

  const serve = sub('serve', 'starts the sync server, with the demo at its address')
  serve.option('--help-limits', 'the flags that set limits')
  serve.action(() => {
    const flags = flagsOf(serve)
    if (flags.has('--help-limits')) {
      parsed = { kind: 'help', text: limitsHelp() }
      return
    }
    const readAgain = (): Settings => readSettings(sourcesOf(flags, environment))
    parsed = { kind: 'serve', settings: readAgain(), readAgain }
  })
  addSettings(serve, settingNames)

  const migrate = sub('migrate', "brings a database's schema up to date, and ends")
  migrate.action(() => {
    const settings = readSettings(sourcesOf(flagsOf(migrate), environment), databaseSettings)
    const databaseUrl = settings['cluster.databaseUrl']
    if (databaseUrl === null) throw invalid('weft migrate needs --database-url (or DATABASE_URL): the database to bring up to date.')
    parsed = { kind: 'migrate', databaseUrl, logLevel: settings.logLevel, logFormat: settings.logFormat }
  })
  addSettings(migrate, databaseSettings)

  const lift = sub('lift-quarantine', 'forgets what was found to be unusable in a document, so that all of it is tried again')
  lift.argument('[document]', 'its id').action((documentId?: string) => {
    if (documentId === undefined || documentId === '') throw invalid('weft lift-quarantine needs the id of the document.')
    const settings = readSettings(sourcesOf(flagsOf(lift), environment), storeSettings)
    const { dataDir: dataFolder, logLevel, logFormat } = settings
    parsed = { kind: 'lift-quarantine', documentId, databaseUrl: settings['cluster.databaseUrl'], dataFolder, logLevel, logFormat }
  })
  addSettings(lift, storeSettings)

  for (const definition of definitions) {
    const command = sub(definition.name, definition.description)
    for (const [name, description] of definition.arguments) command.argument(name, description)
    for (const [flags, description] of definition.options) command.option(flags, description)
    for (const [place, flags, description] of places) {
      const isShown = definition.asks === undefined || definition.asks === place
      const option = new Option(flags, definition.asks === 'server' ? description.replace(/;.*$/, '') : description)
      command.addOption(option.hideHelp(!isShown))
    }
    command.option('--json', 'print JSON').action(() => {
      parsed = { kind: 'documents', command: definition, given: givenTo(command, definition, environment) }
    })
  }

  sub('config-schema', 'prints the JSON schema of settings files').action(() => {
    parsed = { kind: 'schema' }
  })

  try {
    program.parse([...args], { from: 'user' })
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown
    if (thrown.code === 'commander.helpDisplayed' || thrown.code === 'commander.help') return { kind: 'help', text: shown }
    throw invalid(`${inOurWords(thrown)} See weft --help.`)
  }
  // Nothing was parsed, since help was asked for beside something else.
  return parsed ?? { kind: 'help', text: shown }
}

function givenTo(
  command: Command,
  definition: DocumentCommandDefinition,
  environment: Readonly<Record<string, string | undefined>>,
): GivenToCommand {
  const options = Object.fromEntries([...flagsOf(command)].map(([flag, value]) => [flag.replace(/^--/, ''), value as string | true]))
  const textOf = (flag: string, variable: string): string | null => {
    const value = options[flag] ?? environment[variable]
    return typeof value === 'string' && value !== '' ? value : null
  }
  const places = ['url', 'data', 'database-url'].filter((flag) => options[flag] !== undefined)
  if (places.length > 1) throw invalid(`--${places.slice(0, 2).join(' and --')} are both set; set one of them.`)
  // What stands on the command line beats what the environment says about another place.
  const place = (flag: string, variable: string): string | null => (places.length > 0 && places[0] !== flag ? null : textOf(flag, variable))
  const url = place('url', 'WEFT_URL')
  if (url !== null && !/^https?:\/\/./.test(url))
    throw invalid(`--url is "${url}"; it takes the address of a server, such as http://127.0.0.1:1234.`)
  return {
    arguments: Object.fromEntries(definition.arguments.map(([name], index) => [name.replace(/[<>[\].]/g, ''), command.args[index]])),
    options,
    url: url === null ? null : url.replace(/\/+$/, ''),
    token: textOf('token', 'WEFT_TOKEN'),
    databaseUrl: url !== null ? null : place('database-url', 'DATABASE_URL'),
    dataFolder: textOf('data', 'WEFT_DATA') ?? './data',
    json: options['json'] === true,
  }
}

/** A command that writes nothing by itself, and ends nothing. `show` is told the help that was asked for. */
function commandOf(name: string, show: (text: string) => void): Command {
  return new Command(name)
    .exitOverride()
    .helpCommand(false)
    .allowExcessArguments(true)
    .configureHelp({ helpWidth: HELP_COLUMNS, sortSubcommands: false })
    .configureOutput({ writeOut: show, writeErr: () => {}, getOutHelpWidth: () => HELP_COLUMNS })
}

/** Those of one group stand together in the help, in the order of the groups; `most`: without the limits. */
function addSettings(command: Command, names: readonly SettingName[], shown: 'most' | 'all' = 'most'): void {
  if (shown === 'most')
    command.addOption(
      new Option(`${CONFIG_FLAG} <file>`, `settings in a JSON file, which flags and variables beat (${CONFIG_VARIABLE})`).helpGroup(
        heading('server'),
      ),
    )
  for (const name of names) {
    const { flag, kind, secret, group } = settingOf(name)
    const option = new Option(`${flag} ${kind.placeholder}`.trim(), helpOf(name)).helpGroup(heading(group))
    // The flag of a list may stand as often as one likes: its values are collected.
    if (Array.isArray(settingOf(name).fallback)) option.argParser((value, before: string[] | undefined) => [...(before ?? []), value])
    command.addOption(shown === 'most' && group === 'limits' ? option.hideHelp() : option)
    if (secret)
      command.addOption(
        new Option(
          `${flag}-file <file>`,
          `the same out of a file, which no list of processes shows (${settingOf(name).variable}_FILE)`,
        ).helpGroup(heading(group)),
      )
  }
}

function heading(group: Group): string {
  return `${groups[group]}:`
}

function helpOf(name: SettingName): string {
  const { help, variable, kind, fallback, otherwise } = settingOf(name)
  const turnsOff = fallback === true ? 'do not ' : ''
  const shownDefault = otherwise ?? (kind.placeholder === '' ? '' : kind.show(fallback))
  return `${turnsOff}${help} (${variable}${shownDefault === '' ? '' : `; ${shownDefault}`})`
}

function limitsHelp(): string {
  const command = commandOf('weft serve', () => {})
    .usage('[options]')
    .helpOption(false)
  addSettings(
    command,
    settingNames.filter((name) => settingOf(name).group === 'limits'),
    'all',
  )
  return command.helpInformation()
}

/** What was given, under the names of the flags as they are written. */
function flagsOf(command: Command): Sources['flags'] {
  const flags = new Map<string, string | true | readonly string[]>()
  for (const option of command.options) {
    const name = option.attributeName()
    if (command.getOptionValueSource(name) !== 'cli') continue
    const value: unknown = command.getOptionValue(name)
    flags.set(option.long ?? option.flags, typeof value === 'boolean' ? true : (value as string | readonly string[]))
  }
  return flags
}

function sourcesOf(flags: Sources['flags'], variables: Sources['variables']): Sources {
  const flag = flags.get(CONFIG_FLAG)
  const variable = variables[CONFIG_VARIABLE]
  if (typeof flag === 'string') return { flags, variables, file: { name: CONFIG_FLAG, path: flag } }
  return { flags, variables, file: variable === undefined || variable === '' ? null : { name: CONFIG_VARIABLE, path: variable } }
}

/** The library begins in lower case with "error:", and puts its guess on a line of its own. */
function inOurWords({ message }: CommanderError): string {
  const [problem = '', guess = ''] = message.replace(/^error: /, '').split('\n')
  const sentence = `${problem.charAt(0).toUpperCase()}${problem.slice(1).replace(/\.?$/, '.')}`
  return guess === '' ? sentence : `${sentence} ${guess.replace(/^\(|\)$/g, '')}`
}

function invalid(message: string): WeftError {
  return new WeftError('invalid-configuration', message)
}
