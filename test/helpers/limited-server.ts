// The product's server with limits of a test's own, as a process. Usage: node limited-server.js PORT FOLDER LIMITS, the last as JSON.
import { createServer } from '../../server/index.js'

const [port = '0', dataDir = '', limits = '{}'] = process.argv.slice(2)
const server = await createServer({ dataDir, demo: false, limits: JSON.parse(limits) })
await server.listen(Number(port), '127.0.0.1')
console.log(`Weft listens on ${server.url}`)
