// The API described for machines (OpenAPI 3.1), and the same as a page that a person can read, made from it.
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { ApiEnvironment } from '../framework/environment.js'

interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly description?: string
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly required?: readonly string[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
}

interface Operation {
  readonly summary?: string
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly required?: boolean
    readonly schema?: Schema
    readonly description?: string
  }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: Schema }>> }
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, { readonly schema?: Schema }>> }>
  >
}

interface Description {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> }
}

export function addApiDocs(app: OpenAPIHono<ApiEnvironment>, version: string): void {
  const about = {
    openapi: '3.1.0',
    info: {
      title: 'Weft',
      version,
      description:
        'Documents, their content, their history, and who is there. Errors are problem details (RFC 9457): status, code, and detail in plain words.',
    },
  }
  // Made once, when somebody first asks: all routes are there then, and nobody makes the server do it again and again.
  let made: { readonly json: string; readonly page: string } | null = null
  const description = (): { readonly json: string; readonly page: string } => {
    if (made !== null) return made
    const document = app.getOpenAPI31Document(about)
    made = { json: `${JSON.stringify(document)}\n`, page: pageOf(document as unknown as Description) }
    return made
  }
  app.get('/api/openapi.json', (context) => context.body(description().json, 200, { 'Content-Type': 'application/json; charset=utf-8' }))
  app.get('/api/docs', (context) => context.html(description().page))
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => escapes[character] ?? character)
/** Words with names in backticks. */
const prose = (text: string): string => escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>')

function pageOf({ info, paths, components }: Description): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => operationOf(method, path, operation)),
  )
  const schemas = Object.entries(components?.schemas ?? {}).map(
    ([name, schema]) => `<section id="schema-${escaped(name)}"><h3>${escaped(name)}</h3>${schemaOf(schema)}</section>`,
  )
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>The API of Weft</title><style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; --line: light-dark(#ddd8cc, #33383d); --soft: light-dark(#625d55, #a3a099) }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.2rem 5rem; background: light-dark(#fbfaf6, #15171a); color: light-dark(#1f1d1a, #e8e6e1) }
details, section { border: 1px solid var(--line); border-radius: 9px; margin: .5rem 0; padding: .6rem .9rem }
summary { cursor: pointer; display: flex; flex-wrap: wrap; gap: .3rem .8rem; align-items: baseline }
summary b { font: 600 .85rem ui-monospace, monospace; min-width: 4.2rem; color: light-dark(#b4390a, #f59563) }
code { font: .9em ui-monospace, monospace } summary span, small, td:last-child { color: var(--soft) }
h4 { margin: 1rem 0 .3rem } ul { margin: .2rem 0; padding-left: 1.2rem } table { border-collapse: collapse; width: 100% } td { border-top: 1px solid var(--line); padding: .3rem .8rem .3rem 0; vertical-align: top }
a { color: inherit }
</style></head><body><h1>${escaped(info.title)} ${escaped(info.version)}</h1><p>${prose(info.description ?? '')}</p><p>The same for machines: <a href="openapi.json">openapi.json</a></p><h2>Requests</h2>${operations.join('')}<h2>Schemas</h2>${schemas.join('')}</body></html>`
}

function operationOf(method: string, path: string, { summary = '', parameters = [], requestBody, responses }: Operation): string {
  const rows = parameters.map(
    ({ name, in: place, required, schema = {}, description = schema.description }) =>
      `<tr><td><code>${escaped(name)}</code> <small>${escaped(place)}${required === true ? ', required' : ''}</small></td><td>${typeOf(schema)}${
        schema.default === undefined ? '' : ` <small>(${escaped(JSON.stringify(schema.default))})</small>`
      }</td><td>${prose(description ?? '')}</td></tr>`,
  )
  const bodies = Object.entries(requestBody?.content ?? {}).map(
    ([type, { schema = {} }]) => `<h4>Body, <code>${escaped(type)}</code></h4>${schemaOf(schema)}`,
  )
  const answers = Object.entries(responses).map(
    ([status, { description, content = {} }]) =>
      `<h4>${status === 'default' ? 'Else' : escaped(status)}</h4><p>${prose(description)}</p>${Object.entries(content)
        .map(([type, { schema = {} }]) => `<p><code>${escaped(type)}</code></p>${schemaOf(schema)}`)
        .join('')}`,
  )
  return `<details><summary><b>${method.toUpperCase()}</b><code>${escaped(path)}</code><span>${prose(summary)}</span></summary>${
    rows.length === 0 ? '' : `<h4>Parameters</h4><table>${rows.join('')}</table>`
  }${bodies.join('')}${answers.join('')}</details>`
}

function schemaOf(schema: Schema): string {
  const all = schema.allOf === undefined ? [schema] : schema.allOf
  const fields = all.flatMap((one) =>
    Object.entries(one.properties ?? {}).map(
      ([name, field]) =>
        `<li><code>${escaped(name)}</code>${one.required?.includes(name) === true ? '' : ' <small>(may be left out)</small>'}: ${typeOf(field)}${
          field.description === undefined ? '' : ` <small>${prose(field.description)}</small>`
        }${nestedOf(field)}</li>`,
    ),
  )
  return fields.length > 0 ? `<ul>${fields.join('')}</ul>` : `<p>${all.map(typeOf).join(', ')}</p>`
}

/** The fields of an object, or of the objects in a list, that has no name of its own. */
function nestedOf(schema: Schema): string {
  const inner = schema.items ?? schema
  return inner.properties === undefined ? '' : schemaOf(inner)
}

function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) {
    const name = escaped(schema.$ref.split('/').at(-1) ?? '')
    return `<a href="#schema-${name}">${name}</a>`
  }
  if (schema.enum !== undefined) return schema.enum.map((value) => `<code>${escaped(JSON.stringify(value))}</code>`).join(' | ')
  if (schema.const !== undefined) return `<code>${escaped(JSON.stringify(schema.const))}</code>`
  const several = schema.anyOf ?? schema.oneOf
  if (several !== undefined) return several.map(typeOf).join(' | ')
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`
  if (schema.type === undefined) return 'anything'
  return typeof schema.type === 'string' ? escaped(schema.type) : schema.type.map(escaped).join(' | ')
}
