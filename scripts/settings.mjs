// Writes the page and the JSON schema of the settings anew, from the table in server/config/settings.ts as it was built last.
import { writeFileSync } from 'node:fs'
import { settingsPage } from '../dist/server/config/settings-page.js'
import { settingsSchema } from '../dist/server/config/settings-schema.js'

const write = (name, text) => writeFileSync(new URL(`../docs/${name}`, import.meta.url), text)
write('settings.md', settingsPage())
write('config.schema.json', `${JSON.stringify(settingsSchema(), null, 2)}\n`)
