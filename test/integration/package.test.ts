// The packed package in an empty project: it installs, its types compile, every example of the documentation compiles, and the quick start runs.
import { strict as assert } from 'node:assert'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { withInstalledPackage } from '../helpers/packed-package.js'
import { repositoryRoot as root } from '../helpers/repository.js'

const run = promisify(execFile)
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')

/** The TypeScript blocks of a Markdown file, in order; those with JSX too. */
async function examples(file: string): Promise<string[]> {
  const text = await readFile(join(root, file), 'utf8')
  return [...text.matchAll(/^```tsx?\n(.*?)^```$/gms)].map((match) => match[1] ?? '')
}

function compilerOptions(options: object): string {
  const strict = { strict: true, noEmit: true, target: 'es2023', module: 'nodenext', moduleResolution: 'nodenext' }
  return JSON.stringify({ compilerOptions: { ...strict, ...options } })
}

/** What the examples for programs take from the application around them. */
const ofTheReader = `
declare function articleAsYjsUpdate(documentId: string): Promise<Uint8Array | null>
declare const searchIndex: { put(documentId: string, text: string, users: readonly string[]): Promise<void> }
interface Reader { id: string; sessionEndsAt: number; mayRead(documentId: string): boolean; mayWrite(documentId: string): boolean }
declare function userOf(token: string, cookie: string | undefined): Promise<Reader | null>
declare const pool: { query(sql: string, values: readonly string[]): Promise<{ rows: { data: Uint8Array }[] }> }
declare function fetchToken(): Promise<string>
declare const server: import('weft-sync/server').WeftServer
`

test('the packed package installs into an empty project, compiles, and runs its quick start', async () => {
  await withInstalledPackage(async ({ project, paths, npm }) => {
    assert.deepEqual(
      paths.filter((path) => /^(test|bench|dist\/(test|bench|examples))\/|\.map$/.test(path)),
      [],
      'nothing but the product',
    )
    for (const page of ['demo', 'admin'])
      for (const file of ['index.html', 'main.js', 'style.css', 'icon.svg', 'licenses.txt'])
        assert.ok(paths.includes(`dist/${page}/${file}`), `${page}: ${file}`)
    // Their terms want that the licences of bundled packages go where the code goes.
    for (const [page, bundled] of [
      ['demo', ['yjs', 'lib0', 'prosemirror-view']],
      ['admin', ['preact', 'uplot']],
    ] as const) {
      const text = await readFile(join(project, 'node_modules', 'weft-sync', 'dist', page, 'licenses.txt'), 'utf8')
      for (const name of bundled)
        assert.match(
          text,
          new RegExp(`^${name} \\d[^ ]* \\(MIT\\)\\n\\n[^]{0,60}Copyright[^]{0,600}Permission is hereby granted`, 'im'),
          `${page}: ${name}`,
        )
    }
    await npm(['exec', '--offline', '--', 'weft', '--help'])

    const quickStart = await examples('README.md')
    const serverStart = quickStart.find((code) => code.includes('weft-sync/server')) ?? ''
    const clientStart = quickStart.find((code) => code.includes('weft-sync/client')) ?? ''
    const guide = await examples('docs/client.md')
    assert.ok(guide.length >= 5)

    // The client as an application for browsers sees it: no types of Node, and no leniency for our declarations.
    await mkdir(join(project, 'browser'))
    const browserFiles = [clientStart, ...guide.filter((code) => !code.includes('weft-sync/server'))]
    for (const [index, code] of browserFiles.entries()) await writeFile(join(project, 'browser', `example-${index}.tsx`), code)
    const browser = { types: [], lib: ['es2024', 'dom'], jsx: 'react-jsx', skipLibCheck: false }
    await writeFile(join(project, 'browser', 'tsconfig.json'), compilerOptions(browser))
    // React is optional: only who uses it has it, and its declarations.
    assert.ok(!existsSync(join(project, 'node_modules', 'react')))
    for (const name of ['@types/react', 'csstype'])
      await cp(join(root, 'node_modules', name), join(project, 'node_modules', name), { recursive: true })
    await compile(join(project, 'browser'))

    await mkdir(join(project, 'node'))
    await writeFile(join(project, 'node', 'server.ts'), serverStart)
    // What programs do, with what the pages leave to the reader declared.
    await writeFile(join(project, 'node', 'readers.d.ts'), ofTheReader)
    const pages = await Promise.all(
      ['docs/embedding.md', 'docs/access.md', 'docs/migrating-from-hocuspocus.md', 'docs/migrating-from-liveblocks.md'].map(examples),
    )
    const programs = pages.flat().filter((code) => !code.includes("from '@hocuspocus/"))
    assert.ok(programs.length >= 7)
    for (const [index, code] of programs.entries()) await writeFile(join(project, 'node', `example-${index}.ts`), `${code}\nexport {}\n`)
    // The declarations of Node come from the application, as everywhere.
    await cp(join(root, 'node_modules', '@types', 'node'), join(project, 'node_modules', '@types', 'node'), { recursive: true })
    await cp(join(root, 'node_modules', 'undici-types'), join(project, 'node_modules', 'undici-types'), { recursive: true })
    await writeFile(join(project, 'node', 'tsconfig.json'), compilerOptions({ types: ['node'], skipLibCheck: true }))
    await compile(join(project, 'node'))

    // The same for CommonJS: this folder is one.
    await mkdir(join(project, 'commonjs'))
    await writeFile(join(project, 'commonjs', 'package.json'), JSON.stringify({ type: 'commonjs' }))
    const inFunction = (code: string): string => code.replace(/^((?:import [^\n]*\n)+)(.*)$/s, '$1\nasync function main() {\n$2}\nmain()\n')
    await writeFile(join(project, 'commonjs', 'server.ts'), inFunction(serverStart))
    await writeFile(join(project, 'commonjs', 'client.ts'), inFunction(clientStart))
    const node = { types: ['node'], lib: ['es2024', 'dom'], noEmit: false }
    await writeFile(join(project, 'commonjs', 'tsconfig.json'), compilerOptions({ ...node, skipLibCheck: true }))
    await compile(join(project, 'commonjs'))

    await runQuickStart(project, serverStart, clientStart)
    await runCommonJs(project)
  })
})

async function compile(folder: string): Promise<void> {
  const outcome = await run(process.execPath, [compiler, '-p', folder], { timeout: 180_000 }).catch((error: { stdout?: string }) => error)
  assert.equal(outcome.stdout, '')
}

/** Runs both as they are printed, but for the port and a word at the end. */
async function runQuickStart(project: string, serverStart: string, clientStart: string): Promise<void> {
  await writeFile(join(project, 'server.js'), `${serverStart.replace('1234', '0')}\nconsole.log(server.url)\n`)
  const server = spawn(process.execPath, ['server.js'], { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [url] = (await once(createInterface(server.stdout), 'line')) as [string]
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/)
    const code = clientStart.replace('ws://localhost:1234', url.replace('http', 'ws'))
    await writeFile(
      join(project, 'client.js'),
      `${code}\nconsole.log(session.status.state, doc.getText('body').toString())\nprocess.exit()\n`,
    )
    const first = await run(process.execPath, ['client.js'], { cwd: project, timeout: 180_000 })
    assert.equal(first.stdout, 'saved Hello\n')
    const second = await run(process.execPath, ['client.js'], { cwd: project, timeout: 180_000 })
    assert.equal(second.stdout, 'saved HelloHello\n')
  } finally {
    const closed = once(server, 'close')
    server.kill('SIGKILL')
    await closed
  }
}

/** What the compiler made of the same two examples in a CommonJS project: `require` throughout, and one copy of Yjs. */
async function runCommonJs(project: string): Promise<void> {
  const folder = join(project, 'commonjs')
  const client = await readFile(join(folder, 'client.js'), 'utf8')
  assert.match(client, /require\("weft-sync\/client"\)/)
  const server = await readFile(join(folder, 'server.js'), 'utf8')
  await writeFile(join(folder, 'server.js'), server.replace('1234', '0').replace(/^\}$/m, 'console.log(server.url)\n}'))
  const running = spawn(process.execPath, ['server.js'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [url] = (await once(createInterface(running.stdout), 'line')) as [string]
    const ending = `console.log(session.status.state, doc.getText('body').toString()); process.exit()`
    await writeFile(
      join(folder, 'client.js'),
      client.replace('ws://localhost:1234', url.replace('http', 'ws')).replace(/^\}$/m, `${ending}\n}`),
    )
    const first = await run(process.execPath, ['client.js'], { cwd: folder, timeout: 180_000 })
    assert.equal(first.stdout, 'saved Hello\n')
    const second = await run(process.execPath, ['client.js'], { cwd: folder, timeout: 180_000 })
    assert.equal(second.stdout, 'saved HelloHello\n')
    // Yjs says so when a second copy of it is loaded.
    assert.equal(first.stderr + second.stderr, '')
    const persistence = await run(process.execPath, ['-p', `typeof require('weft-sync/persistence').openLmdbStore`], { cwd: folder })
    assert.equal(persistence.stdout, 'function\n')
  } finally {
    const closed = once(running, 'close')
    running.kill('SIGKILL')
    await closed
  }
}
