// The options of `createServer` under the rules of the table of settings: what a command line may not say, a program may not either, in the
// same words.
import { WeftError } from '../../core/errors.js'
import { didYouMean } from '../../core/nearest-name.js'
import type { DocumentTuning } from '../document/tuning.js'
import { defaultSettingsFor, memoryOfMachine } from './machine-defaults.js'
import { checkTogether, isSettingName, type SettingName, type Settings, settingNames, settingOf } from './settings.js'

/** Options that have the name of a setting and another meaning in a program, or none. */
const notFromPrograms: ReadonlySet<string> = new Set<SettingName>(['host', 'port', 'demo', 'keepDeleted', 'logLevel', 'logFormat'])
/** Options that are objects of settings: nothing else may be in them. */
const objects = ['limits', 'cluster', 'access', 'webhooks'] as const
/** Functions of a program among them, which no command line has. */
const programsOnly: ReadonlySet<string> = new Set(['access.identityOf'])

/**
 * The values of all settings, the options' before `others`: the defaults. Throws `invalid-configuration`, naming the option and what it
 * takes.
 */
export function settingsFromOptions(
  options: Readonly<Record<string, unknown>>,
  others: Settings = defaultSettingsFor(memoryOfMachine()),
): Settings {
  const values: Partial<Record<SettingName, unknown>> = { ...others }
  for (const name of settingNames) {
    if (notFromPrograms.has(name)) continue
    const given = valueAt(options, name)
    if (given !== undefined) values[name] = settingOf(name).kind.check(given, name)
  }
  for (const object of objects)
    for (const key of Object.keys(Object(options[object])))
      if (!isSettingName(`${object}.${key}`) && !programsOnly.has(`${object}.${key}`))
        throw new WeftError(
          'invalid-configuration',
          `${object}.${key} is no setting.${didYouMean(`${object}.${key}`, settingNames)} docs/settings.md lists them.`,
        )
  const read = Object.freeze(values) as unknown as Settings
  checkTogether(read, (name) => name)
  return read
}

function valueAt(options: unknown, name: string): unknown {
  let value: unknown = options
  for (const key of name.split('.')) value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
  return value
}

/** The settings whose names begin with `prefix.`, without it. */
export function settingsUnder<Prefix extends string>(values: Settings, prefix: Prefix): Under<Prefix> {
  const start = `${prefix}.`
  const entries = Object.entries(values).flatMap(([name, value]) => (name.startsWith(start) ? [[name.slice(start.length), value]] : []))
  return Object.fromEntries(entries)
}

/** What settings say about open documents. */
export function tuningIn(values: Settings): Pick<DocumentTuning, 'idleMs' | 'paceMsMin' | 'paceMsMax' | 'retention'> {
  const { idleMs, paceMsMin, paceMsMax } = settingsUnder(values, 'tuning')
  return { idleMs, paceMsMin, paceMsMax, retention: settingsUnder(values, 'tuning.retention') }
}

type Under<Prefix extends string> = {
  readonly [Name in SettingName as Name extends `${Prefix}.${infer Rest}` ? Rest : never]: Settings[Name]
}
