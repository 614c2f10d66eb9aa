// What kinds of values settings have: how each is read from text, checked when a program or a file gives it, and described to a reader and to a JSON schema.
import { basePathOf } from '../../core/document-path.js'
import { WeftError } from '../../core/errors.js'
import { trustedProxiesOf } from '../access/addresses.js'
import { originsOf } from '../access/origins.js'
import { quotaRule } from '../document/quota-rule.js'
import { parseRedisUrl } from '../redis/redis-url.js'
import { webhookEventsOf } from '../webhooks/webhook-events.js'

export interface Kind<Value> {
  /** How help writes it, such as `<number>`; empty for a switch, which takes no value. */
  readonly placeholder: string
  /** The JSON schema of the value in a settings file. */
  readonly schema: Readonly<Record<string, unknown>>
  /** A value that came as text, on a command line or in a variable. Throws `invalid-configuration`; `name` is where it came from. */
  parse(text: string, name: string): Value
  /** A value that a program or a settings file gives. Throws likewise. */
  check(value: unknown, name: string): Value
  /** A value as a person would write it. */
  show(value: Value): string
}

function refuse(problem: string): never {
  throw new WeftError('invalid-configuration', problem)
}

function quoted(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : `"${String(value)}"`
}

/** A kind whose values are strings: `read` refuses or gives the value, whether it came as text or from a program. */
function textKind<Value extends string>(
  placeholder: string,
  schema: Kind<Value>['schema'],
  read: (text: string, name: string) => Value,
): Kind<Value> {
  return {
    placeholder,
    schema: { type: 'string', ...schema },
    parse: read,
    check: (value, name) => (typeof value === 'string' ? read(value, name) : refuse(`${name} is ${quoted(value)}; it takes a text.`)),
    show: (value) => value,
  }
}

/** Any text but an empty one. */
export function text(placeholder: string): Kind<string> {
  return textKind(placeholder, { minLength: 1 }, (value, name) => (value === '' ? refuse(`${name} is empty.`) : value))
}

/** `null` stands for "not set", which no text does. */
export function optional<Value>(kind: Kind<Value>): Kind<Value | null> {
  return {
    placeholder: kind.placeholder,
    schema: { anyOf: [kind.schema, { type: 'null' }] },
    parse: (value, name) => kind.parse(value, name),
    check: (value, name) => (value === null ? null : kind.check(value, name)),
    show: (value) => (value === null ? '–' : kind.show(value)),
  }
}

export function choice<Value extends string>(placeholder: string, values: readonly Value[]): Kind<Value> {
  return textKind(
    placeholder,
    { enum: values },
    (value, name) => values.find((one) => one === value) ?? refuse(`${name} is "${value}"; it takes one of: ${values.join(', ')}.`),
  )
}

/** A switch: on a command line its flag turns it to the other side of its default. */
export const flag: Kind<boolean> = {
  placeholder: '',
  schema: { type: 'boolean' },
  parse: (value, name) =>
    /^(true|1|yes|on)$/i.test(value)
      ? true
      : /^(false|0|no|off)$/i.test(value)
        ? false
        : refuse(`${name} is "${value}"; it takes true or false.`),
  check: (value, name) => (typeof value === 'boolean' ? value : refuse(`${name} is ${quoted(value)}; it takes true or false.`)),
  show: (value) => (value ? 'yes' : 'no'),
}

interface Unit {
  readonly placeholder: string
  readonly takes: string
  /** Suffix → how much it stands for; the empty one is the unit itself. */
  readonly suffixes: ReadonlyMap<string, number>
}

/** A number of the unit, as text with an optional suffix, from a program or a file as a bare number. */
function amount(unit: Unit, min: number, max: number): Kind<number> {
  const takes = (): string =>
    `${unit.takes}, ${min.toLocaleString('en')} at least${max === Number.MAX_SAFE_INTEGER ? '' : ` and ${max.toLocaleString('en')} at most`}`
  const inRange = (value: number, name: string, given: unknown): number =>
    Number.isSafeInteger(value) && value >= min && value <= max ? value : refuse(`${name} is ${quoted(given)}; it takes ${takes()}.`)
  const parse = (value: string, name: string): number => {
    const [, digits = '', suffix = ''] = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$/.exec(value) ?? []
    const factor = unit.suffixes.get(suffix.toLowerCase())
    return inRange(digits === '' || factor === undefined ? Number.NaN : Number(digits) * factor, name, value)
  }
  return {
    placeholder: unit.placeholder,
    schema: {
      anyOf: [{ type: 'integer', minimum: min, ...(max === Number.MAX_SAFE_INTEGER ? {} : { maximum: max }) }, { type: 'string' }],
    },
    parse,
    check: (value, name) =>
      typeof value === 'string' ? parse(value, name) : inRange(typeof value === 'number' ? value : Number.NaN, name, value),
    show: (value) => {
      const fitting = [...unit.suffixes].filter(([suffix, factor]) => suffix !== '' && value >= factor && value % factor === 0)
      const [suffix, factor] = fitting.reduce((best, one) => (one[1] >= best[1] ? one : best), ['', 1])
      return suffix === '' ? value.toLocaleString('en') : `${value / factor} ${shownSuffix.get(suffix) ?? suffix}`
    },
  }
}

const shownSuffix = new Map([
  ['kib', 'KiB'],
  ['mib', 'MiB'],
  ['gib', 'GiB'],
])

export function count(min = 0, max: number = Number.MAX_SAFE_INTEGER): Kind<number> {
  return amount({ placeholder: '<number>', takes: 'a whole number', suffixes: new Map([['', 1]]) }, min, max)
}

export function bytes(min = 0): Kind<number> {
  const suffixes = new Map([
    ['', 1],
    ['kib', 1024],
    ['mib', 1024 ** 2],
    ['gib', 1024 ** 3],
  ])
  return amount(
    { placeholder: '<bytes>', takes: 'a number of bytes such as 65536, 64KiB, 16MiB or 2GiB', suffixes },
    min,
    Number.MAX_SAFE_INTEGER,
  )
}

export function duration(min = 0): Kind<number> {
  const suffixes = new Map([
    ['', 1],
    ['ms', 1],
    ['s', 1_000],
    ['min', 60_000],
    ['h', 3_600_000],
    ['d', 86_400_000],
  ])
  return amount(
    { placeholder: '<time>', takes: 'milliseconds, or a time such as 500ms, 30s, 10min, 12h or 7d', suffixes },
    min,
    Number.MAX_SAFE_INTEGER,
  )
}

export const port: Kind<number> = {
  ...count(0, 65_535),
  parse: (value, name) => {
    const number = /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN
    return number <= 65_535 ? number : refuse(`${name} is "${value}"; it takes a port number from 0 to 65535.`)
  },
  check: (value, name) =>
    typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65_535
      ? value
      : refuse(`${name} is ${quoted(value)}; it takes a port number from 0 to 65535.`),
  show: String,
}

/** Several texts: from a program or a file a list; each with `separator` between on a command line, where the flag may also stand several times. */
export function list(
  placeholder: string,
  separator: string | null,
  check: (values: readonly string[], name: string) => void,
): Kind<readonly string[]> {
  const checked = (values: readonly string[], name: string): readonly string[] => {
    if (values.some((value) => value === '')) refuse(`${name} is empty.`)
    check(values, name)
    return Object.freeze([...values])
  }
  return {
    placeholder,
    schema: { type: 'array', items: { type: 'string', minLength: 1 } },
    parse: (value, name) => checked(separator === null ? [value] : value.split(separator).map((one) => one.trim()), name),
    check: (value, name) =>
      Array.isArray(value) && value.every((one) => typeof one === 'string')
        ? checked(value, name)
        : refuse(`${name} is ${quoted(value)}; it takes a list of texts.`),
    show: (values) => (values.length === 0 ? 'none' : values.join(', ')),
  }
}

export const patterns = list('<pattern>', null, () => {})
export const quotas = list('<quota>', null, (values, name) => {
  for (const value of values) quotaRule(value, name)
})
export const webhookEvents = list('<list>', ',', (values, name) => void webhookEventsOf(values, name))
const transportNames = ['websocket', 'sse', 'poll']
export const transports = list('<list>', ',', (values, name) => {
  const unknown = values.find((value) => !transportNames.includes(value))
  if (unknown !== undefined) refuse(`${name} has "${unknown}"; it takes some of: ${transportNames.join(', ')}.`)
  if (values.length === 0) refuse(`${name} is empty; it takes some of: ${transportNames.join(', ')}.`)
})
export const texts = list('<list>', ',', () => {})
export const origins = list('<list>', ',', (values, name) => void originsOf(values, name))
export const proxies = list('<list>', ',', (values, name) => void trustedProxiesOf(values, name))

export const basePath: Kind<string> = { ...textKind('<path>', {}, basePathOf), show: (value) => value || 'none' }

// Values that may hold a password are not repeated.

export const databaseUrl = textKind('<url>', {}, (url, name) =>
  /^postgres(ql)?:\/\/./.test(url) && URL.canParse(url)
    ? url
    : refuse(`${name} is not a PostgreSQL address; it takes postgres://user:password@host:port/database.`),
)

export const redisUrl = textKind('<url>', {}, (url, name) => {
  if (url === '') refuse(`${name} is empty.`)
  parseRedisUrl(url, name)
  return url
})

/** A secret that can be guessed lets anybody in as a node, who then reads and writes every document. */
const SECRET_CHARACTERS_MIN = 16

export const secret = textKind('<text>', { minLength: SECRET_CHARACTERS_MIN }, (value, name) =>
  value.length >= SECRET_CHARACTERS_MIN ? value : refuse(secretMissing(name, value === '' ? 'is empty' : 'is too short')),
)

export function secretMissing(name: string, problem: string): string {
  return (
    `${name} ${problem}; it takes at least ${SECRET_CHARACTERS_MIN} characters, the same on every node and nowhere else. ` +
    'Make one with: openssl rand -hex 32'
  )
}

/** HMAC keys are as long as the hash, at least (RFC 7518, 3.2). */
const TOKEN_SECRET_CHARACTERS_MIN = 32

export const tokenSecret = textKind('<text>', { minLength: TOKEN_SECRET_CHARACTERS_MIN }, (value, name) =>
  value.length >= TOKEN_SECRET_CHARACTERS_MIN
    ? value
    : refuse(
        `${name} has ${value.length} characters; it takes at least ${TOKEN_SECRET_CHARACTERS_MIN}. Make one with: openssl rand -hex 32`,
      ),
)

export const adminKey = textKind('<text>', { minLength: SECRET_CHARACTERS_MIN }, (value, name) =>
  value.length >= SECRET_CHARACTERS_MIN && /^[\x21-\x7e]+$/.test(value)
    ? value
    : refuse(`${name} takes at least ${SECRET_CHARACTERS_MIN} characters of ASCII, without spaces. Make one with: openssl rand -hex 32`),
)

export const webUrl = textKind('<url>', {}, (url, name) =>
  /^https?:\/\/./.test(url) && URL.canParse(url)
    ? url
    : refuse(`${name} is "${url}"; it takes an address such as https://login.example.com/jwks.json.`),
)

/** As Standard Webhooks recommends. */
const WEBHOOK_SECRET_CHARACTERS_MIN = 24

export const webhookSecret = textKind('<text>', { minLength: WEBHOOK_SECRET_CHARACTERS_MIN }, (value, name) =>
  value.length >= WEBHOOK_SECRET_CHARACTERS_MIN && (!value.startsWith('whsec_') || /^whsec_[A-Za-z0-9+/]+=*$/.test(value))
    ? value
    : refuse(
        `${name} takes whsec_ and base64, or any text of at least ${WEBHOOK_SECRET_CHARACTERS_MIN} characters. Make one with: openssl rand -hex 32`,
      ),
)

export const webUrls = list('<list>', ',', (values, name) => {
  // It may hold a secret, and is not repeated.
  if (!values.every((url) => /^https?:\/\/./.test(url) && URL.canParse(url))) refuse(`${name} holds something else than web addresses.`)
})

export const cookieName = textKind('<name>', { pattern: "^[\\w!#$%&'*+.^`|~-]{1,100}$" }, (value, name) =>
  /^[\w!#$%&'*+.^`|~-]{1,100}$/.test(value) ? value : refuse(`${name} is "${value}"; it takes the name of a cookie.`),
)

export const fieldName = textKind('<field>', { pattern: '^[A-Za-z][\\w-]{0,63}$' }, (value, name) =>
  /^[A-Za-z][\w-]{0,63}$/.test(value)
    ? value
    : refuse(`${name} is "${value}"; it takes the name of a field, such as user: a letter, then up to 63 letters, digits, _ or -.`),
)

export const nodeName = textKind('<name>', { pattern: '^[\\w.:-]{1,64}$' }, (value, name) =>
  /^[\w.:-]{1,64}$/.test(value) ? value : refuse(`${name} is "${value}"; it takes 1 to 64 letters, digits, and . _ : -`),
)

export const hostAndPort = textKind('<host:port>', {}, (value, name) => {
  const number = Number(/^(?:[^\s:/]+|\[[\da-fA-F:]+\]):(\d{1,5})$/.exec(value)?.[1] ?? Number.NaN)
  return number >= 1 && number <= 65_535 ? value : refuse(`${name} is "${value}"; it takes host:port, such as node-1.internal:1234.`)
})
