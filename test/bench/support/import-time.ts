/**
 * Imports a module, and nothing before it; with an etcd's address, reads one key with it then. Prints what that took, in
 * milliseconds. A child of import.ts.
 */
const [name, endpoint] = process.argv.slice(2) as [string, string | undefined]
const cpuBefore = process.cpuUsage()
const startedAt = performance.now()

const readers: Readonly<Record<string, (endpoint: string) => Promise<string | null>>> = {
  livetree: async (endpoint) => {
    const { defineConfig, etcd } = await import('livetree')
    const { z } = await import('zod')
    const definition = defineConfig({ name: 'bench', schema: z.object({ key: z.string() }) })
    const config = await definition.load({ sources: [etcd({ endpoints: [endpoint], root: '/import' })] })
    return config.current.key
  },
  etcd3: async (endpoint) => {
    const { Etcd3 } = await import('etcd3')
    return new Etcd3({ hosts: endpoint }).get('/import/key').string()
  },
}

const module: object = await import(name)
const value = endpoint === undefined ? undefined : await readers[name]!(endpoint)
const ms = performance.now() - startedAt
const { user, system } = process.cpuUsage(cpuBefore)
if (Object.keys(module).length === 0) throw new Error(`${name} exports nothing`)
if (endpoint !== undefined && value !== 'value') throw new Error(`${name} read ${value}`)
console.log(JSON.stringify({ ms, cpuMs: (user + system) / 1000 }))
process.exit()
