// Which options and hooks there are. One that is misspelled would be as if it were not there, and a program in JavaScript would not hear of it: a hook that is never
// asked, a limit that does not hold. So what is no option is refused by name.
import { WeftError } from '../../core/errors.js'
import { didYouMean } from '../../core/nearest-name.js'
import { defaultTuning } from '../document/tuning.js'
import type { Hooks } from '../events/hooks.js'
import type { ServerOptions } from './server-options.js'

const optionNames: Readonly<Record<keyof ServerOptions, 'function' | 'other'>> = {
  dataDir: 'other',
  store: 'other',
  cluster: 'other',
  clock: 'other',
  random: 'other',
  limits: 'other',
  logger: 'other',
  access: 'other',
  authorize: 'function',
  webhooks: 'other',
  hooks: 'other',
  broadcast: 'other',
  keepDeleted: 'function',
  demo: 'other',
  basePath: 'other',
  trustedProxies: 'other',
  transports: 'other',
  metricsPort: 'other',
  metricsHost: 'other',
  adminPage: 'other',
  adminPort: 'other',
  adminHost: 'other',
  traceOneIn: 'other',
  auditLog: 'other',
  quotas: 'other',
  tuning: 'other',
  drainWindowMs: 'other',
  onFatal: 'function',
}

const hookNames: Readonly<Record<keyof Hooks, 'function' | 'other'>> = {
  onConnect: 'function',
  beforeEdit: 'function',
  firstContent: 'function',
  onDocumentChanged: 'function',
  onDocumentIdle: 'function',
  onMessage: 'function',
  onAwarenessChanged: 'function',
  onSessionOpened: 'function',
  onSessionClosed: 'function',
  changedQuietMs: 'other',
  changedWaitMsMax: 'other',
}

/** Options of the command line that a program gives elsewhere. */
const elsewhere: ReadonlyMap<string, string> = new Map([
  ['port', 'It is given to listen(port, host).'],
  ['host', 'It is given to listen(port, host).'],
  ['logLevel', 'A program gives a logger.'],
  ['logFormat', 'A program gives a logger.'],
])

/** Throws `invalid-configuration`, naming what is no option, no hook, or no function where one has to be. */
export function checkOptionNames(options: ServerOptions): void {
  const found: unknown = options
  if (typeof found !== 'object' || found === null) throw invalid(`createServer takes an object of options, such as { dataDir: './data' }.`)
  checkNames(found, optionNames, '', (name) => {
    const hint = elsewhere.get(name) ?? (name in hookNames ? `It is a hook: hooks.${name}.` : null)
    return `${name} is no option of createServer.${hint === null ? didYouMean(name, Object.keys(optionNames)) : ` ${hint}`} docs/embedding.md says which there are.`
  })
  checkNames(Object(options.hooks), hookNames, 'hooks.', (name) => {
    const meant = didYouMean(name, Object.keys(hookNames))
    return `hooks.${name} is no hook.${meant} There are: ${Object.keys(hookNames).join(', ')}.`
  })
  checkNames(Object(options.tuning), defaultTuning, 'tuning.', (name) => {
    return `tuning.${name} is no setting.${didYouMean(name, Object.keys(defaultTuning))} docs/settings.md lists them.`
  })
}

function checkNames(given: object, names: object, prefix: string, words: (name: string) => string): void {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(names, name)) throw invalid(words(name))
    if (value !== undefined && Reflect.get(names, name) === 'function' && typeof value !== 'function')
      throw invalid(`${prefix}${name} is ${value === null ? 'null' : `of type ${typeof value}`}; it takes a function.`)
  }
}

function invalid(message: string): WeftError {
  return new WeftError('invalid-configuration', message)
}
