// What a schema refused, in words: where, and what is taken there.

interface Issue {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** All of them, as sentences. */
export function inWords(issues: readonly Issue[]): string {
  return issues.map(sentenceOf).join(' ')
}

function sentenceOf(issue: Issue): string {
  const { path, message } = issue
  const place = path.length === 0 ? 'The request' : path.join('.')
  // What a route says by itself is better than what can be said of any value.
  return /^(Invalid|Too|Unrecognized)\b/.test(message) ? `${place} ${predicateOf(issue)}.` : `${place}: ${message}.`
}

function predicateOf(issue: Issue): string {
  const { message } = issue
  const of = (key: string): unknown => Reflect.get(issue, key)
  const isMissing = / received undefined$/.test(message)
  switch (of('code')) {
    case 'invalid_type':
      return isMissing ? 'is missing' : `takes ${nounOf(of('expected'))}`
    case 'invalid_value': {
      const values = of('values')
      const names = Array.isArray(values) ? values.map(String) : []
      return names.length === 1 ? `takes ${names[0]}` : `takes one of: ${names.join(', ')}`
    }
    case 'invalid_union': {
      const expected = /Expected (.*)$/.exec(message)?.[1]?.replaceAll("'", '').replaceAll(' | ', ', ')
      return expected === undefined ? 'is nothing that is taken there' : `takes one of: ${expected}`
    }
    case 'too_small':
      return of('minimum') === 1 && of('origin') === 'string' ? 'is empty' : `has to be ${amountOf(of('origin'), of('minimum'))} at least`
    case 'too_big':
      return `has to be ${amountOf(of('origin'), of('maximum'))} at most`
    default:
      return `is not taken: ${message}`
  }
}

function nounOf(expected: unknown): string {
  switch (expected) {
    case 'string':
      return 'a text'
    case 'number':
      return 'a number'
    case 'int':
      return 'a whole number'
    case 'boolean':
      return 'true or false'
    case 'array':
      return 'a list'
    case 'object':
    case 'record':
      return 'an object'
    default:
      return String(expected)
  }
}

function amountOf(origin: unknown, bound: unknown): string {
  return origin === 'string' ? `${bound} characters long` : origin === 'array' ? `${bound} items long` : String(bound)
}
