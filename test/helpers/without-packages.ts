// Loaded with `node --import`: makes the packages that WITHOUT_PACKAGES names fail to load, as a native module does on a system that it has no build for.
import { register } from 'node:module'

const names = (process.env['WITHOUT_PACKAGES'] ?? '').split(',')

const hooks = `
const names = ${JSON.stringify(names)}
export async function resolve(specifier, context, next) {
  if (names.includes(specifier)) throw new Error('No native build was found for this system: ' + specifier)
  return next(specifier, context)
}
`
register(`data:text/javascript,${encodeURIComponent(hooks)}`)
