// The licences of what a bundle holds of other packages: their terms want them to go where the code goes.
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'

/** Names of the files in which packages keep their licence, and what they want to be passed on with it. */
const LICENCE_FILE = /^(licen[cs]e|copying|notice)([.-].*)?$/i
const RULE = `\n\n${'-'.repeat(80)}\n\n`

/** The folder of the package that a bundled file is of, relative to where the build ran; null: it is our own. */
function packageFolderOf(file) {
  const [folder] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? [null]
  return folder
}

/** `metafile` is esbuild's, `title` what is bundled. Throws for a package that does not say under which terms it may be passed on. */
export async function licencesOf(metafile, title) {
  const used = new Set()
  for (const { inputs } of Object.values(metafile.outputs))
    for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
      const folder = bytesInOutput > 0 ? packageFolderOf(file) : null
      if (folder !== null) used.add(folder)
    }
  const notices = []
  for (const folder of [...used].sort()) notices.push(await noticeOf(folder))
  return `What ${title} holds of other packages, and the terms of each.${RULE}${notices.join(RULE)}\n`
}

async function noticeOf(folder) {
  const { name, version, license } = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'))
  const files = (await readdir(folder)).filter((file) => LICENCE_FILE.test(file)).sort()
  const texts = await Promise.all(files.map((file) => readFile(path.join(folder, file), 'utf8')))
  if (texts.length === 0) texts.push(await licenceInReadme(folder))
  if (texts.includes(null))
    throw new Error(`${name} ${version} is bundled, and does not say under which terms: add it here, or leave it outside of the bundle.`)
  return [`${name} ${version} (${license})`, ...texts.map((text) => text.trim())].join('\n\n')
}

/** Some packages have their terms in a chapter of what they say of themselves; null: this one has not. */
async function licenceInReadme(folder) {
  const chapters = (await readFile(path.join(folder, 'README.md'), 'utf8')).split(/^## /m)
  return chapters.find((chapter) => /^licen[cs]e/i.test(chapter)) ?? null
}
