import { existsSync } from 'node:fs'
import { registerHooks } from 'node:module'

const fromPackages = (path: string) => new URL(`../../packages/${path}`, import.meta.url)

/** Each entry of a package but its root is a folder: `@livetree/etcd/wire`, `@livetree/core/source`. */
function sourceOf(specifier: string): string | undefined {
  const [, name, folder] = /^(?:@livetree\/)?([a-z]+)(?:\/([a-z]+))?$/.exec(specifier) ?? []
  if (name === undefined || (name !== 'livetree' && !specifier.startsWith('@livetree/'))) return undefined
  const source = fromPackages(`${name}/src/${folder === undefined ? '' : `${folder}/`}index.ts`)
  return existsSync(source) ? source.href : undefined
}

/** For processes of their own: the packages' sources in place of what was built. Given to Node by `--import`. */
registerHooks({
  resolve(specifier, context, next) {
    const url = sourceOf(specifier)
    return url === undefined ? next(specifier, context) : { url, shortCircuit: true }
  },
})
