import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'
import { mutations } from './mutations.ts'

/** Puts the fault named by `LIVETREE_MUTATION` into the sources as tests read them; the files stay as they are. */
export function mutating(): Plugin {
  const mutation = mutations.find(({ name }) => name === process.env.LIVETREE_MUTATION)
  const file = mutation && fileURLToPath(new URL(`../../${mutation.file}`, import.meta.url))
  return {
    name: 'livetree-mutation',
    enforce: 'pre',
    transform(code, id) {
      if (mutation === undefined || id.split('?')[0] !== file) return undefined
      const parts = code.split(mutation.find)
      if (parts.length !== 2)
        throw new Error(`"${mutation.find}" stands ${parts.length - 1} times in ${mutation.file}`)
      return { code: parts.join(mutation.replace), map: null }
    },
  }
}
