// The JSON schema of a settings file, made from the table of settings.
import { settingNames, settingOf } from './settings.js'

interface ObjectSchema {
  type: 'object'
  properties: Record<string, unknown>
  additionalProperties: boolean
}

function emptyObject(): ObjectSchema {
  return { type: 'object', properties: {}, additionalProperties: false }
}

/** As a JSON value. */
export function settingsSchema(): object {
  const root = emptyObject()
  root.properties['$schema'] = { type: 'string' }
  for (const name of settingNames) {
    const { kind, help, fallback } = settingOf(name)
    const path = name.split('.')
    const last = path.pop() ?? name
    let object = root
    for (const key of path) {
      object.properties[key] ??= emptyObject()
      object = object.properties[key] as ObjectSchema
    }
    object.properties[last] = { ...kind.schema, description: help, default: fallback }
  }
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'Settings of a Weft server', ...root }
}
