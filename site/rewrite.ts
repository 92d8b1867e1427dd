import { posix } from 'node:path'
import { anchorsOf, type Link, linksOf } from './markdown.ts'
import type { Page } from './pages.ts'

/** What of the repository the rewriting looks at. */
export interface Repository {
  /** Text of a page's file. */
  read(file: string): string
  /** What is at a path from the root: nothing, a file or a directory. */
  kindOf(path: string): 'file' | 'directory' | undefined
}

/** A link that leads nowhere. */
export interface Fault {
  readonly file: string
  readonly line: number
  readonly message: string
}

/** A page with its links as the site has them. */
export interface Rewritten {
  readonly text: string
  readonly faults: readonly Fault[]
  /** Paths of the pictures it shows, from the root of the repository. */
  readonly pictures: readonly string[]
}

/** Writes the link to a page of the site; `anchor` is empty, or begins with `#`. */
export type LinkToPage = (page: Page, anchor: string) => string

/** Where the repository is, for files that are no pages. */
export const REPOSITORY_URL = 'https://github.com/livetree/livetree'

/** Rewrites the links of pages: those between pages, to files of the repository, and pictures. Everything else stays. */
export class Rewriter {
  readonly #pages: ReadonlyMap<string, Page>
  readonly #repository: Repository
  readonly #anchors = new Map<string, Set<string>>()

  constructor(pages: readonly Page[], repository: Repository) {
    this.#pages = new Map(pages.map((page) => [page.file, page]))
    this.#repository = repository
  }

  /**
   * @param linkTo how a link to another page is written
   * @param pictureAt how the address of a picture is written, by its path from the root of the repository
   */
  rewrite(page: Page, linkTo: LinkToPage, pictureAt: (path: string) => string): Rewritten {
    const text = this.#repository.read(page.file)
    const faults: Fault[] = []
    const pictures: string[] = []
    let result = ''
    let position = 0
    for (const link of linksOf(text)) {
      const target = this.#resolve(page, link)
      result += text.slice(position, link.offset)
      position = link.offset + link.target.length
      if (target.type === 'dead') {
        faults.push({ file: page.file, line: link.line, message: target.message })
        result += link.target
      } else if (target.type === 'picture') {
        pictures.push(target.path)
        result += pictureAt(target.path)
      } else result += target.type === 'page' ? linkTo(target.page, target.anchor) : target.url
    }
    return { text: result + text.slice(position), faults, pictures }
  }

  #resolve(from: Page, { target, isPicture }: Link): Target {
    const own = new RegExp(`^${REPOSITORY_URL}/(?:blob|tree)/main/([^#]+)(#.*)?$`).exec(target)
    if (own === null && /^[a-z][a-z\d+.-]*:|^\/\//i.test(target)) return { type: 'url', url: target }
    const [file = '', ...rest] = (own === null ? target : `${own[1]}${own[2] ?? ''}`).split('#')
    const anchor = rest.length === 0 ? '' : `#${rest.join('#')}`
    if (file === '') return this.#anchored(from, anchor)
    const folder = own === null ? posix.dirname(from.file) : '.'
    const path = posix.normalize(posix.join(folder, decoded(file))).replace(/\/$/, '')
    const kind = this.#repository.kindOf(path)
    if (kind === undefined || path.startsWith('..'))
      return dead(`links to ${target}, and there is no ${path}. Correct the link.`)
    const page = this.#pages.get(kind === 'directory' ? posix.join(path, 'README.md') : path)
    if (page !== undefined) return this.#anchored(page, anchor)
    if (isPicture) return { type: 'picture', path }
    return {
      type: 'url',
      url: `${REPOSITORY_URL}/${kind === 'directory' ? 'tree' : 'blob'}/main/${path}${anchor}`,
    }
  }

  /** A page, if it has the anchor. */
  #anchored(page: Page, anchor: string): Target {
    const anchors = this.#anchorsOf(page.file)
    const name = decoded(anchor.slice(1))
    if (anchor === '' || anchors.has(name)) return { type: 'page', page, anchor }
    const nearest = [...anchors].filter((each) => each.includes(name) || name.includes(each))
    const hint = nearest.length > 0 ? `it has #${nearest.slice(0, 3).join(', #')}` : 'see its headings'
    return dead(`links to ${anchor} of ${page.file}, which has no such heading: ${hint}. Correct the link.`)
  }

  #anchorsOf(file: string): Set<string> {
    const known = this.#anchors.get(file)
    if (known !== undefined) return known
    const anchors = anchorsOf(this.#repository.read(file))
    this.#anchors.set(file, anchors)
    return anchors
  }
}

type Target =
  | { readonly type: 'url'; readonly url: string }
  | { readonly type: 'page'; readonly page: Page; readonly anchor: string }
  | { readonly type: 'picture'; readonly path: string }
  | { readonly type: 'dead'; readonly message: string }

/** A part of an address as text; as it is, where its percent signs mean nothing. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function dead(message: string): Target {
  return { type: 'dead', message }
}

/** Files that have to be pages and are not listed, and pages whose file is not there. */
export function unlisted(pages: readonly Page[], files: readonly string[]): Fault[] {
  const listed = new Set(pages.map(({ file }) => file))
  const missing = files.filter((file) => !listed.has(file))
  const gone = pages.filter(({ file }) => !files.includes(file))
  return [
    ...missing.map((file) => fault(file, 'is not on the site. Add it to a group of site/pages.ts.')),
    ...gone.map(({ file }) =>
      fault(file, 'is listed in site/pages.ts, and is not there. Remove it from the list.'),
    ),
  ]
}

function fault(file: string, message: string): Fault {
  return { file, line: 1, message }
}
