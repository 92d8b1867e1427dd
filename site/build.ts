import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from 'vitepress'
import { GROUPS, PAGES } from './pages.ts'
import { openRepository, pageFiles, ROOT } from './repository.ts'
import { type Fault, Rewriter, type Rewritten, unlisted } from './rewrite.ts'
import { siteBase } from './site-base.ts'
import { llmsFull, llmsIndex, type Twin } from './twins.ts'

// `npm run site`: builds the documentation site into .cache/site/dist, from the Markdown files that GitHub shows. Each page is
// there as Markdown too, beside its HTML, and all of them in llms.txt and llms-full.txt. A dead link, a link to a heading that
// is not there, and a page that site/pages.ts does not list fail the build. LIVETREE_SITE_BASE=/livetree/ serves it below a path.

const site = join(ROOT, '.cache/site')

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

/** Copies the pages, with links as VitePress resolves them, and the pictures that they show. */
function copyPages(rewriter: Rewriter): Fault[] {
  rmSync(site, { recursive: true, force: true })
  return PAGES.flatMap((page) => {
    const copy = rewriter.rewrite(
      page,
      ({ route }, anchor) => `/${route}${anchor}`,
      (path) => `/${path}`,
    )
    const { title, about, file, route } = page
    const head = [
      '---',
      ...Object.entries({ title, description: about, source: file }).map(entry),
      '---',
    ].join('\n')
    write(join(site, 'src', `${route}.md`), `${head}\n\n${copy.text}`)
    copyPictures(copy)
    return copy.faults
  })
}

/** A line of YAML; a JSON text is one of YAML too. */
function entry([name, value]: [string, string]): string {
  return `${name}: ${JSON.stringify(value)}`
}

function copyPictures({ pictures }: Rewritten): void {
  for (const path of pictures) cpSync(join(ROOT, path), join(site, 'src/public', path))
}

/** Writes the Markdown of each page beside its HTML, with links to the Markdown of others, and both indexes of it. */
function writeTwins(rewriter: Rewriter, base: string): void {
  const twins: Twin[] = PAGES.map((page) => {
    const linkTo = ({ route }: typeof page, anchor: string) => `${base}${route}.md${anchor}`
    return { page, text: rewriter.rewrite(page, linkTo, (path) => `${base}${path}`).text }
  })
  for (const { page, text } of twins) write(join(site, 'dist', `${page.route}.md`), text)
  write(join(site, 'dist/llms.txt'), llmsIndex(openRepository().read('llms.txt'), GROUPS, base))
  write(join(site, 'dist/llms-full.txt'), llmsFull(twins, base))
}

/** Builds the site, or says what is wrong with the pages. */
async function buildSite(base: string): Promise<boolean> {
  const rewriter = new Rewriter(PAGES, openRepository())
  const missing = unlisted(PAGES, pageFiles())
  const faults = missing.length > 0 ? missing : copyPages(rewriter)
  for (const { file, line, message } of faults) console.error(`${file}:${line} ${message}`)
  if (faults.length > 0) return false
  await build(join(ROOT, 'site'))
  writeTwins(rewriter, base)
  const seconds = (performance.now() / 1_000).toFixed(1)
  console.log(`${PAGES.length} pages in ${join(site, 'dist')}, in ${seconds} s`)
  return true
}

try {
  if (!(await buildSite(siteBase()))) process.exitCode = 1
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
