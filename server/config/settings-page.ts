// The page of the documentation that lists all settings, made from their table.
import { limitTable } from '../../core/limits.js'
import { type Group, groups, type SettingName, settingNames, settingOf } from './settings.js'

const intro = `# Settings

A setting is given by a flag of \`weft serve\`, by a variable, or in a JSON file that \`--config FILE\` (or \`WEFT_CONFIG\`) names; flags beat variables, and
variables beat the file. A program gives the same to \`createServer\`, under the names in the last column, and is refused the same in the same words. \`host\` and \`port\`
are for \`listen\` there, \`demo\` takes a folder or \`false\`, and \`keepDeleted\` a function.

\`\`\`json
{ "port": 4000, "limits": { "connectionsMax": 5000, "memoryBytesMax": "2GiB" }, "tuning": { "retention": { "logWindowMs": "30d" } } }
\`\`\`

Times are milliseconds, or have a unit: \`500ms\`, \`30s\`, \`10min\`, \`12h\`, \`7d\`. Sizes are bytes, or have one: \`64KiB\`, \`16MiB\`, \`2GiB\`. Switches take \`true\` or \`false\` in
variables and files. \`weft config-schema\` prints the JSON schema of settings files, for editors that check them.

## While the server runs

\`SIGHUP\` (\`kill -HUP\`, \`docker kill --signal HUP\`, \`systemctl reload\` with \`ExecReload=kill -HUP $MAINPID\`) has \`weft serve\` read its settings file, and files with secrets, again; a
program calls \`server.reload(options)\`. Settings with a ✓ under *reload* change at once; a limit that belongs to a connection, a session or a document
counts for those that begin after it. If anything in the file is wrong, nothing changes, and the log says what is wrong. Settings without a ✓ that
have changed are named in the log as well, and stay as they were until the next start. A server that was started from a terminal ends with it, as other programs do,
and does not reload.

This page is made from the table in \`server/config/settings.ts\`.
`

/** As Markdown. */
export function settingsPage(): string {
  const sections = (Object.keys(groups) as Group[]).map(sectionOf)
  return `${intro}\n${sections.join('\n')}`
}

function sectionOf(group: Group): string {
  const names = settingNames.filter((name) => settingOf(name).group === group)
  if (group === 'limits') {
    const rows = names.map((name) => {
      const limit = limitTable[name.slice('limits.'.length) as keyof typeof limitTable]
      return `| \`${settingOf(name).flag}\` | ${shown(name)} | ${limit.bounds} | ${limit.past} | ${reloads(name)} | \`${name}\` |`
    })
    return `## Limits\n\nThe variable of a limit is \`WEFT_\` and its flag in capitals: \`WEFT_CONNECTIONS_MAX\`.\n\n| flag | default | bounds | past it | reload | name |\n|---|---|---|---|---|---|\n${rows.join('\n')}\n`
  }
  const rows = names.map((name) => {
    const { flag, variable, secret, help } = settingOf(name)
    const flags = secret ? `\`${flag}\`, \`${flag}-file\`` : `\`${flag}\``
    const variables = secret ? `\`${variable}\`, \`${variable}_FILE\`` : `\`${variable}\``
    return `| ${flags} | ${variables} | ${shown(name)} | ${settingOf(name).fallback === true ? `do not ${help}` : help} | ${reloads(name)} | \`${name}\` |`
  })
  return `## ${groups[group]}\n\n| flag | variable | default | meaning | reload | name |\n|---|---|---|---|---|---|\n${rows.join('\n')}\n`
}

function reloads(name: SettingName): string {
  return settingOf(name).reloads ? '✓' : ''
}

function shown(name: SettingName): string {
  const { kind, fallback, otherwise } = settingOf(name)
  if (otherwise !== null) return otherwise
  return kind.placeholder === '' ? '–' : kind.show(fallback)
}
