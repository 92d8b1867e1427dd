import type { Page, PageGroup } from './pages.ts'

/** Text of a page in Markdown, with links to the Markdown of others. */
export interface Twin {
  readonly page: Page
  readonly text: string
}

/**
 * The index of the site for programs that read Markdown: what `llms.txt` of the repository says before its first list, and every
 * page with its Markdown and what it is about.
 */
export function llmsIndex(own: string, groups: readonly PageGroup[], base: string): string {
  const sections = groups.map(({ title, pages }) => {
    const lines = pages.map((page) => `- [${page.title}](${base}${page.route}.md): ${page.about}`)
    return `## ${title}\n\n${lines.join('\n')}\n`
  })
  const [beginning = ''] = own.split(/^## /m)
  return `${beginning}${sections.join('\n')}`
}

/** Every page in one text, in the order of the menu, each after a line that says where it is from. */
export function llmsFull(twins: readonly Twin[], base: string): string {
  return twins.map(({ page, text }) => `<!-- ${base}${page.route}.md -->\n\n${text.trimEnd()}\n`).join('\n')
}
