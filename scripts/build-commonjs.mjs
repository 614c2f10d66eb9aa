// Makes what CommonJS programs get from the package: each compiled module once more, as CommonJS, so that its `require('yjs')` finds the same copy as the
// application's; and a copy of all declarations, which TypeScript reads there as those of CommonJS modules.
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { transform } from 'esbuild'

const folders = ['core', 'protocol', 'persistence', 'server', 'client']

/** Programs of their own: both forms start the same ones. */
const isProgram = (file) => /^(main|command|thread-entry|process-entry)\.js$/.test(path.basename(file))

async function filesOf(distDir, folder) {
  const names = await readdir(path.join(distDir, folder), { recursive: true })
  return names.map((name) => path.join(folder, name))
}

/** Answers the module's text as CommonJS. It finds what lies beside it (programs that it starts, the demo, SQL) beside the ES module. */
async function asCommonJs(distDir, outFile, file) {
  const source = await readFile(path.join(distDir, file), 'utf8')
  const fromHere = JSON.stringify(path.relative(path.dirname(outFile), path.join(distDir, file)))
  const { code } = await transform(source, {
    format: 'cjs',
    platform: 'node',
    target: 'es2022',
    // An import() would fetch the ES modules of y-indexeddb and ws, and with the first of them another copy of Yjs.
    supported: { 'dynamic-import': false },
    ...(source.includes('import.meta.url') && {
      define: { 'import.meta.url': 'moduleUrl' },
      banner: `const moduleUrl = require('node:url').pathToFileURL(require('node:path').join(__dirname, ${fromHere})).href;`,
    }),
    sourcefile: file,
    logLevel: 'warning',
  })
  return code
}

/** Reads the compiled package in `distDir`, writes into `commonjs` below it. */
export async function buildCommonJs(distDir) {
  const outDir = path.join(distDir, 'commonjs')
  const files = (await Promise.all(folders.map((folder) => filesOf(distDir, folder)))).flat()
  for (const folder of new Set(files.map((file) => path.dirname(file)))) await mkdir(path.join(outDir, folder), { recursive: true })
  await writeFile(path.join(outDir, 'package.json'), `${JSON.stringify({ type: 'commonjs' })}\n`)
  await Promise.all(
    files.map(async (file) => {
      const outFile = path.join(outDir, file)
      if (file.endsWith('.d.ts')) await copyFile(path.join(distDir, file), outFile)
      else if (file.endsWith('.js') && !isProgram(file)) await writeFile(outFile, await asCommonJs(distDir, outFile, file))
    }),
  )
}
