// Which settings may change while a server runs, and which of two sets of them did.
import { isDeepStrictEqual } from 'node:util'
import { type SettingName, type Settings, settingNames, settingOf } from './settings.js'

export interface SettingChanges {
  /** In force from now on: what was in force, with what could be changed. */
  readonly settings: Settings
  /** These were changed. */
  readonly reloaded: readonly SettingName[]
  /** These differ, and go on as they were until the next start. */
  readonly needRestart: readonly SettingName[]
}

/** `next` is complete, and may be. */
export function settingChanges(inForce: Settings, next: Settings): SettingChanges {
  const differing = settingNames.filter((name) => !isDeepStrictEqual(inForce[name], next[name]))
  const reloaded = differing.filter((name) => settingOf(name).reloads)
  const needRestart = differing.filter((name) => !settingOf(name).reloads)
  const values = Object.fromEntries(reloaded.map((name) => [name, next[name]]))
  return { settings: Object.freeze({ ...inForce, ...values }), reloaded, needRestart }
}
