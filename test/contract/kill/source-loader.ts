import { registerHooks } from 'node:module'

/** For child processes: the packages' sources in place of what was built. Given to Node by `--import`. */
registerHooks({
  resolve(specifier, context, next) {
    if (specifier !== '@livetree/etcd/wire') return next(specifier, context)
    const url = new URL('../../../packages/etcd/src/wire/index.ts', import.meta.url).href
    return { url, shortCircuit: true }
  },
})
