// Puts settings together from where they may be given: flags beat variables, variables beat the settings file, and that beats the defaults.
// Whatever is unknown or malformed is refused by name.
import { readFileSync } from 'node:fs'
import { WeftError } from '../../core/errors.js'
import { didYouMean, nearestName } from '../../core/nearest-name.js'
import { defaultSettingsFor, memoryOfMachine } from './machine-defaults.js'
import { checkTogether, isSettingName, type SettingName, type Settings, settingNames, settingOf } from './settings.js'

/** Where settings come from. */
export interface Sources {
  /** What stands on the command line: flag, such as `--port`, → what it was given. A switch has `true`. */
  readonly flags: ReadonlyMap<string, string | true | readonly string[]>
  readonly variables: Readonly<Record<string, string | undefined>>
  /** Path of a settings file; null for none. */
  readonly file: { readonly name: string; readonly path: string } | null
}

/**
 * Only those of `names` are read; how they fit together is checked where all are. Throws `invalid-configuration`, naming the flag, variable
 * or key, and what it takes.
 */
export function readSettings(sources: Sources, names: readonly SettingName[] = settingNames): Settings {
  const fromFile = sources.file === null ? new Map<SettingName, unknown>() : readFile(sources.file.path, sources.file.name)
  const values: Partial<Record<SettingName, unknown>> = { ...defaultSettingsFor(memoryOfMachine()) }
  const origins = new Map<SettingName, string>()
  for (const name of names) {
    const given = fromFlag(name, sources) ?? fromVariable(name, sources)
    if (given !== null) {
      origins.set(name, given.origin)
      values[name] = given.value
    } else if (fromFile.has(name)) {
      const origin = `${name} in ${sources.file?.path}`
      origins.set(name, origin)
      values[name] = settingOf(name).kind.check(fromFile.get(name), origin)
    }
  }
  const read = Object.freeze(values) as unknown as Settings
  if (names === settingNames) checkTogether(read, (name) => origins.get(name) ?? nameForPeople(name))
  return read
}

/** Variables of Weft that are settings, or that commands read. */
const variableNames: ReadonlySet<string> = new Set([
  ...settingNames.flatMap((name) => {
    const { variable, secret } = settingOf(name)
    return secret ? [variable, `${variable}_FILE`] : [variable]
  }),
  ...['WEFT_CONFIG', 'WEFT_URL', 'WEFT_TOKEN'],
])

/** What is no variable of ours and looks like a misspelled one. Others may begin so too, such as those of a service of this name, so it is no error. */
export function misspelledVariables(
  variables: Readonly<Record<string, string | undefined>>,
): readonly { readonly name: string; readonly meant: string }[] {
  return Object.keys(variables).flatMap((name) => {
    const meant = name.startsWith('WEFT_') && !variableNames.has(name) ? nearestName(name, variableNames, 2) : null
    return meant === null ? [] : [{ name, meant }]
  })
}

interface Given {
  readonly origin: string
  readonly value: unknown
}

function fromFlag(name: SettingName, { flags }: Sources): Given | null {
  const { flag, kind, secret, fallback } = settingOf(name)
  const given = flags.get(flag)
  if (given === true) return { origin: flag, value: fallback !== true }
  if (given !== undefined && typeof given !== 'string') return { origin: flag, value: given.flatMap((text) => kind.parse(text, flag)) }
  const text = plainOrFile(
    { origin: flag, text: given },
    secret ? { origin: `${flag}-file`, text: textOf(flags.get(`${flag}-file`)) } : null,
  )
  return text === null ? null : { origin: text.origin, value: kind.parse(text.text, text.origin) }
}

function textOf(value: string | true | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function fromVariable(name: SettingName, { variables }: Sources): Given | null {
  const { variable, kind, secret } = settingOf(name)
  // An empty variable is how shells and container files say "not set".
  const textIn = (origin: string) => ({ origin, text: variables[origin] === '' ? undefined : variables[origin] })
  const text = plainOrFile(textIn(variable), secret ? textIn(`${variable}_FILE`) : null)
  return text === null ? null : { origin: text.origin, value: kind.parse(text.text, text.origin) }
}

/** The text as it was given, or out of the file that was named; null if neither is there. */
function plainOrFile(
  plain: { readonly origin: string; readonly text: string | undefined },
  file: { readonly origin: string; readonly text: string | undefined } | null,
): { readonly origin: string; readonly text: string } | null {
  if (file?.text === undefined) return plain.text === undefined ? null : { origin: plain.origin, text: plain.text }
  if (plain.text !== undefined) throw invalid(`${plain.origin} and ${file.origin} are both set; set one of them.`)
  // Without the white space around it: editors and `echo` end a file with a new line.
  return { origin: file.origin, text: contentOf(file.text, file.origin).trim() }
}

/** The settings of a JSON file: `{ "port": 80, "limits": { "connectionsMax": 500 } }`. */
function readFile(path: string, name: string): ReadonlyMap<SettingName, unknown> {
  let content: unknown
  try {
    content = JSON.parse(contentOf(path, name))
  } catch (thrown) {
    if (thrown instanceof WeftError) throw thrown
    throw invalid(`${name} is "${path}", which is not JSON: ${thrown instanceof Error ? thrown.message : String(thrown)}.`)
  }
  const found = new Map<SettingName, unknown>()
  collect(content, '', path, found)
  return found
}

/** Objects that settings are in: `limits`, `tuning.retention`. */
const groupNames: ReadonlySet<string> = new Set(
  settingNames.filter((name) => name.includes('.')).map((name) => name.slice(0, name.lastIndexOf('.'))),
)

function collect(value: unknown, prefix: string, path: string, found: Map<SettingName, unknown>): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`${prefix === '' ? 'What it holds' : prefix} in ${path} is not an object of settings.`)
  for (const [key, inner] of Object.entries(value)) {
    const name = prefix === '' ? key : `${prefix}.${key}`
    if (name === '$schema') continue
    if (isSettingName(name)) found.set(name, inner)
    else if (settingNames.some((one) => one.startsWith(`${name}.`))) collect(inner, name, path, found)
    else
      throw invalid(`${name} in ${path} is no setting.${didYouMean(name, [...settingNames, ...groupNames])} docs/settings.md lists them.`)
  }
}

function contentOf(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    throw invalid(`${name} is "${path}", a file that cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}.`)
  }
}

/** What a setting is called that nobody gave. */
function nameForPeople(name: SettingName): string {
  const { flag, variable, secret } = settingOf(name)
  return `${flag} (or ${variable}${secret ? `, or ${flag}-file` : ''})`
}

function invalid(message: string): WeftError {
  return new WeftError('invalid-configuration', message)
}
