/** Imports the module that is named by the argument, and nothing before it; prints what that took. A child of import.ts. */
const name = process.argv[2]!
const cpuBefore = process.cpuUsage()
const startedAt = performance.now()
const module: object = await import(name)
const ms = performance.now() - startedAt
const { user, system } = process.cpuUsage(cpuBefore)
if (Object.keys(module).length === 0) throw new Error(`${name} exports nothing`)
console.log(JSON.stringify({ ms, cpuMs: (user + system) / 1000 }))
export {}
