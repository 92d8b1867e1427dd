import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'
import { anchorOf } from '../markdown.ts'
import { GROUPS } from '../pages.ts'
import { siteBase } from '../site-base.ts'

const at = (path: string) => fileURLToPath(new URL(`../../.cache/site/${path}`, import.meta.url))

/** The site of the Markdown that `site/build.ts` has copied to `.cache/site/src`. */
export default defineConfig({
  title: 'livetree',
  description: 'One typed, live, always valid configuration object for Node services, from an etcd tree.',
  lang: 'en',
  base: siteBase(),
  srcDir: at('src'),
  outDir: at('dist'),
  cacheDir: at('cache'),
  // The pages are text of the repository: what looks like HTML is meant as it stands, and so is `{{ }}`.
  markdown: {
    html: false,
    anchor: { slugify: anchorOf },
    config(md) {
      const { text } = md.renderer.rules
      md.renderer.rules.text = (...args) =>
        (text?.(...args) ?? '').replaceAll('{{', '&#123;&#123;').replaceAll('}}', '&#125;&#125;')
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    sidebar: GROUPS.map(({ title, pages }) => ({
      text: title,
      items: pages.map((page) => ({ text: page.title, link: `/${page.route}` })),
    })),
    nav: [
      { text: 'Start', link: '/start' },
      { text: 'Reference', link: '/reference' },
      { text: 'Compared', link: '/compare' },
      { text: 'Changelog', link: '/changelog' },
    ],
    socialLinks: [{ icon: 'github', link: 'https://github.com/livetree/livetree' }],
    editLink: {
      text: 'Edit this page on GitHub',
      pattern: ({ frontmatter }) => `https://github.com/livetree/livetree/edit/main/${frontmatter['source']}`,
    },
    footer: { message: 'MIT licence' },
  },
})
