// Attacks on a default server, with an honest bystander whose waiting is measured.
// `npm run attack -- --name NAME | --all | --list [--server PATH] [--seed N]`; `--hour [--minutes N]` plays all of them at once.
import { parseArgs } from 'node:util'
import { attacks } from './attacks.js'
import { playHour } from './hostile-hour.js'
import { reportHead, reportRow } from './report.js'
import { playAttack } from './scene.js'

// The processes that it started end when this one exits; a signal alone would leave them behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const { values } = parseArgs({
  options: {
    name: { type: 'string', multiple: true },
    all: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    hour: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '60' },
    server: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
})
const names = values.all ? Object.keys(attacks) : (values.name ?? [])
const unknown = names.filter((name) => attacks[name] === undefined)
if (values.hour) await hostileHour()
else if (values.list) for (const [name, { about }] of Object.entries(attacks)) console.log(`${name}: ${about}`)
else if (names.length === 0 || unknown.length > 0) {
  console.error(
    `${unknown.map((name) => `There is no attack "${name}". `).join('')}--name takes one of: ${Object.keys(attacks).join(', ')}.`,
  )
  process.exit(2)
}
if (names.length > 0) console.log(reportHead)
for (const name of names) {
  const attack = attacks[name]
  if (attack === undefined) continue
  try {
    console.log(reportRow(await playAttack(name, attack, { main: values.server, seed: Number(values.seed) })))
  } catch (error) {
    console.log(`| ${name} | could not be played: ${String(error).slice(0, 300)} |`)
  }
}
process.exit(0)

async function hostileHour(): Promise<never> {
  const minutes = Number(values.minutes)
  const seed = Number(values.seed)
  console.log(`seed ${seed}, ${minutes} minutes`)
  const { played, wrong, told, ...numbers } = await playHour({
    minutes,
    seed,
    attacks,
    main: values.server,
    progress: (line) => console.log(line),
  })
  console.log([...played].map(([name, count]) => `${name} ×${count}`).join(', '))
  console.log(JSON.stringify({ ...numbers, told: [...new Set(told)].slice(0, 10) }, null, 2))
  for (const what of wrong) console.log(what)
  process.exit(wrong.length === 0 ? 0 : 1)
}
