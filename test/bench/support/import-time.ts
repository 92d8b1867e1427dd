/**
 * Imports a module, and nothing before it; with an etcd's address, reads one key of it then. Prints what either took, in
 * milliseconds. A child of import.ts.
 */
const [name, endpoint] = process.argv.slice(2) as [keyof typeof readers, string | undefined]
const cpuBefore = process.cpuUsage()
const startedAt = performance.now()

const readers = {
  livetree: async (module: typeof import('livetree'), address: string) => {
    const { z } = await import('zod')
    const definition = module.defineConfig({ name: 'bench', schema: z.object({ key: z.string() }) })
    const source = module.etcd({ endpoints: [address], root: '/import' })
    return (await definition.load({ sources: [source] })).current.key
  },
  etcd3: async (module: typeof import('etcd3'), address: string) =>
    new module.Etcd3({ hosts: address }).get('/import/key').string(),
}

// biome-ignore lint/suspicious/noExplicitAny: which of the two it is, its reader knows
const module: any = await import(name)
if (Object.keys(module).length === 0) throw new Error(`${name} exports nothing`)
if (endpoint !== undefined && (await readers[name](module, endpoint)) !== 'value')
  throw new Error('another value')
const ms = performance.now() - startedAt
const { user, system } = process.cpuUsage(cpuBefore)
console.log(JSON.stringify({ ms, cpuMs: (user + system) / 1000 }))
process.exit()
